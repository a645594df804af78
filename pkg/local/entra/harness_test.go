package entra_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/local/entra"
)

const (
	tenantID   = "11111111-1111-4111-8111-111111111111"
	memberID   = "22222222-2222-4222-8222-222222222222"
	disabledID = "22222222-2222-4222-8222-222222222223"
	guestID    = "33333333-3333-4333-8333-333333333333"
	groupID    = "44444444-4444-4444-8444-444444444444"
	appID      = "55555555-5555-4555-8555-555555555555"
	spID       = "66666666-6666-4666-8666-666666666666"
	roleID     = "77777777-7777-4777-8777-777777777777"
	plainAppID = "55555555-5555-4555-8555-555555555556"
	plainSPID  = "66666666-6666-4666-8666-666666666667"
	absentID   = "99999999-9999-4999-8999-999999999999"
	zeroRole   = "00000000-0000-0000-0000-000000000000"
	redirect   = "https://myapplications.microsoft.com/?tenantid=x"
	elsewhere  = "https://portal.contoso.example/welcome"
	address    = "ana@partner.example"
)

// seed is a directory with one of each kind.
func seed() entra.Seed {
	return entra.Seed{TenantID: tenantID, VerifiedDomains: []string{"contoso.example", "contoso.onmicrosoft.com"},
		Users: []entra.User{
			{ID: memberID, DisplayName: "Mia Member", Mail: "mia@contoso.example", OtherMails: []string{"mia@home.example"}},
			{ID: disabledID, Mail: "old@contoso.example", AccountEnabled: new(false)},
			{ID: guestID, DisplayName: "Gus Guest", Mail: "gus@partner.example", UserType: "Guest", ExternalUserState: "Accepted",
				OtherMails: []string{"gus@alias.example"}, ProxyAddresses: []string{"SMTP:gus@partner.example", "smtp:g@partner.example"}},
		},
		Groups: []entra.Group{{ID: groupID, DisplayName: "Partners"}},
		Applications: []entra.Application{
			{AppID: appID, ID: spID, DisplayName: "Wiki", AppRoles: []entra.AppRole{{ID: roleID, Value: "Reader", DisplayName: "Readers"},
				{Value: "Off", IsEnabled: new(false)}, {Value: "Daemon", AllowedMemberTypes: []string{"Application"}}}},
			{AppID: plainAppID, ID: plainSPID, DisplayName: "Shop", AppOwnerOrganizationID: entra.MicrosoftOrganization},
		}}
}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// client calls one server with a token.
type client struct {
	t     *testing.T
	s     *entra.Server
	token string
}

// serve starts a server, with the usual seed unless cfg has one, and fetches a token.
func serve(t *testing.T, cfg entra.Config) *client {
	t.Helper()
	if cfg.Seed.TenantID == "" {
		cfg.Seed = seed()
	}
	s, err := entra.Serve(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &client{t: t, s: s}
	c.token = c.newToken("resource=https://graph.microsoft.com&api-version=2019-08-01")
	return c
}

// newToken asks the identity endpoint.
func (c *client) newToken(query string) string {
	c.t.Helper()
	r := c.send(request{method: "GET", url: c.s.IdentityEndpoint() + "?" + query, header: map[string]string{"X-IDENTITY-HEADER": c.s.IdentityHeader()}})
	if r.status != 200 {
		c.t.Fatalf("identity endpoint: %d %s", r.status, r.raw)
	}
	return r.text("access_token")
}

// request is one call; url may be a path below the server's.
type request struct {
	method, url, body string
	header            map[string]string
}

// response is an answer with its JSON, if it is any.
type response struct {
	status int
	header http.Header
	raw    string
	json   map[string]any
}

// text returns a string inside the JSON, by its path.
func (r response) text(path ...string) string {
	s, _ := r.at(path...).(string)
	return s
}

func (r response) at(path ...string) any {
	var v any = r.json
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

// try sends a request without a token of its own and without redirects.
func (c *client) try(r request) (response, error) { return c.tryContext(c.t.Context(), r) }

func (c *client) tryContext(ctx context.Context, r request) (response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return response{}, err
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	h := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := h.Do(req)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	out := response{status: res.StatusCode, header: res.Header, raw: string(b)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.NewDecoder(bytes.NewReader(b)).Decode(&out.json); err != nil {
			c.t.Errorf("%s %s answered %q: %v", r.method, r.url, b, err)
		}
	}
	return out, err
}

func (c *client) send(r request) response {
	c.t.Helper()
	res, err := c.try(r)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

// do calls Microsoft Graph; headers come as pairs.
func (c *client) do(method, path, body string, headers ...string) response {
	c.t.Helper()
	return c.send(c.graph(method, path, body, headers...))
}

func (c *client) graph(method, path, body string, headers ...string) request {
	h := map[string]string{"Authorization": "Bearer " + c.token}
	if body != "" {
		h["Content-Type"] = "application/json"
	}
	for i := 0; i+1 < len(headers); i += 2 {
		h[headers[i]] = headers[i+1]
	}
	if !strings.HasPrefix(path, "http") {
		path = c.s.URL() + "/v1.0" + path
	}
	return request{method: method, url: path, body: body, header: h}
}

// control calls the controls.
func (c *client) control(method, path, body string) response {
	c.t.Helper()
	return c.send(request{method: method, url: c.s.ControlURL() + path, body: body})
}

// invite invites without Microsoft's mail.
func (c *client) invite(address string) response { c.t.Helper(); return c.inviteMail(address, false) }

func (c *client) inviteMail(address string, mail bool) response {
	c.t.Helper()
	b, _ := json.Marshal(map[string]any{"invitedUserEmailAddress": address, "inviteRedirectUrl": redirect, "sendInvitationMessage": mail})
	return c.do("POST", "/invitations", string(b))
}

// find looks users up by a filter and returns their ids.
func (c *client) find(filter string) []string {
	c.t.Helper()
	r := c.do("GET", "/users?$select=id&$filter="+url.QueryEscape(filter), "")
	if r.status != 200 {
		c.t.Fatalf("filter %s: %d %s", filter, r.status, r.raw)
	}
	return r.ids()
}

// ids returns the ids of a list.
func (r response) ids() []string {
	ids := []string{}
	list, _ := r.json["value"].([]any)
	for _, v := range list {
		id, _ := v.(map[string]any)["id"].(string)
		ids = append(ids, id)
	}
	return ids
}

// addMember adds a user to a group.
func (c *client) addMember(group, user string) response {
	c.t.Helper()
	return c.do("POST", "/groups/"+group+"/members/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/`+user+`"}`)
}

// assign gives a user an app role of a service principal.
func (c *client) assign(sp, user, role string) response {
	c.t.Helper()
	return c.do("POST", "/servicePrincipals/"+sp+"/appRoleAssignedTo", `{"principalId":"`+user+`","resourceId":"`+sp+`","appRoleId":"`+role+`"}`)
}

// want checks a status and, unless they are empty, code and text of the error.
func (r response) want(t *testing.T, status int, code, text string) {
	t.Helper()
	if r.status != status || code != "" && r.text("error", "code") != code || text != "" && r.text("error", "message") != text {
		t.Errorf("got %d %s\nwant %d %s %s", r.status, r.raw, status, code, text)
	}
}

// waitFor polls until done holds.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(deadline) {
			t.Fatal("did not happen within a minute")
		}
		time.Sleep(time.Millisecond)
	}
}
