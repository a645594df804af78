package entra_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

const alreadyMember = "One or more added object references already exist for the following modified properties: 'members'."

func notThere(id string) string {
	return "Resource '" + id + "' does not exist or one of its queried reference-property objects are not present."
}

// patch adds several members to the group in one write.
func (c *client) patch(ids ...string) response {
	c.t.Helper()
	var links []string
	for _, id := range ids {
		links = append(links, "https://any.host.example/v1.0/directoryObjects/"+id)
	}
	b, _ := json.Marshal(map[string]any{"members@odata.bind": links})
	return c.do("PATCH", "/groups/"+groupID, string(b))
}

func (c *client) members() []string { return c.s.State().Groups[0].Members }

func TestAGroupSaysWhatForbidsAddingGuests(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Groups = append(s.Groups, entra.Group{ID: absentID, DisplayName: "Z", GroupTypes: []string{"DynamicMembership"}, MailEnabled: true,
		SecurityEnabled: new(false), IsAssignableToRole: true, OnPremisesSyncEnabled: true})
	c := serve(t, entra.Config{Seed: s})
	const query = "?$select=id,displayName,groupTypes,mailEnabled,securityEnabled,isAssignableToRole,onPremisesSyncEnabled"
	for id, want := range map[string]map[string]any{
		groupID: {"id": groupID, "displayName": "Partners", "groupTypes": []any{}, "mailEnabled": false, "securityEnabled": true,
			"isAssignableToRole": nil, "onPremisesSyncEnabled": nil},
		absentID: {"id": absentID, "displayName": "Z", "groupTypes": []any{"DynamicMembership"}, "mailEnabled": true, "securityEnabled": false,
			"isAssignableToRole": true, "onPremisesSyncEnabled": true},
	} {
		r := c.do("GET", "/groups/"+id+query, "")
		delete(r.json, "@odata.context")
		if diff := cmp.Diff(want, r.json); diff != "" {
			t.Errorf("group (-want +got):\n%s", diff)
		}
	}
	c.do("GET", "/groups/"+memberID, "").want(t, 404, "Request_ResourceNotFound", notThere(memberID))
	c.do("GET", "/groups/partners", "").want(t, 400, "Request_BadRequest", "Invalid object identifier 'partners'.")
}

func TestAMemberIsAddedOnce(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	if r := c.addMember(groupID, guestID); r.status != 204 || r.raw != "" {
		t.Errorf("added: %d %q", r.status, r.raw)
	}
	c.addMember(groupID, guestID).want(t, 400, "Request_BadRequest", alreadyMember)
	c.addMember(groupID, absentID).want(t, 404, "Request_ResourceNotFound", notThere(absentID))
	c.addMember(absentID, guestID).want(t, 404, "Request_ResourceNotFound", notThere(absentID))
	for _, body := range []string{`{"@odata.id":"x"}`, `{"@odata.id":"https://h/v1.0/directoryObjects/x"}`, `{"@odata.id":"https://h/v1.0/groups/` + guestID + `"}`, `{}`} {
		c.do("POST", "/groups/"+groupID+"/members/$ref", body).want(t, 400, "Request_BadRequest", "")
	}
	if got := c.members(); !cmp.Equal(got, []string{guestID}) {
		t.Errorf("members %v", got)
	}
	c.do("DELETE", "/groups/"+groupID+"/members/"+guestID+"/$ref", "").want(t, 204, "", "")
	c.do("DELETE", "/groups/"+groupID+"/members/"+guestID+"/$ref", "").want(t, 404, "Request_ResourceNotFound", notThere(guestID))
	if got := c.members(); len(got) != 0 {
		t.Errorf("members %v", got)
	}
}

