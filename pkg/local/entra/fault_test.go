package entra_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

func TestAFaultStrikesOnceBeforeTheWork(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.control("POST", "/faults", `{"operation":"invite","status":503,"code":"serviceNotAvailable","message":"later","retryAfter":"7"}`).want(t, 204, "", "")
	c.find("mail eq 'x@partner.example'") // another operation is not struck
	r := c.invite(address)
	r.want(t, 503, "serviceNotAvailable", "later")
	if r.header.Get("Retry-After") != "7" || len(c.s.State().Users) != 3 {
		t.Errorf("header %v, users %d", r.header, len(c.s.State().Users))
	}
	c.invite(address).want(t, 201, "", "")
	if got := c.s.Stats().Faults; got != 1 {
		t.Errorf("%d faults counted", got)
	}
}

func TestAFaultAfterTheWorkHidesASuccess(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.control("POST", "/faults", `{"operation":"invite","status":504,"after":true}`).want(t, 204, "", "")
	c.invite("no-at").want(t, 400, "", "") // what failed anyway is not struck
	c.invite(address).want(t, 504, "", "")
	if got := c.find("mail eq '" + address + "'"); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

func TestAFaultCutsTheConnectionBeforeOrAfterTheWork(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		c := serve(t, entra.Config{})
		c.control("POST", "/faults", fmt.Sprintf(`{"operation":"member","reset":true,"after":%v}`, after)).want(t, 204, "", "")
		_, err := c.try(c.graph("POST", "/groups/"+groupID+"/members/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/`+guestID+`"}`))
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after=%v: %v", after, err)
		}
		if got := len(c.members()) == 1; got != after {
			t.Errorf("after=%v: member %v", after, got)
		}
	}
}

func TestADelayedRequestIsCarriedOutThoughItsClientLeft(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.control("POST", "/faults", `{"operation":"invite","delay":"1h"}`).want(t, 204, "", "")
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := c.tryContext(ctx, c.graph("POST", "/invitations", `{"invitedUserEmailAddress":"`+address+`","inviteRedirectUrl":"`+redirect+`"}`))
		left <- err
	}()
	waitFor(t, func() bool { return c.s.Stats().Faults == 1 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("client: %v", err)
	}
	if err := c.s.Close(); err != nil { // cuts the delay short; the work is done nevertheless
		t.Error(err)
	}
	waitFor(t, func() bool { return c.s.Stats().UsersCreated == 1 })
}

func TestAShortDelayPostponesTheAnswer(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	if err := c.s.SetFault(entra.Fault{Operation: "group", Delay: entra.Duration(50 * time.Millisecond), After: true}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	c.do("GET", "/groups/"+groupID, "").want(t, 200, "", "")
	if d := time.Since(start); d < 50*time.Millisecond {
		t.Errorf("answered after %v", d)
	}
}

func TestFaultsCountAndEnd(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.control("POST", "/faults", `{"operation":"*","method":"GET","status":500,"count":2}`).want(t, 204, "", "")
	c.addMember(groupID, guestID).want(t, 204, "", "")
	for _, want := range []int{500, 500, 200} {
		c.do("GET", "/groups/"+groupID, "").want(t, want, "", "")
	}
	c.control("POST", "/faults", `{"operation":"group","status":403,"count":100,"delay":"1ms"}`).want(t, 204, "", "")
	c.do("GET", "/groups/"+groupID, "").want(t, 403, "Authorization_RequestDenied", "")
	active := c.control("GET", "/faults", "")
	delete(active.json, "rates")
	want := map[string]any{"faults": []any{map[string]any{"operation": "group", "status": 403.0, "count": 99.0, "delay": "1ms"}}}
	if diff := cmp.Diff(want, active.json); diff != "" {
		t.Errorf("active faults (-want +got):\n%s", diff)
	}
	c.control("DELETE", "/faults", "").want(t, 204, "", "")
	c.do("GET", "/groups/"+groupID, "").want(t, 200, "", "")
}

func TestAFaultForOneAddressFollowsThatGuest(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	if err := c.s.SetFault(entra.Fault{Operation: "*", Address: "Gus@Partner.example", Status: 500, Count: 1000}); err != nil {
		t.Fatal(err)
	}
	c.do("GET", "/users?$filter="+url.QueryEscape("mail eq 'gus@partner.example'"), "").want(t, 500, "", "")
	c.invite("gus@partner.example").want(t, 500, "", "")
	c.addMember(groupID, guestID).want(t, 500, "", "")
	c.patch(memberID, guestID).want(t, 500, "", "")
	c.assign(spID, guestID, roleID).want(t, 500, "", "")
	c.do("GET", "/users/"+guestID, "").want(t, 500, "", "")
	c.addMember(groupID, memberID).want(t, 204, "", "")
	c.assign(spID, memberID, roleID).want(t, 201, "", "")
	c.invite(address).want(t, 201, "", "")
}

func TestTheIdentityEndpointFailsOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	if err := c.s.SetRates(entra.Rates{Before: 1}); err != nil {
		t.Fatal(err)
	}
	const query = "resource=https://graph.microsoft.com&api-version=2019-08-01"
	c.newToken(query)
	if r := c.do("GET", "/groups/"+groupID, ""); r.status < 503 {
		t.Errorf("at a rate of one: %d", r.status)
	}
	c.control("POST", "/faults", `{"operation":"token","status":500}`).want(t, 204, "", "")
	c.send(request{method: "GET", url: c.s.IdentityEndpoint() + "?" + query, header: map[string]string{"X-IDENTITY-HEADER": c.s.IdentityHeader()}}).want(t, 500, "", "")
	c.newToken(query)
	if s := c.s.Stats(); s.Reads != 1 || s.Tokens != 4 {
		t.Errorf("%d reads, %d tokens", s.Reads, s.Tokens)
	}
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for _, body := range []string{`{"operation":"invites","status":500}`, `{"operation":"invite"}`, `{"operation":"invite","status":200}`, `{"operation":"invite","status":500,"rate":2}`,
		`{"operation":"invite","status":500,"count":-1}`, `{"operation":"invite","delay":"soon"}`, `{"operation":"invite","status":500,"x":1}`, `{"rates":{"before":2}}`, `x`, ``} {
		if r := c.control("POST", "/faults", body); r.status != 400 || r.text("error") == "" {
			t.Errorf("%s: %d %s", body, r.status, r.raw)
		}
	}
}

// fates invites the same guest n times and notes the answers; 0 is a cut connection.
func fates(t *testing.T, cfg entra.Config, n int) []int {
	t.Helper()
	c := serve(t, cfg)
	var got []int
	for range n {
		r, _ := c.try(c.graph("POST", "/invitations", `{"invitedUserEmailAddress":"`+address+`","inviteRedirectUrl":"`+redirect+`"}`))
		got = append(got, r.status)
	}
	return got
}

func TestChanceFollowsTheSeedAndItsRates(t *testing.T) {
	t.Parallel()
	const n = 1000
	one, same, other := fates(t, entra.Config{Faults: true, RandSeed: 1}, n), fates(t, entra.Config{Faults: true, RandSeed: 1}, n), fates(t, entra.Config{Faults: true, RandSeed: 2}, n)
	if !cmp.Equal(one, same) || cmp.Equal(one, other) {
		t.Error("the fates do not follow the seed")
	}
	counts := map[int]int{}
	for _, s := range one {
		counts[s]++
	}
	// Of 1,000 writes 5 are expected to be 503, 5 + 10 to be 504, and 5 to be cut.
	if counts[503] < 1 || counts[503] > 18 || counts[504] < 4 || counts[504] > 35 || counts[0] < 1 || counts[0] > 18 {
		t.Errorf("answers by status: %v", counts)
	}
	for _, s := range fates(t, entra.Config{RandSeed: 1}, 200) {
		if s != 201 {
			t.Errorf("without faults: %d", s)
		}
	}
}

func TestReadsFailBeforeTheWorkOnly(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{RandSeed: 5})
	c.control("POST", "/faults", `{"rates":{"before":0.1,"afterWrite":1,"reset":0}}`).want(t, 204, "", "")
	counts := map[int]int{}
	for range 400 {
		counts[c.do("GET", "/groups/"+groupID, "").status]++
	}
	if counts[503] < 8 || counts[503] > 40 || counts[504] < 8 || counts[504] > 40 || counts[200]+counts[503]+counts[504] != 400 {
		t.Errorf("answers by status: %v", counts)
	}
}

func TestARateStrikesItsShare(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{RandSeed: 7})
	c.control("POST", "/faults", `{"operation":"group","status":502,"rate":0.25}`).want(t, 204, "", "")
	struck := 0
	for range 400 {
		if c.do("GET", "/groups/"+groupID, "").status == 502 {
			struck++
		}
	}
	if struck < 70 || struck > 130 {
		t.Errorf("%d of 400 struck at a rate of a quarter", struck)
	}
}
