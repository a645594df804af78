package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"guestlist/pkg/local/lambda"
)

// clouds are the three services of the sign-in, over TLS as they must be: AWS STS, the token endpoint of Entra, and a blob
// service that trusts Entra.
type clouds struct {
	mu        sync.Mutex
	sts       url.Values
	stsSigned string
	token     url.Values
	blobs     map[string]string // authorization by method and path
	refuse    bool              // STS
}

// token is a JWT as AWS makes it; nobody here checks its signature.
var token = func() string {
	part := func(v any) string {
		raw, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	return part(map[string]string{"alg": "RS256", "kid": "RSA_0"}) + "." + part(map[string]string{"aud": tokenExchange,
		"sub": "arn:aws:iam::111122223333:role/guestlist-relay", "iss": "https://example.tokens.sts.global.api.aws"}) + ".c2ln"
}()

func (c *clouds) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	form, _ := url.ParseQuery(string(body))
	switch {
	case form.Get("Action") == "GetWebIdentityToken":
		c.sts, c.stsSigned = form, req.Header.Get("Authorization")
		w.Header().Set("Content-Type", "text/xml")
		if c.refuse {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<ErrorResponse><Error><Type>Sender</Type><Code>OutboundWebIdentityFederationDisabled</Code><Message>Outbound web identity federation is not enabled</Message></Error><RequestId>r</RequestId></ErrorResponse>`)
			return
		}
		_, _ = io.WriteString(w, `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult><WebIdentityToken>`+
			token+`</WebIdentityToken><Expiration>2099-01-01T00:00:00Z</Expiration></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>`)
	case strings.HasSuffix(req.URL.Path, "/oauth2/v2.0/token"):
		c.token = form
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"entra-token"}`)
	case strings.HasSuffix(req.URL.Path, "/.well-known/openid-configuration"):
		at := "https://" + req.Host + "/11111111-0000-4000-8000-000000000001"
		_ = json.NewEncoder(w).Encode(map[string]string{"token_endpoint": at + "/oauth2/v2.0/token", "authorization_endpoint": at + "/oauth2/v2.0/authorize", "issuer": at + "/v2.0"})
	default:
		c.blobs[req.Method+" "+req.URL.Path] = req.Header.Get("Authorization")
		w.WriteHeader(map[string]int{http.MethodHead: http.StatusNotFound, http.MethodPut: http.StatusCreated}[req.Method])
	}
}

// signIn gives the function an identity instead of a connection string, and three services to use it with.
func signIn(t *testing.T) (*clouds, func(*lambda.Config)) {
	t.Helper()
	c := &clouds{blobs: map[string]string{}}
	s := httptest.NewTLSServer(c)
	t.Cleanup(s.Close)
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return c, func(config *lambda.Config) {
		var kept []string
		for _, v := range config.Environment {
			if !strings.HasPrefix(v, "Storage=") {
				kept = append(kept, v)
			}
		}
		config.Environment = append(kept, "Storage__blobServiceUri="+s.URL, "AZURE_TENANT_ID=11111111-0000-4000-8000-000000000001",
			"AZURE_CLIENT_ID=22222222-0000-4000-8000-000000000002", "AZURE_AUTHORITY_HOST="+s.URL, "AWS_ENDPOINT_URL_STS="+s.URL,
			"SSL_CERT_FILE="+root)
	}
}

// TestSignsInWithATokenOfAWS follows the sign-in of the built binary: no key of Azure is anywhere.
func TestSignsInWithATokenOfAWS(t *testing.T) {
	t.Parallel()
	c, change := signIn(t)
	w := newWorld(t, true, change)
	if r := w.invoke(w.put("users/a.csv", []byte("Email\n"))); r.Failed() {
		t.Fatalf("%s: %s", r.ErrorType, r.ErrorMessage)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sts.Get("Audience.member.1") != tokenExchange || c.sts.Get("SigningAlgorithm") != "RS256" || c.sts.Get("DurationSeconds") != "300" || !strings.Contains(c.stsSigned, "/eu-central-1/sts/aws4_request") {
		t.Errorf("asked AWS for %v, signed %s", c.sts, c.stsSigned)
	}
	for name, want := range map[string]string{"client_assertion": token, "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		"client_id": "22222222-0000-4000-8000-000000000002", "grant_type": "client_credentials"} {
		if c.token.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, c.token.Get(name), want)
		}
	}
	if scope := c.token.Get("scope"); !strings.HasPrefix(scope, "https://storage.azure.com/.default") || c.token.Has("client_secret") {
		t.Errorf("scope %q", scope)
	}
	path := "/" + w.container() + "/" + w.bucket + "/users/a.csv"
	for _, call := range []string{"HEAD " + path, "PUT " + path} {
		if c.blobs[call] != "Bearer entra-token" {
			t.Errorf("%s came with %q; all: %v", call, c.blobs[call], c.blobs)
		}
	}
}

// TestRefusedSignInIsTriedAgain has an account of AWS where nobody has turned the tokens on.
func TestRefusedSignInIsTriedAgain(t *testing.T) {
	t.Parallel()
	c, change := signIn(t)
	c.refuse = true
	w := newWorld(t, true, change)
	r := w.invoke(w.put("users/a.csv", []byte("Email\n")))
	if r.ErrorType != retryable || !strings.Contains(r.ErrorMessage, "ask AWS for a token about this function's role") || !strings.Contains(r.ErrorMessage, "not enabled") {
		t.Errorf("%s: %s", r.ErrorType, r.ErrorMessage)
	}
}
