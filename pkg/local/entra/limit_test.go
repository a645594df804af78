package entra_test

import (
	"strconv"
	"testing"
	"time"

	"guestlist/pkg/local/entra"
)

// writeUntilThrottled deletes somebody who does not exist until that is too much; it returns how many passed.
func (c *client) writeUntilThrottled(most int) (int, response) {
	c.t.Helper()
	for n := range most + 1 {
		r := c.do("DELETE", "/users/"+absentID, "")
		if r.status != 404 {
			return n, r
		}
	}
	c.t.Fatalf("%d writes passed", most+1)
	return 0, response{}
}

func TestWritesBeyondTheLimitAre429UntilRetryAfter(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Limits: true, LimitWindow: 5 * time.Second, Now: now.Now})
	n, r := c.writeUntilThrottled(100)
	r.want(t, 429, "TooManyRequests", "Too many requests.")
	if n != 100 {
		t.Errorf("%d writes passed in 5 s, want 100", n)
	}
	wait, err := strconv.Atoi(r.header.Get("Retry-After"))
	if err != nil || wait < 5 || wait > 6 || r.header.Get("x-ms-throttle-information") != "WriteLimitExceeded" {
		t.Errorf("headers %v", r.header)
	}
	c.do("GET", "/users/"+guestID, "").want(t, 200, "", "")
	now.advance(time.Duration(wait) * time.Second)
	c.do("DELETE", "/users/"+absentID, "").want(t, 404, "", "")
	if s := c.s.Stats(); s.Throttled != 1 || s.Writes != 101 || s.Paths["DELETE /users/{id}"] != 102 {
		t.Errorf("stats %+v", s)
	}
}

func TestTheWindowSlides(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Limits: true, LimitWindow: 5 * time.Second, Now: now.Now})
	for range 200 { // half the rate, twice the window
		c.do("DELETE", "/users/"+absentID, "").want(t, 404, "", "")
		now.advance(100 * time.Millisecond)
	}
	if n, _ := c.writeUntilThrottled(51); n < 49 {
		t.Errorf("%d writes passed at once beside 10/s", n)
	}
}

func TestAnIdleHourLeavesNothingInTheWindow(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Limits: true, LimitWindow: 5 * time.Second, Now: now.Now})
	for range 50 {
		c.do("DELETE", "/users/"+absentID, "").want(t, 404, "", "")
		now.advance(100 * time.Millisecond)
	}
	now.advance(time.Hour)
	if n, _ := c.writeUntilThrottled(100); n != 100 {
		t.Errorf("%d writes passed, want 100", n)
	}
}

func TestHammeringProlongsTheWait(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Limits: true, LimitWindow: time.Second, Now: now.Now})
	c.writeUntilThrottled(20)
	now.advance(500 * time.Millisecond)
	for range 40 { // refused ones count as well
		c.do("DELETE", "/users/"+absentID, "").want(t, 429, "", "")
	}
	now.advance(600 * time.Millisecond)
	r := c.do("DELETE", "/users/"+absentID, "")
	r.want(t, 429, "", "")
	wait, _ := strconv.Atoi(r.header.Get("Retry-After"))
	now.advance(time.Duration(wait) * time.Second)
	c.do("DELETE", "/users/"+absentID, "").want(t, 404, "", "")
}

func TestEachApplicationHasItsOwnWriteLimit(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Limits: true, LimitWindow: time.Second, Now: newClock().Now})
	c.writeUntilThrottled(20)
	other := c.newToken("resource=https://graph.microsoft.com&api-version=2019-08-01&client_id=" + appID)
	c.do("DELETE", "/users/"+absentID, "", "Authorization", "Bearer "+other).want(t, 404, "", "")
}

func TestInvitationsAreLimitedForAllApplicationsTogether(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Limits: true, Now: now.Now})
	invite := func(token string) response {
		return c.do("POST", "/invitations", `{"invitedUserEmailAddress":"`+address+`","inviteRedirectUrl":"`+redirect+`"}`, "Authorization", "Bearer "+token)
	}
	other := c.newToken("resource=https://graph.microsoft.com&api-version=2019-08-01&client_id=" + appID)
	for n := range 150 {
		invite([]string{c.token, other}[n%2]).want(t, 201, "", "")
	}
	r := invite(other)
	r.want(t, 429, "TooManyRequests", "")
	c.addMember(groupID, guestID).want(t, 204, "", "") // other writes are not concerned
	wait, _ := strconv.Atoi(r.header.Get("Retry-After"))
	if wait < 5 || wait > 6 {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	now.advance(time.Duration(wait) * time.Second)
	invite(c.token).want(t, 201, "", "")
}

func TestTheFullWindowIsThreeThousandWrites(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Limits: true, Now: newClock().Now})
	if n, _ := c.writeUntilThrottled(3000); n != 3000 {
		t.Errorf("%d writes passed, want 3,000", n)
	}
}

func TestWithoutLimitsNothingIsThrottled(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{LimitWindow: time.Second, Now: newClock().Now})
	for range 50 {
		c.do("DELETE", "/users/"+absentID, "").want(t, 404, "", "")
	}
}
