// Package graph is Guestlist's client for Microsoft Graph: look a person up, invite, add to a group, assign an app role.
//
// Start with [New]. Errors of the service are [*Error], classified by one table (table.go); [Verdict] turns them into the
// verdicts of pkg/message that a step returns.
//
// Promises. A request is repeated only where the first certainly did nothing: once with a new token after a 401, and after
// a redirect within the same host. All other retries belong to messages, not to sleeping handlers. Every request ends
// within [Timeout]; only the methods that say so make more than one. No error carries a URL, a request body, an address
// given to the client or a redeem URL. All methods may be called from many goroutines at once.
//
// It uses the request builders of msgraph-sdk-go for paths and query parameters, but not its models: decoding a single
// user through them links 22 MB of types into the binary. Answers are decoded into small structs of this package.
// Left out: pacing, sending mail.
package graph

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	kazure "github.com/microsoft/kiota-authentication-azure-go"
	khttp "github.com/microsoft/kiota-http-go"
	kjson "github.com/microsoft/kiota-serialization-json-go"
)

// Public is the endpoint of the global cloud.
const Public = "https://graph.microsoft.com"

// Timeout bounds every call, the token included.
const Timeout = 30 * time.Second

// ErrNotFound says that the directory has no such object. It may be one that is not replicated yet.
var ErrNotFound = errors.New("not found in the directory")

// Config says where Microsoft Graph is and who asks.
type Config struct {
	// Endpoint is scheme and host; "" means [Public]. Plain http is accepted for localhost, 127.0.0.1 and ::1 only.
	Endpoint string
	// Credential gives tokens; nil sends none, which only a test server accepts.
	Credential azcore.TokenCredential
	// HTTP carries the requests; nil means a transport of its own that keeps connections open.
	HTTP http.RoundTripper
	// Seen is told how each call went, before the caller is: nil or an [*Error] of the operation. nil tells nobody.
	Seen func(ctx context.Context, op Operation, err error)
}

// Client calls Microsoft Graph. Make one per process, so that connections and tokens are reused.
type Client struct {
	adapter    *khttp.NetHttpRequestAdapter
	credential azcore.TokenCredential
	resource   string // scheme and host of the real service that Endpoint is or stands for
	seen       func(context.Context, Operation, error)
}

// New returns a client. It sends nothing: a wrong credential shows on the first call.
func New(cfg Config) (*Client, error) {
	endpoint, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	c := &Client{resource: Public, credential: cfg.Credential, seen: cfg.Seen}
	if endpoint.Scheme == "https" {
		c.resource = endpoint.String()
	}
	auth, err := c.authentication(cfg.Credential, endpoint.Hostname())
	if err != nil {
		return nil, err
	}
	c.adapter, err = khttp.NewNetHttpRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, kjson.NewJsonParseNodeFactory(), kjson.NewJsonSerializationWriterFactory(), httpClient(cfg.HTTP))
	if err != nil {
		return nil, fmt.Errorf("graph client: %w", err)
	}
	c.adapter.SetBaseUrl(endpoint.String() + "/v1.0")
	return c, nil
}

func parseEndpoint(s string) (*url.URL, error) {
	if s == "" {
		s = Public
	}
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("graph endpoint: %w", err)
	case u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, fmt.Errorf("graph endpoint %q: want scheme and host only, as in %s", u.Redacted(), Public)
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, fmt.Errorf("graph endpoint %q: want https; plain http is for this machine only", u.Redacted())
	}
	return u, nil
}

// loopback accepts exactly the hosts to which the SDK sends a token over plain http.
func loopback(host string) bool {
	return strings.EqualFold(host, "localhost") || host == "127.0.0.1" || net.ParseIP(host).Equal(net.IPv6loopback)
}

// authentication sends tokens for the real service's resource, also when the endpoint is a stand-in on this machine. The
// SDK sends no token at all to a host that is not in its list.
func (c *Client) authentication(cred azcore.TokenCredential, host string) (authentication.AuthenticationProvider, error) {
	if cred == nil {
		return &authentication.AnonymousAuthenticationProvider{}, nil
	}
	scopes := []string{c.resource + "/.default"}
	auth, err := kazure.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(credential{cred}, scopes, []string{host})
	if err != nil {
		return nil, fmt.Errorf("graph credential: %w", err)
	}
	return auth, nil
}
