package servicebus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/internal/amqp"
)

var keys = []servicebus.Key{
	{Name: "root", Key: "root-key", Rights: []servicebus.Right{servicebus.Manage}},
	{Name: "sender", Key: "sender-key", Rights: []servicebus.Right{servicebus.Send}},
	{Name: "listener", Key: "listener-key", Rights: []servicebus.Right{servicebus.Listen}},
}

// guarded serves the queues "q" and "r", of which r has a key of its own.
func guarded(t *testing.T, change func(*servicebus.Config)) *servicebus.Server {
	t.Helper()
	cfg := servicebus.Config{Keys: keys, Queues: []servicebus.Queue{{Name: "q"}, {Name: "r",
		Keys: []servicebus.Key{{Name: "own", Key: "first", Secondary: "second", Rights: []servicebus.Right{servicebus.Send}}}}}}
	if change != nil {
		change(&cfg)
	}
	s, err := servicebus.Serve(cfg)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// attempt sends to a queue, or receives from it, with a connection string's credentials.
func attempt(t *testing.T, s *servicebus.Server, credentials, queue string, receives bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := azservicebus.NewClientFromConnectionString("Endpoint=sb://"+s.Addr()+";"+credentials+";UseDevelopmentEmulator=true", nil)
	must(t, err)
	defer c.Close(ctx)
	if receives {
		r, err := c.NewReceiverForQueue(queue, nil)
		must(t, err)
		_, err = r.PeekMessages(ctx, 1, nil)
		return err
	}
	sender, err := c.NewSender(queue, nil)
	must(t, err)
	return sender.SendMessage(ctx, &azservicebus.Message{}, nil)
}

func key(name, key string) string { return "SharedAccessKeyName=" + name + ";SharedAccessKey=" + key }

// signature is a token for a resource, made here and not by the SDK.
func signature(resource, name, key string, until time.Time) string {
	resource = strings.ToLower(url.QueryEscape(resource))
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%s\n%d", resource, until.Unix())
	return fmt.Sprintf("SharedAccessSignature=SharedAccessSignature sr=%s&sig=%s&se=%d&skn=%s", resource,
		url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))), until.Unix(), name)
}

