package entra_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

func TestUsersAreFoundByTheDocumentedFilters(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Users = append(s.Users, entra.User{ID: absentID, Mail: "d'arc@contoso.example"})
	c := serve(t, entra.Config{Seed: s})
	for filter, want := range map[string][]string{
		"mail eq 'gus@partner.example'":                                   {guestID},
		"mail eq 'GUS@Partner.example'":                                   {guestID},
		"mail eq 'd''arc@contoso.example'":                                {absentID},
		"mail eq 'nobody@partner.example'":                                {},
		"userPrincipalName eq 'mia@contoso.example'":                      {memberID},
		"proxyAddresses/any(p:p eq 'SMTP:gus@partner.example')":           {guestID},
		"proxyAddresses/any(p:p eq 'smtp:g@partner.example')":             {guestID},
		"proxyAddresses/any(p:p eq 'SMTP:g@partner.example')":             {},
		"otherMails/any(o:o eq 'gus@alias.example')":                      {guestID},
		"otherMails/any(x : x eq 'MIA@home.example' )":                    {memberID},
		"startswith(userPrincipalName,'gus_partner.example#EXT#@')":       {guestID},
		"startsWith(userPrincipalName, 'gus_partner.example#EXT#@conto')": {guestID},
		"startswith(userPrincipalName,'gus_partner.example#EXT#@other')":  {},
		"mail eq 'gus@partner.example' or otherMails/any(o:o eq 'gus@alias.example') or userPrincipalName eq 'mia@contoso.example'": {memberID, guestID},
		"mail in ('gus@partner.example','mia@contoso.example')":                                                                     {memberID, guestID},
		"(mail eq 'gus@partner.example' or userType eq 'Member') and startswith(displayName, 'M')":                                  {memberID},
		"userType eq 'Guest'":                                         {guestID},
		"accountEnabled eq false":                                     {disabledID},
		"id in ('" + guestID + "','" + roleID + "')":                  {guestID},
		"creationType eq 'Invitation' and displayName eq 'gus guest'": {guestID},
	} {
		if diff := cmp.Diff(want, c.find(filter)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filter, diff)
		}
	}
}

func TestAccountsThatShareAnAddressAreAllFound(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Users = append(s.Users, entra.User{ID: absentID, Mail: "Gus@Partner.example", UserType: "Guest", UserPrincipalName: "gus2_partner.example#EXT#@contoso.onmicrosoft.com"})
	c := serve(t, entra.Config{Seed: s})
	if got := c.find("mail eq 'gus@partner.example'"); !cmp.Equal(got, []string{guestID, absentID}) {
		t.Errorf("found %v", got)
	}
	if s := c.s.Stats(); !cmp.Equal(s.DuplicateUsers, []string{"gus@partner.example"}) {
		t.Errorf("duplicates %v", s.DuplicateUsers)
	}
}

func TestFiltersThatAreNotServedAreRefused(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	many := strings.TrimSuffix(strings.Repeat("mail eq 'a@x.example' or ", 16), " or ")
	for filter, code := range map[string]string{
		"jobTitle eq 'x'":                      "Request_UnsupportedQuery",
		"startswith(id,'x')":                   "Request_UnsupportedQuery",
		"mail any 'x'":                         "BadRequest",
		"proxyAddresses/any(p:p eq 'x')) or x": "BadRequest",
		"mail ne 'x'":                          "Request_UnsupportedQuery",
		"not (mail eq 'x')":                    "Request_UnsupportedQuery",
		"endswith(mail,'x')":                   "Request_UnsupportedQuery",
		"externalUserState eq 'Accepted'":      "Request_UnsupportedQuery",
		"mail eq 'x' and":                      "BadRequest",
		strings.Repeat("(", 30) + "mail eq 'x'" + strings.Repeat(")", 30): "BadRequest",
		"mail eq 'o'hara@x.example'":                                      "BadRequest",
		"mail eq x":                                                       "BadRequest",
		"mail eq 'x":                                                      "BadRequest",
		"mail eq 'x' or":                                                  "BadRequest",
		"(mail eq 'x'":                                                    "BadRequest",
		"startswith(mail)":                                                "BadRequest",
		"otherMails/any(o:p eq 'x')":                                      "BadRequest",
		"otherMails/any(o:o eq 'x'":                                       "BadRequest",
		"":                                                                "BadRequest",
		many:                                                              "Request_UnsupportedQuery",
	} {
		r := c.do("GET", "/users?$filter="+url.QueryEscape(filter), "")
		r.want(t, 400, code, "")
	}
	c.do("GET", "/users?$search=x", "").want(t, 400, "Request_UnsupportedQuery", "")
	c.do("GET", "/users?$top=1000", "").want(t, 400, "Request_UnsupportedQuery", "")
	c.do("GET", "/users?$select=id,shoeSize", "").want(t, 400, "BadRequest", "Could not find a property named 'shoeSize'.")
}

