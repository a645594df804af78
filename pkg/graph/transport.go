package graph

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	khttp "github.com/microsoft/kiota-http-go"
)

const (
	maxAnswer  = 8 << 20  // an application with the most app roles allowed stays far below
	maxRefusal = 64 << 10 // error bodies are a few hundred bytes
)

// httpClient builds the SDK's pipeline with two of its handlers only. Without the retry handler, because it sleeps in the
// process and cannot be switched off by its options; without compression, because together with retries it corrupts
// bodies; redirects stay within the host, since a body holds a person's address.
func httpClient(base http.RoundTripper) *http.Client {
	if base == nil {
		base = keepAlive()
	}
	redirects := khttp.NewRedirectHandlerWithOptions(khttp.RedirectHandlerOptions{MaxRedirects: 3, ShouldRedirect: sameOrigin})
	return &http.Client{
		Transport: khttp.NewCustomTransportWithParentTransport(&transport{base}, khttp.NewParametersNameDecodingHandler(), redirects),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the SDK's handler has followed what may be followed
		},
	}
}

// keepAlive keeps as many idle connections as one process has calls under way (host.json allows 64 assignments); the
// default of two would open a new one for nearly every call over HTTP/1.
func keepAlive() http.RoundTripper {
	d, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t := d.Clone()
	t.MaxIdleConnsPerHost = 64
	return t
}

func sameOrigin(req *http.Request, res *http.Response) bool {
	to, err := res.Location()
	return err == nil && to.Host == req.URL.Host && to.Scheme == req.URL.Scheme
}

// exchange is what is known of one call's last request, whatever the SDK makes of it: it reports an answer that is not
// JSON, such as a gateway's page, without its status.
type exchange struct {
	sent   bool   // a request was handed to the network
	client string // the id that we gave the request
	status int
	header http.Header
	body   []byte // of a refusal
	cut    error  // why the refusal's body was not read to its end
}

type exchangeKey struct{}

// transport is the innermost part of the pipeline: it sends the body with its length and notes the answer.
type transport struct{ base http.RoundTripper }

// RoundTrip sends one request.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	req, err := withLength(req)
	if err != nil {
		return nil, err
	}
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return t.base.RoundTrip(req)
	}
	*x = exchange{sent: true, client: req.Header.Get(clientRequest)}
	res, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	x.status, x.header = res.StatusCode, res.Header
	return res, x.keep(res)
}

// clientRequest names a request by an id of our own, by which support finds it even if no answer came back.
const clientRequest = "client-request-id"

// newRequestID returns a random GUID.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])                      // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, variant 1
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// withLength gives req a body of its own with a known length. The SDK sends bodies of unknown length, in chunks, and
// follows a redirect with the drained body of the first request.
func withLength(req *http.Request) (*http.Request, error) {
	own := req.Clone(req.Context())
	own.Header.Set("User-Agent", "guestlist")
	own.Header.Set(clientRequest, newRequestID())
	body, ok := req.Body.(io.ReadSeeker)
	if !ok {
		return own, nil
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("rewind the request body: %w", err)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read the request body: %w", err)
	}
	own.ContentLength = int64(len(b))
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(&timely{req.Context(), bytes.NewReader(b)}), nil }
	own.Body, err = own.GetBody()
	return own, err
}

// timely is a body that ends with an error once the call's time is over, by either of the process's clocks: a process that
// was stopped, or whose machine was, goes on where it stood, perhaps before its timers do, and must not send then. The
// transport reads a body when a connection stands and right before it is sent; one that breaks off makes no request.
type timely struct {
	ctx context.Context
	r   io.Reader
}

// Read reads on, in time.
func (t *timely) Read(p []byte) (int, error) {
	if end, ok := t.ctx.Deadline(); ok {
		if now := time.Now(); !now.Before(end) || !now.Round(0).Before(end.Round(0)) {
			return 0, context.DeadlineExceeded
		}
	}
	return t.r.Read(p)
}

// keep copies a refusal's body and bounds what anybody reads of an answer. An error while reading is noted: the status is
// known, but not always enough.
func (x *exchange) keep(res *http.Response) error {
	rest := res.Body
	var read io.Reader = rest
	if res.StatusCode >= 400 {
		x.body, x.cut = io.ReadAll(io.LimitReader(rest, maxRefusal))
		read = http.NoBody
		challenge(res)
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(read, maxAnswer), rest}
	return nil
}

var quotedClaims = regexp.MustCompile(`claims="[^",]+"`)

// challenge makes sure that a 401 carries a challenge that the SDK answers, once, with a new token. One without claims
// may be about a token that was cached before it was revoked or a permission granted; it gets claims that demand nothing
// but make credentials pass over their caches. One that names claims without quotes would have the SDK panic.
func challenge(res *http.Response) {
	const name = "WWW-Authenticate"
	if res.StatusCode == http.StatusUnauthorized && !quotedClaims.MatchString(res.Header.Get(name)) {
		res.Header.Set(name, `Bearer claims="`+base64.StdEncoding.EncodeToString([]byte(noClaims))+`"`)
	}
}

// noClaims are claims that demand nothing.
const noClaims = "{}"

// credential marks errors of the wrapped credential, to be told from those of Microsoft Graph.
type credential struct{ azcore.TokenCredential }

// GetToken asks the wrapped credential. Some, as that of the Azure CLI, take no claims; they have no cache either.
func (c credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := c.TokenCredential.GetToken(ctx, o)
	if err != nil && o.Claims == noClaims {
		o.Claims = ""
		t, err = c.TokenCredential.GetToken(ctx, o)
	}
	if err != nil {
		return t, &tokenError{err}
	}
	return t, nil
}

type tokenError struct{ error }

// Unwrap returns the credential's own error.
func (e *tokenError) Unwrap() error { return e.error }