func TestOneWriteAddsTwentyMembersOrNone(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	var ids []string
	for i := range 21 {
		ids = append(ids, c.invite(fmt.Sprintf("g%d@partner.example", i)).text("invitedUser", "id"))
	}
	c.patch(ids...).want(t, 400, "Request_BadRequest", "")
	c.patch().want(t, 400, "Request_BadRequest", "")
	c.patch(ids[0], absentID).want(t, 404, "Request_ResourceNotFound", notThere(absentID))
	c.do("PATCH", "/groups/"+groupID, `{"displayName":"x"}`).want(t, 400, "BadRequest", "")
	if got := c.members(); len(got) != 0 {
		t.Errorf("members after refusals: %v", got)
	}
	c.patch(ids[:20]...).want(t, 204, "", "")
	c.patch(ids[19], ids[20]).want(t, 400, "Request_BadRequest", alreadyMember)
	want := slices.Sorted(slices.Values(ids[:20]))
	if diff := cmp.Diff(want, c.members()); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func TestClosedGroupsTakeNobody(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Groups = []entra.Group{
		{DisplayName: "dynamic", GroupTypes: []string{"DynamicMembership"}},
		{DisplayName: "roles", IsAssignableToRole: true},
		{DisplayName: "synced", OnPremisesSyncEnabled: true},
		{DisplayName: "mail", MailEnabled: true},
		{DisplayName: "noguests", GroupTypes: []string{"Unified"}, MailEnabled: true, RefusesGuests: true},
		{DisplayName: "unified", GroupTypes: []string{"Unified"}, MailEnabled: true},
	}
	c := serve(t, entra.Config{Seed: s})
	const insufficient = "Insufficient privileges to complete the operation."
	for _, g := range c.s.State().Groups {
		want := map[string]struct {
			status     int
			code, text string
		}{
			"dynamic":  {403, "Authorization_RequestDenied", insufficient},
			"roles":    {403, "Authorization_RequestDenied", insufficient},
			"synced":   {400, "Request_BadRequest", ""},
			"mail":     {400, "Request_BadRequest", "Cannot Update a mail-enabled security groups and or distribution list."},
			"noguests": {403, "Authorization_RequestDenied", "Guests users are not allowed to join this Unified Group due to policy setting. paramName: Members"},
			"unified":  {204, "", ""},
		}[g.DisplayName]
		c.addMember(g.ID, guestID).want(t, want.status, want.code, want.text)
		if want.status != 204 {
			c.do("PATCH", "/groups/"+g.ID, `{"members@odata.bind":["https://graph.microsoft.com/v1.0/users/`+guestID+`"]}`).want(t, want.status, want.code, want.text)
		}
	}
	for _, g := range c.s.State().Groups {
		if len(g.Members) > 0 != (g.DisplayName == "unified") {
			t.Errorf("%s has members %v", g.DisplayName, g.Members)
		}
	}
}

func TestMembersAreListedAndAskedForById(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Groups[0].Members = []string{memberID, guestID, disabledID}
	c := serve(t, entra.Config{Seed: s})
	path := "/groups/" + groupID + "/members?$select=id"
	first := c.do("GET", path+"&$top=2", "")
	second := c.do("GET", first.text("@odata.nextLink"), "")
	if got := append(first.ids(), second.ids()...); !cmp.Equal(got, []string{memberID, disabledID, guestID}) || second.text("@odata.nextLink") != "" {
		t.Errorf("listed %v, then %q", got, second.text("@odata.nextLink"))
	}
	if whole := c.do("GET", path+"&$top=3", ""); len(whole.ids()) != 3 || whole.text("@odata.nextLink") != "" {
		t.Errorf("three on one page: %s", whole.raw)
	}
	c.control("POST", "/groups", `{"id":"`+groupID+`","members":["`+memberID+`","`+guestID+`"]}`)
	if got := c.do("GET", first.text("@odata.nextLink"), "").ids(); !cmp.Equal(got, []string{guestID}) {
		t.Errorf("after the last of page one has left: %v", got)
	}
	for filter, want := range map[string][]string{
		"id eq '" + guestID + "'":  {guestID},
		"id eq '" + absentID + "'": {},
		"id in ('" + guestID + "','" + absentID + "', '" + memberID + "')": {memberID, guestID},
		"id eq '" + guestID + "' or id eq '" + memberID + "'":              {memberID, guestID},
	} {
		asked := path + "&$count=true&$filter=" + url.QueryEscape(filter)
		r := c.do("GET", asked, "", "ConsistencyLevel", "eventual")
		if n, _ := r.at("@odata.count").(float64); !cmp.Equal(r.ids(), want) || int(n) != len(want) {
			t.Errorf("%s: %s", filter, r.raw)
		}
		const unsupported = "The specified filter to the reference property query is currently not supported."
		c.do("GET", asked, "").want(t, 400, "Request_UnsupportedQuery", unsupported)
		c.do("GET", strings.Replace(asked, "$count=true&", "", 1), "", "ConsistencyLevel", "eventual").want(t, 400, "Request_UnsupportedQuery", unsupported)
	}
	c.do("GET", path+"&$count=true&$filter="+url.QueryEscape("displayName eq 'x'"), "", "ConsistencyLevel", "eventual").want(t, 400, "Request_UnsupportedQuery", "")
	c.do("GET", "/groups/"+absentID+"/members", "").want(t, 404, "Request_ResourceNotFound", notThere(absentID))
}

func TestTwentyIdsFitOneQueryAndFiftyDoNot(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	ask := func(n int) response {
		filter := "id in ('" + guestID + "'"
		for range n - 1 {
			filter += ",'" + guestID + "'"
		}
		return c.do("GET", "/groups/"+groupID+"/members?$count=true&$select=id&$filter="+url.QueryEscape(filter+")"), "", "ConsistencyLevel", "eventual")
	}
	ask(20).want(t, 200, "", "")
	ask(50).want(t, 400, "Request_UnsupportedQuery", "")
}