func TestTokensAreVerified(t *testing.T) {
	t.Parallel()
	s := guarded(t, nil)
	later := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		credentials, queue string
		receives           bool
		want               string // "": accepted
	}{
		"a key with every right":      {key("root", "root-key"), "q", true, ""},
		"a key that may send":         {key("sender", "sender-key"), "q", false, ""},
		"a key that may listen":       {key("listener", "listener-key"), "q", true, ""},
		"a wrong key":                 {key("root", "another"), "q", false, "status code 401 and description: InvalidSignature: The token has an invalid signature."},
		"an unknown key":              {key("nobody", "root-key"), "q", false, "InvalidSignature: The token has an invalid signature."},
		"sending takes the claim":     {key("listener", "listener-key"), "q", false, "Unauthorized access. 'Send' claim(s) are required to perform this operation."},
		"listening takes the claim":   {key("sender", "sender-key"), "q", true, "Unauthorized access. 'Listen' claim(s) are required to perform this operation."},
		"a signature":                 {signature("sb://"+s.Addr(), "sender", "sender-key", later), "q", false, ""},
		"a signature for the queue":   {signature("sb://"+s.Addr()+"/q", "sender", "sender-key", later), "q", false, ""},
		"a host without a scheme":     {signature(s.Addr(), "sender", "sender-key", later), "q", false, ""},
		"a signature for another":     {signature("sb://"+s.Addr()+"/other", "sender", "sender-key", later), "q", false, "InvalidAudience: "},
		"an expired signature":        {signature(s.Addr(), "root", "root-key", time.Now().Add(-time.Minute)), "q", false, "ExpiredToken: The token is expired. Expiration time:"},
		"what is no signature":        {"SharedAccessSignature=hello", "q", false, "MalformedToken: "},
		"a queue's own key":           {key("own", "first"), "r", false, ""},
		"a queue's own second key":    {key("own", "second"), "r", false, ""},
		"a key of another queue":      {key("own", "first"), "q", false, "InvalidSignature: "},
		"a queue that is not there":   {key("root", "root-key"), "nowhere", false, "The messaging entity"},
		"nobody may ask what is here": {key("root", "another"), "nowhere", false, "InvalidSignature: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := attempt(t, s, c.credentials, c.queue, c.receives)
			if c.want == "" {
				must(t, err)
				return
			}
			code := azservicebus.CodeUnauthorizedAccess
			if c.want == "The messaging entity" {
				code = azservicebus.CodeNotFound
			}
			wantCode(t, err, code)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestAcceptAllVerifiesNothing(t *testing.T) {
	t.Parallel()
	s := guarded(t, func(c *servicebus.Config) { c.AcceptAll = true })
	must(t, attempt(t, s, key("nobody", "nothing"), "q", false))
	if !strings.Contains(s.ConnectionString(), key("root", "root-key")) {
		t.Errorf("connection string %q names no key that was given", s.ConnectionString())
	}
}

// entra is a token of Microsoft Entra that nobody can verify.
type entra struct{}

func (entra) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "e30.e30.", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestTLSAndTokensOfEntra(t *testing.T) {
	t.Parallel()
	certificate, roots := selfSigned(t)
	for name, accept := range map[string]bool{"accepted": true, "refused": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := guarded(t, func(c *servicebus.Config) {
				c.ListenTLS, c.Certificate, c.AcceptJWT = "127.0.0.1:0", certificate, accept
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			c, err := azservicebus.NewClient("localhost", entra{}, &azservicebus.ClientOptions{CustomEndpoint: s.AddrTLS(),
				TLSConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}})
			must(t, err)
			defer c.Close(ctx)
			sender, err := c.NewSender("q", nil)
			must(t, err)
			err = sender.SendMessage(ctx, &azservicebus.Message{Body: make([]byte, 100_000)}, nil)
			if !accept {
				wantCode(t, err, azservicebus.CodeUnauthorizedAccess)
				return
			}
			must(t, err)
		})
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: secret}, roots
}

func TestSASLPlainIsNameAndKey(t *testing.T) {
	t.Parallel()
	s := guarded(t, nil)
	for password, want := range map[string]uint8{"listener-key": 0, "wrong": 1} {
		nc, err := net.Dial("tcp", s.Addr())
		must(t, err)
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(2 * time.Minute))
		r := &raw{t, nc}
		if got := r.logIn(&amqp.SASLInit{Mechanism: "PLAIN", Response: []byte("\x00listener\x00" + password)}); got != want {
			t.Fatalf("outcome %d for the key %q", got, password)
		}
		if want != 0 {
			continue
		}
		r.open(&amqp.Open{ContainerID: "raw"})
		r.write(&amqp.Begin{IncomingWindow: 100, OutgoingWindow: 100})
		read[*amqp.Begin](r)
		r.attachReceiver(1, "q")
		r.write(&amqp.Attach{Name: "out", Handle: 2, SenderMode: 2, Target: terminus(0x29, "q"), InitialDeliveryCount: new(uint32)})
		read[*amqp.Attach](r)
		if d := read[*amqp.Detach](r); d.Error.Condition != "amqp:unauthorized-access" {
			t.Errorf("%+v", d.Error)
		}
	}
}

// Management takes a link of any claim, but each operation the claim that it needs.
func TestManagementNeedsTheClaimOfTheOperation(t *testing.T) {
	t.Parallel()
	s := guarded(t, nil)
	nc, err := net.Dial("tcp", s.Addr())
	must(t, err)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(2 * time.Minute))
	r := &raw{t, nc}
	r.logIn(&amqp.SASLInit{Mechanism: "PLAIN", Response: []byte("\x00sender\x00sender-key")})
	r.open(&amqp.Open{ContainerID: "raw"})
	r.write(&amqp.Begin{IncomingWindow: 100, OutgoingWindow: 100})
	read[*amqp.Begin](r)
	for operation, want := range map[string]int32{"peek-message": 401, "cancel-scheduled-message": 200, "get-session-state": 501} {
		m := r.ask("q/$management", "com.microsoft:"+operation, amqp.Map{{Key: "sequence-numbers", Value: amqp.ArrayOf([]int64{})}})
		if got := m.Application.Get("statusCode"); got != want {
			t.Errorf("%s: status %v, want %d: %v", operation, got, want, m.Application.Get("statusDescription"))
		}
	}
}
