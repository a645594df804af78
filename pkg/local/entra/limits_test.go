package entra_test

import (
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/local/entra"
)

// unitsUsed reads until that is too much, at most n times, and returns how often.
func readUntilThrottled(c *client, path string, most int) (int, response) {
	c.t.Helper()
	for n := range most + 1 {
		if r := c.do("GET", path, ""); r.status == 429 {
			return n, r
		}
	}
	c.t.Fatalf("%d reads of %s passed", most+1, path)
	return 0, response{}
}

func TestReadsAreLimitedByResourceUnits(t *testing.T) {
	t.Parallel()
	for path, units := range map[string]int{
		"/users/" + guestID:                                  1,
		"/users?$top=50":                                     2,
		"/users?$top=5":                                      1,
		"/users?$select=id":                                  1,
		"/groups/" + groupID + "/members":                    3,
		"/groups/" + groupID + "/members?$select=id":         2,
		"/groups/" + groupID + "/members?$select=id&$top=10": 1,
	} {
		c := serve(t, entra.Config{Limits: true, LimitWindow: time.Second, Now: newClock().Now})
		n, r := readUntilThrottled(c, path, 350)
		if n != 350/units || r.header.Get("x-ms-throttle-information") != "ResourceUnitLimitExceeded" {
			t.Errorf("%s: %d passed, want %d; %v", path, n, 350/units, r.header)
		}
	}
}

func TestBiggerTenantsHaveMoreResourceUnits(t *testing.T) {
	t.Parallel()
	for users, want := range map[int]int{49: 350, 50: 500, 500: 500, 501: 800} {
		s := entra.Seed{TenantID: tenantID}
		for i := range users {
			s.Users = append(s.Users, entra.User{Mail: fmt.Sprintf("u%d@contoso.example", i)})
		}
		c := serve(t, entra.Config{Seed: s, Limits: true, LimitWindow: time.Second, Now: newClock().Now})
		if n, _ := readUntilThrottled(c, "/organization", 800); n != want {
			t.Errorf("%d users: %d units, want %d", users, n, want)
		}
	}
}

func TestATenantLimitsTheWritesOfAllApplicationsTogether(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Limits: true, LimitWindow: time.Second, Now: newClock().Now})
	passed := 0
	for app := range 8 { // each may do 20; 120 in two seconds for all
		token := c.newToken(fmt.Sprintf("resource=https://graph.microsoft.com&api-version=2019-08-01&client_id=app%d", app))
		for range 20 {
			r := c.do("DELETE", "/users/"+absentID, "", "Authorization", "Bearer "+token)
			switch {
			case r.status == 404:
				passed++
			case r.header.Get("x-ms-throttle-scope") != "Tenant/ReadWrite":
				t.Fatalf("%d %v", r.status, r.header)
			}
		}
	}
	if passed != 120 {
		t.Errorf("%d writes passed, want 120", passed)
	}
}

func TestRetryAfterComesInEveryForm(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Limits: true, LimitWindow: time.Second, Now: now.Now})
	c.writeUntilThrottled(20)
	for form, want := range map[string]string{"seconds": "1", "date": "Mon, 04 May 2026 03:02:03 GMT", "wrong": "soon", "zero": "0", "none": ""} {
		c.set(`{"retryAfter":"` + form + `"}`)
		r := c.do("DELETE", "/users/"+absentID, "")
		r.want(t, 429, "TooManyRequests", "Too many requests.")
		if got := r.header.Get("Retry-After"); got != want {
			t.Errorf("%s: Retry-After %q, want %q", form, got, want)
		}
	}
}

func TestUseIsToldFromFourFifthsOn(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Limits: true, LimitWindow: time.Second, Now: newClock().Now})
	if r := c.do("DELETE", "/users/"+absentID, ""); r.header.Get("x-ms-resource-unit") != "" {
		t.Errorf("told without being asked: %v", r.header)
	}
	c.set(`{"limitHeaders":true}`)
	for n := 2; n <= 20; n++ {
		r := c.do("DELETE", "/users/"+absentID, "")
		want := ""
		if n >= 16 {
			want = fmt.Sprintf("%.2f", float64(n)/20)
		}
		if got := r.header.Get("x-ms-throttle-limit-percentage"); got != want || r.header.Get("x-ms-resource-unit") != "1" {
			t.Errorf("write %d: percentage %q, want %q; %v", n, got, want, r.header)
		}
	}
}

func TestInvitationsMayNotCountAsWrites(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Limits: true, LimitWindow: time.Second, Now: newClock().Now})
	c.set(`{"invitationsApart":true}`)
	for range 20 {
		c.invite(address).want(t, 201, "", "")
	}
	if n, _ := c.writeUntilThrottled(20); n != 20 {
		t.Errorf("%d writes passed beside invitations, want 20", n)
	}
}

func TestAPatchMayCostAWriteForEveryThreeMembers(t *testing.T) {
	t.Parallel()
	for cost, want := range map[string]int{"one": 19, "thirds": 13} { // of 20, after one PATCH of 20 members
		s := seed()
		var ids []string
		for i := range 20 {
			id := fmt.Sprintf("33333333-3333-4333-8333-%012d", i)
			ids = append(ids, id)
			s.Users = append(s.Users, entra.User{ID: id})
		}
		c := serve(t, entra.Config{Seed: s, Limits: true, LimitWindow: time.Second, Now: newClock().Now})
		c.set(`{"patchCost":"` + cost + `"}`)
		c.patch(ids...).want(t, 204, "", "")
		if n, _ := c.writeUntilThrottled(20); n != want {
			t.Errorf("%s: %d more writes passed, want %d", cost, n, want)
		}
	}
}
