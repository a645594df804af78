package entra_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/local/entra"
)

// request of each operation that succeeds without faults.
func (c *client) probe(operation string) response {
	c.t.Helper()
	switch operation {
	case "invite", "*":
		return c.invite(address)
	case "lookup":
		return c.do("GET", "/users/"+guestID, "")
	case "user":
		return c.do("DELETE", "/users/"+guestID, "")
	case "group":
		return c.do("GET", "/groups/"+groupID, "")
	case "member":
		return c.addMember(groupID, guestID)
	case "application":
		return c.do("GET", "/servicePrincipals/"+spID, "")
	case "approle":
		return c.assign(spID, guestID, roleID)
	case "tenant":
		return c.do("GET", "/organization", "")
	}
	c.t.Fatalf("operation %q has no probe", operation)
	return response{}
}

func TestEveryRefusalIsAnsweredByItsNameAtEachOfItsOperations(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range entra.Refusals() {
		if names[r.Name] || r.Source == "" || !strings.Contains("DMTU", r.Evidence) || r.Status < 400 {
			t.Errorf("row %+v", r)
		}
		names[r.Name] = true
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			for i, op := range append([]string{""}, r.Operations...) {
				c := serve(t, entra.Config{})
				set := map[string]any{"refusal": r.Name}
				if i > 0 {
					set["operation"] = op
				} else {
					op = r.Operations[0] // the first is the default
				}
				b, _ := json.Marshal(set)
				c.control("POST", "/faults", string(b)).want(t, 204, "", "")
				got := c.probe(op)
				text := got.text("error", "message")
				got.want(t, r.Status, r.Code, "")
				if before, after, placed := strings.Cut(r.Message, "{"); !strings.HasPrefix(text, before) || strings.Contains(text, "{") || !placed && text != r.Message ||
					!strings.HasSuffix(text, after[strings.LastIndex(after, "}")+1:]) {
					t.Errorf("said %q, want %q", text, r.Message)
				}
				if hinted := got.header.Get("WWW-Authenticate") != ""; hinted != (r.Status == 401) {
					t.Errorf("%d with the header WWW-Authenticate %v", r.Status, hinted)
				}
				c.probe(op) // it strikes once
			}
		})
	}
}

func TestARefusalNamesTheObjectInQuestion(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.control("POST", "/faults", `{"operation":"member","refusal":"not-there"}`).want(t, 204, "", "")
	c.patch(memberID, guestID).want(t, 404, "Request_ResourceNotFound", notThere(guestID))
	c.control("POST", "/faults", `{"operation":"lookup","refusal":"not-there"}`).want(t, 204, "", "")
	c.do("GET", "/users/"+memberID, "").want(t, 404, "", notThere(memberID))
	for _, body := range []string{`{"refusal":"nonsense"}`, `{"refusal":"not-there","status":404}`, `{"refusal":"not-there","message":"x"}`} {
		if r := c.control("POST", "/faults", body); r.status != 400 || r.text("error") == "" {
			t.Errorf("%s: %d %s", body, r.status, r.raw)
		}
	}
	r := c.control("GET", "/refusals", "")
	if list, _ := r.at("refusals").([]any); len(list) != len(entra.Refusals()) {
		t.Errorf("GET /refusals lists %d of %d", len(list), len(entra.Refusals()))
	}
}

func TestAFaultWritesRetryAfterInAnyForm(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Now: now.Now})
	for _, v := range []string{"7", "1.5", "soon", "-3", "", "Wed, 21 Oct 2026 07:28:00 GMT"} {
		if err := c.s.SetFault(entra.Fault{Refusal: "too-many-requests", Operation: "group", RetryAfter: v}); err != nil {
			t.Fatal(err)
		}
		r := c.do("GET", "/groups/"+groupID, "")
		r.want(t, 429, "TooManyRequests", "Too many requests.")
		if got, is := r.header["Retry-After"]; is != (v != "") || is && got[0] != v {
			t.Errorf("Retry-After %q, want %q", got, v)
		}
	}
	c.control("POST", "/faults", `{"operation":"group","status":503,"retryAfter":"date:90s"}`).want(t, 204, "", "")
	if got := c.do("GET", "/groups/"+groupID, "").header.Get("Retry-After"); got != "Mon, 04 May 2026 03:03:31 GMT" {
		t.Errorf("Retry-After %q, want 90 s after 03:02:01", got)
	}
	c.control("POST", "/faults", `{"operation":"group","status":503,"retryAfter":"date:tomorrow"}`).want(t, 400, "", "")
}

func TestAnInvitationMaySucceedWithoutAGuestEverAppearing(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Now: now.Now})
	c.control("POST", "/faults", `{"operation":"invite","vanish":true,"address":"`+address+`"}`).want(t, 204, "", "")
	c.invite("other@partner.example").want(t, 201, "", "")
	r := c.invite(address)
	r.want(t, 201, "", "")
	id := r.text("invitedUser", "id")
	now.advance(24 * 365 * time.Hour)
	c.token = c.newToken("resource=https://graph.microsoft.com&api-version=2019-08-01")
	c.do("GET", "/users/"+id, "").want(t, 404, "Request_ResourceNotFound", notThere(id))
	c.addMember(groupID, id).want(t, 404, "", notThere(id))
	c.assign(spID, id, roleID).want(t, 404, "", notThere(id))
	if got := c.find("mail eq '" + address + "'"); len(got) != 0 {
		t.Errorf("found %v", got)
	}
	for _, body := range []string{`{"operation":"member","vanish":true}`, `{"operation":"invite","vanish":true,"status":500}`, `{"operation":"invite","vanish":true,"after":true}`} {
		c.control("POST", "/faults", body).want(t, 400, "", "")
	}
}

func TestThrottlingAndSlownessComeByChanceToo(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{RandSeed: 11})
	c.control("POST", "/faults", `{"rates":{"throttle":0.5}}`).want(t, 204, "", "")
	counts := map[string]int{}
	for range 200 {
		r := c.do("GET", "/groups/"+groupID, "")
		counts[strconv.Itoa(r.status)+r.header.Get("Retry-After")]++
	}
	if counts["429"] < 20 || counts["4291"] < 20 || counts["200"] < 60 {
		t.Errorf("answers by status and Retry-After: %v", counts)
	}
	c.control("POST", "/faults", `{"rates":{"slow":1}}`).want(t, 204, "", "")
	start := time.Now()
	c.do("GET", "/groups/"+groupID, "").want(t, 200, "", "")
	if d := time.Since(start); d < time.Second {
		t.Errorf("answered after %v", d)
	}
	c.control("POST", "/faults", `{"rates":{"slow":2}}`).want(t, 400, "", "")
}
