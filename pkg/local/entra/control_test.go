package entra_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

func TestStatsAndStateAreServedAsJSON(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.inviteMail(address, true)
	c.inviteMail(address, true)
	id := c.find("mail eq '" + address + "'")[0]
	c.addMember(groupID, id)
	c.assign(spID, id, roleID)

	stats := c.control("GET", "/stats", "")
	want := map[string]any{"reads": 1.0, "writes": 4.0, "invitations": 2.0, "mailsByMicrosoft": 2.0, "mailsLost": 0.0, "throttled": 0.0, "tokens": 1.0, "faults": 0.0, "usersCreated": 1.0,
		"duplicateMails": []any{address}, "duplicateUsers": []any{}, "paths": map[string]any{"GET /users": 1.0, "POST /invitations": 2.0,
			"POST /groups/{id}/members/$ref": 1.0, "POST /servicePrincipals/{id}/appRoleAssignedTo": 1.0}}
	if diff := cmp.Diff(want, stats.json); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	var state entra.State
	if err := json.Unmarshal([]byte(c.control("GET", "/state", "").raw), &state); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.s.State(), state); diff != "" || state.Mails[address] != 2 {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	c.control("GET", "/nothing", "").want(t, 404, "", "")
}

func TestResetGoesBackToTheSeed(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{BlockAfter: 1})
	before := c.s.State()
	c.inviteMail(address, true).want(t, 201, "", "")
	c.invite(address).want(t, 403, "", "")
	c.addMember(groupID, guestID)
	c.control("POST", "/faults", `{"operation":"invite","status":500}`)
	c.control("POST", "/reset", "").want(t, 204, "", "")
	if diff := cmp.Diff(before, c.s.State()); diff != "" {
		t.Errorf("state (-seed +after):\n%s", diff)
	}
	empty := entra.Stats{DuplicateMails: []string{}, DuplicateUsers: []string{}, Paths: map[string]int{}}
	if diff := cmp.Diff(empty, c.s.Stats()); diff != "" {
		t.Errorf("stats after reset:\n%s", diff)
	}
	c.invite(address).want(t, 201, "", "") // the token, but neither fault nor block has outlived it
	c.invite(address).want(t, 403, "", "")
}

func TestAnOperatorMendsTheDirectory(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Groups[0].IsAssignableToRole = true
	s.Groups[0].Members = []string{memberID}
	c := serve(t, entra.Config{Seed: s})
	c.addMember(groupID, guestID).want(t, 403, "", "")
	c.control("POST", "/groups", `{"id":"`+groupID+`","isAssignableToRole":false}`).want(t, 200, "", "")
	c.addMember(groupID, guestID).want(t, 204, "", "")
	if got := c.members(); !cmp.Equal(got, []string{memberID, guestID}) {
		t.Errorf("members %v: mending lost some", got)
	}

	c.do("GET", "/servicePrincipals(appId='"+absentID+"')", "").want(t, 404, "", "")
	added := c.control("POST", "/applications", `{"appId":"`+absentID+`","displayName":"New"}`)
	added.want(t, 200, "", "")
	c.assign(added.text("id"), guestID, zeroRole).want(t, 201, "", "")
	c.control("POST", "/applications", `{"appId":"`+absentID+`","displayName":"Renamed"}`).want(t, 200, "", "")
	c.assign(added.text("id"), guestID, zeroRole).want(t, 400, "", "Permission being assigned already exists on the object")

	moved := c.control("POST", "/applications", `{"appId":"`+absentID+`","id":"`+tenantID+`"}`)
	moved.want(t, 200, "", "")
	c.do("GET", "/servicePrincipals/"+tenantID, "").want(t, 200, "", "")
	c.do("GET", "/servicePrincipals/"+added.text("id"), "").want(t, 404, "", "")

	c.control("POST", "/users", `{"id":"`+guestID+`","mail":"gus@moved.example"}`).want(t, 200, "", "")
	if old, moved := c.find("mail eq 'gus@partner.example'"), c.find("mail eq 'gus@moved.example'"); len(old) != 0 || !cmp.Equal(moved, []string{guestID}) {
		t.Errorf("moved guest: %v, %v", old, moved)
	}
	for _, body := range []string{`{`, `{"shoeSize":1}`, `{}`, `{"id":"x"}`} {
		for _, kind := range []string{"/users", "/groups", "/applications"} {
			c.control("POST", kind, body).want(t, 400, "", "")
		}
	}
}

func TestAnOperatorRemovesObjects(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for path, gone := range map[string]string{"/users/" + memberID: "/users/" + memberID, "/groups/" + groupID: "/groups/" + groupID,
		"/applications/" + appID: "/servicePrincipals/" + spID, "/applications/" + plainSPID: "/servicePrincipals/" + plainSPID} {
		c.control("DELETE", path, "").want(t, 204, "", "")
		c.control("DELETE", path, "").want(t, 404, "", "")
		c.do("GET", gone, "").want(t, 404, "Request_ResourceNotFound", "")
	}
}

func TestAddingKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.addMember(groupID, guestID)
	for want, add := range map[string]func() (bool, error){
		"old group": func() (bool, error) { return c.s.AddGroup(entra.Group{ID: strings.ToUpper(groupID), DisplayName: "x"}) },
		"old app":   func() (bool, error) { return c.s.AddApplication(entra.Application{AppID: appID, DisplayName: "x"}) },
		"old user":  func() (bool, error) { return c.s.AddUser(entra.User{ID: guestID, DisplayName: "x"}) },
		"new group": func() (bool, error) { return c.s.AddGroup(entra.Group{ID: absentID}) },
		"new app":   func() (bool, error) { return c.s.AddApplication(entra.Application{AppID: absentID}) },
		"new user":  func() (bool, error) { return c.s.AddUser(entra.User{ID: absentID}) },
	} {
		if added, err := add(); err != nil || added != strings.HasPrefix(want, "new") {
			t.Errorf("%s: added %v, %v", want, added, err)
		}
	}
	i := slices.IndexFunc(c.s.State().Groups, func(g entra.Group) bool { return g.ID == groupID })
	if old := c.s.State().Groups[i]; !cmp.Equal(old.Members, []string{guestID}) || old.DisplayName != "Partners" {
		t.Errorf("the old group changed: %+v", old)
	}
	if _, err := c.s.AddGroup(entra.Group{ID: "x"}); err == nil {
		t.Error("a group with a bad id was added")
	}
	if _, err := c.s.AddApplication(entra.Application{}); err == nil {
		t.Error("an application without an id was added")
	}
}
