package entra_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

func TestTheIdentityEndpointAnswersAsAppServiceDoes(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Now: now.Now})
	r := c.send(request{method: "GET", url: c.s.IdentityEndpoint() + "?resource=https://graph.microsoft.com&api-version=2019-08-01&client_id=abc",
		header: map[string]string{"X-IDENTITY-HEADER": c.s.IdentityHeader()}})
	r.want(t, 200, "", "")
	delete(r.json, "access_token")
	want := map[string]any{"resource": "https://graph.microsoft.com", "token_type": "Bearer", "client_id": "abc",
		"expires_on": strconv.FormatInt(now.Now().Add(24*time.Hour).Unix(), 10)}
	if diff := cmp.Diff(want, r.json); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestTheIdentityEndpointRefusesCallersThatAreNotTheApp(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	const query = "?resource=https://graph.microsoft.com&api-version=2019-08-01"
	for name, tc := range map[string]struct {
		method, query, header string
		status                int
	}{
		"wrong header": {"GET", query, "guess", 401},
		"no header":    {"GET", query, "", 401},
		"no version":   {"GET", "?resource=x", c.s.IdentityHeader(), 400},
		"no resource":  {"GET", "?api-version=2019-08-01", c.s.IdentityHeader(), 400},
		"a POST":       {"POST", query, c.s.IdentityHeader(), 405},
	} {
		r := c.send(request{method: tc.method, url: c.s.IdentityEndpoint() + tc.query, header: map[string]string{"X-IDENTITY-HEADER": tc.header}})
		if r.status != tc.status || r.text("access_token") != "" {
			t.Errorf("%s: %d %s, want %d", name, r.status, r.raw, tc.status)
		}
	}
}

func TestGraphTakesOnlyTokensThatItIssuedForItself(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Now: now.Now})
	other := c.newToken("resource=https://servicebus.azure.net&api-version=2019-08-01")
	for token, text := range map[string]string{
		"":                               "Access token is empty.",
		"guess":                          "CompactToken parsing failed with error code: 80049217",
		"a.b.c":                          "CompactToken parsing failed with error code: 80049217",
		c.token[:len(c.token)-3] + "abc": "CompactToken parsing failed with error code: 80049217",
		other:                            "Access token validation failure. Invalid audience.",
	} {
		c.do("GET", "/groups/"+groupID, "", "Authorization", "Bearer "+token).want(t, 401, "InvalidAuthenticationToken", text)
	}
	c.do("GET", "/groups/"+groupID, "", "Authorization", "Basic "+c.token).want(t, 401, "InvalidAuthenticationToken", "Access token is empty.")
	c.do("GET", "/groups/"+groupID, "").want(t, 200, "", "")
	now.advance(24*time.Hour - time.Second)
	c.do("GET", "/groups/"+groupID, "").want(t, 200, "", "")
	now.advance(time.Second)
	c.do("GET", "/groups/"+groupID, "").want(t, 401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
}

func TestTokensLiveAsLongAsConfigured(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Now: now.Now, TokenLife: time.Minute})
	now.advance(time.Minute - time.Second)
	c.do("GET", "/groups/"+groupID, "").want(t, 200, "", "")
	now.advance(time.Second)
	c.do("GET", "/groups/"+groupID, "").want(t, 401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
}

func TestTokensOutliveTheEmulatorIfItsIdentityHeaderStays(t *testing.T) {
	t.Parallel()
	first := serve(t, entra.Config{IdentityHeader: "fixed"})
	second := serve(t, entra.Config{IdentityHeader: "fixed"})
	second.do("GET", "/groups/"+groupID, "", "Authorization", "Bearer "+first.token).want(t, 200, "", "")
	third := serve(t, entra.Config{})
	third.do("GET", "/groups/"+groupID, "", "Authorization", "Bearer "+first.token).want(t, 401, "", "")
}

func TestOnlyLoopbackAddressesAreServed(t *testing.T) {
	t.Parallel()
	for _, cfg := range []entra.Config{{Listen: "0.0.0.0:0"}, {Listen: ":0"}, {Control: "192.0.2.1:0"}, {Listen: "7080"}} {
		s, err := entra.Serve(cfg)
		if err == nil {
			_ = s.Close()
			t.Errorf("%+v: served on %s", cfg, s.URL())
		}
	}
	c := serve(t, entra.Config{})
	if !strings.HasPrefix(c.s.URL(), "http://127.0.0.1:") || !strings.HasPrefix(c.s.ControlURL(), "http://127.0.0.1:") {
		t.Errorf("served on %s and %s", c.s.URL(), c.s.ControlURL())
	}
}
