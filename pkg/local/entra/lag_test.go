package entra_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

const lag = 8 * time.Second

func TestANewGuestIsUnknownThenFoundThenAssignable(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Lag: lag, Now: now.Now})
	id := c.invite(address).text("invitedUser", "id")
	filter := "mail eq '" + address + "'"

	now.advance(lag/2 - time.Millisecond) // the earliest
	if got := c.find(filter); len(got) != 0 {
		t.Errorf("found at once: %v", got)
	}
	c.do("GET", "/users/"+id, "").want(t, 404, "Request_ResourceNotFound", notThere(id))
	c.addMember(groupID, id).want(t, 404, "Request_ResourceNotFound", notThere(id))
	c.patch(guestID, id).want(t, 404, "Request_ResourceNotFound", notThere(id))
	c.assign(spID, id, roleID).want(t, 404, "Request_ResourceNotFound", notThere(id))
	c.do("POST", "/users/"+id+"/appRoleAssignments", `{"principalId":"`+id+`","resourceId":"`+spID+`","appRoleId":"`+roleID+`"}`).
		want(t, 404, "Request_ResourceNotFound", notThere(id))
	if again := c.inviteMail(address, true); again.text("invitedUser", "id") != id {
		t.Errorf("invited again while lagging: %s", again.raw)
	}
	if s := c.s.Stats(); s.UsersCreated != 1 || s.MailsByMicrosoft != 1 {
		t.Errorf("stats %+v", s)
	}

	// Step until it is found; it must then lack app roles for a quarter to a half lag.
	found := advanceUntil(t, now, func() bool { return len(c.find(filter)) == 1 })
	c.do("GET", "/users/"+id, "").want(t, 200, "", "")
	c.addMember(groupID, id).want(t, 204, "", "")
	assigned := advanceUntil(t, now, func() bool {
		r := c.assign(spID, id, roleID)
		if r.status != 201 {
			r.want(t, 400, "Request_BadRequest", "Not a valid reference update.")
		}
		return r.status == 201
	})
	if found > lag/2 || assigned < lag/4-lag/50 || assigned > lag/2+lag/50 {
		t.Errorf("found after %v more, assignable %v later", found, assigned)
	}
}

// advanceUntil moves the clock in small steps until done, at most by one lag; it returns how far.
func advanceUntil(t *testing.T, now *clock, done func() bool) time.Duration {
	t.Helper()
	for d := time.Duration(0); d <= lag; d += lag / 100 {
		if done() {
			return d
		}
		now.advance(lag / 100)
	}
	t.Fatal("one lag was not enough")
	return 0
}

func TestFilteredMemberListsFollowTheDirectory(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Lag: lag, Now: now.Now})
	ask := func() []string {
		return c.do("GET", "/groups/"+groupID+"/members?$count=true&$filter="+url.QueryEscape("id eq '"+guestID+"'"), "", "ConsistencyLevel", "eventual").ids()
	}
	c.addMember(groupID, guestID).want(t, 204, "", "")
	if got := ask(); len(got) != 0 {
		t.Errorf("the index has %v at once", got)
	}
	c.addMember(groupID, guestID).want(t, 400, "Request_BadRequest", alreadyMember) // writes know better
	now.advance(lag / 2)
	if got := ask(); !cmp.Equal(got, []string{guestID}) {
		t.Errorf("the index has %v", got)
	}
}

func TestLagsDifferByGuestAndFollowTheSeed(t *testing.T) {
	t.Parallel()
	const guests = 24
	measure := func(seed uint64) []int {
		now := newClock()
		c := serve(t, entra.Config{Lag: lag, Now: now.Now, RandSeed: seed})
		for i := range guests {
			c.invite(fmt.Sprintf("g%d@partner.example", i)).want(t, 201, "", "")
		}
		now.advance(lag/2 - time.Millisecond)
		visible := []int{len(c.do("GET", "/users?$select=id", "").ids()) - 3}
		now.advance(time.Millisecond)
		for range 11 {
			visible = append(visible, len(c.do("GET", "/users?$select=id", "").ids())-3)
			now.advance(lag / 20)
		}
		return visible
	}
	one, same, other := measure(1), measure(1), measure(2)
	if !cmp.Equal(one, same) {
		t.Errorf("one seed, two outcomes: %v, %v", one, same)
	}
	if cmp.Equal(one, other) {
		t.Errorf("two seeds, one outcome: %v", one)
	}
	if one[0] != 0 || one[11] != guests || one[6] < guests/4 || one[6] > guests*3/4 {
		t.Errorf("visible guests before half a lag, then in steps of a twentieth: %v", one)
	}
}

func TestObjectsOfTheSeedAndOfOperatorsDoNotLag(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Lag: time.Hour})
	if _, err := c.s.AddUser(entra.User{ID: absentID, Mail: "new@partner.example", UserType: "Guest"}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{guestID, absentID} {
		c.addMember(groupID, id).want(t, 204, "", "")
		c.assign(spID, id, roleID).want(t, 201, "", "")
	}
}