func TestUsersCarryOnlyWhatWasSelected(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	byDefault := c.do("GET", "/users/"+guestID, "")
	for _, k := range []string{"userType", "externalUserState", "proxyAddresses", "otherMails", "accountEnabled"} {
		if _, is := byDefault.json[k]; is {
			t.Errorf("%s came without $select", k)
		}
	}
	if byDefault.text("mail") != "gus@partner.example" || byDefault.text("displayName") != "Gus Guest" {
		t.Errorf("default properties: %s", byDefault.raw)
	}
	r := c.do("GET", "/users?$select=userType,externalUserState&$filter="+url.QueryEscape("mail eq 'gus@partner.example'"), "")
	want := []any{map[string]any{"userType": "Guest", "externalUserState": "Accepted"}}
	if diff := cmp.Diff(want, r.json["value"]); diff != "" {
		t.Errorf("selected (-want +got):\n%s", diff)
	}
}

func TestUsersAreReadByIdOrPrincipalName(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for _, name := range []string{memberID, strings.ToUpper(memberID), "mia@contoso.example"} {
		if got := c.do("GET", "/users/"+name, "").text("id"); got != memberID {
			t.Errorf("%s: %q", name, got)
		}
	}
	c.do("GET", "/users/"+absentID, "").want(t, 404, "Request_ResourceNotFound",
		"Resource '"+absentID+"' does not exist or one of its queried reference-property objects are not present.")
}

func TestListsComeInPagesWithoutRepeats(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for _, a := range []string{"a", "b", "c", "d"} {
		c.invite(a+"@partner.example").want(t, 201, "", "")
	}
	var ids []string
	path := "/users?$select=id&$top=3"
	for range 10 {
		r := c.do("GET", path, "")
		ids = append(ids, r.ids()...)
		if path = r.text("@odata.nextLink"); path == "" {
			break
		}
		c.invite("more@partner.example") // a list that grows repeats nothing
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) || len(ids) < 7 || path != "" {
		t.Errorf("ids %v, next %q", ids, path)
	}
}

func TestADeletedUserIsGoneWithItsAccess(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	first := c.invite(address).text("invitedUser", "id")
	c.addMember(groupID, first).want(t, 204, "", "")
	c.assign(spID, first, roleID).want(t, 201, "", "")
	c.do("DELETE", "/users/"+first, "").want(t, 204, "", "")
	c.do("DELETE", "/users/"+first, "").want(t, 404, "Request_ResourceNotFound", "")
	c.do("GET", "/users/"+first, "").want(t, 404, "Request_ResourceNotFound", "")
	state := c.s.State()
	if len(c.find("mail eq '"+address+"'")) != 0 || len(state.Groups[0].Members) != 0 || len(state.Applications[1].Assignments) != 0 {
		t.Errorf("left behind: %+v", state)
	}
	if second := c.invite(address).text("invitedUser", "id"); second == first || second == "" {
		t.Errorf("invited again as %q", second)
	}
}
