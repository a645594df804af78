package entra_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

const seedFile = `{
 "tenantId": "11111111-1111-4111-8111-11111111111A",
 "verifiedDomains": ["Contoso.example", "contoso.onmicrosoft.com"],
 "users": [{"displayName": "Mia", "mail": "mia@contoso.example"}, {"mail": "gus@partner.example", "userType": "Guest"}],
 "groups": [{"displayName": "Partners", "members": []}, {"displayName": "Everybody", "groupTypes": ["DynamicMembership"]}],
 "applications": [{"appId": "55555555-5555-4555-8555-555555555555", "displayName": "Wiki", "appRoles": [{"value": "Reader"}]}]
}`

func TestASeedIsCompletedTheSameWayEveryTime(t *testing.T) {
	t.Parallel()
	s, err := entra.ReadSeed(strings.NewReader(seedFile))
	if err != nil {
		t.Fatal(err)
	}
	one, two := serve(t, entra.Config{Seed: s}).s.State(), serve(t, entra.Config{Seed: s}).s.State()
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("two directories from one seed:\n%s", diff)
	}
	gus := one.Users[0]
	if gus.UserPrincipalName != "gus_partner.example#EXT#@contoso.onmicrosoft.com" || gus.CreationType != "Invitation" || !*gus.AccountEnabled || len(gus.ID) != 36 {
		t.Errorf("guest %+v", gus)
	}
	app := one.Applications[0]
	if app.AppOwnerOrganizationID != "11111111-1111-4111-8111-11111111111a" || !*app.AppRoles[0].IsEnabled || !cmp.Equal(app.AppRoles[0].AllowedMemberTypes, []string{"User"}) {
		t.Errorf("application %+v", app)
	}
}

func TestAStateIsASeed(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.addMember(groupID, guestID)
	c.assign(spID, guestID, roleID)
	want := c.s.State()
	b, err := json.Marshal(entra.Seed{TenantID: want.TenantID, VerifiedDomains: want.VerifiedDomains, Users: want.Users, Groups: want.Groups, Applications: want.Applications})
	if err != nil {
		t.Fatal(err)
	}
	s, err := entra.ReadSeed(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, serve(t, entra.Config{Seed: s}).s.State()); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
}

func TestBadSeedsAreRefusedWithTheObjectInQuestion(t *testing.T) {
	t.Parallel()
	const id = "22222222-2222-4222-8222-222222222222"
	for seed, want := range map[string]string{
		`{"user":[]}`:                                                      "user",
		`{"users":[{"email":"x"}]}`:                                        "email",
		`{"users":[{"displayName":"x"}]}`:                                  "neither an id nor a name",
		`{"users":[{"id":"7","mail":"a@b.example"}]}`:                      "a@b.example",
		`{"users":[{"mail":"a@b.example","userType":"guest"}]}`:            "userType",
		`{"users":[{"mail":"a@b.example","externalUserState":"x"}]}`:       "externalUserState",
		`{"users":[{"id":"` + id + `"},{"id":"` + id + `"}]}`:              "twice",
		`{"groups":[{"displayName":"g"},{"displayName":"G"}]}`:             "twice",
		`{"groups":[{"displayName":"g","members":["` + id + `"]}]}`:        "member " + id,
		`{"applications":[{"displayName":"App"}]}`:                         "App",
		`{"applications":[{"appId":"` + id + `"},{"appId":"` + id + `"}]}`: "twice",
		`{"applications":[{"appId":"` + id + `","assignments":[{"principalId":"` + id + `","appRoleId":"` + id + `"}]}]}`: "principal",
		`{"applications":[{"appId":"` + id + `","id":"` + id + `"},{"appId":"` + absentID + `","id":"` + id + `"}]}`:      "belongs to " + id,
		`{"tenantId":"contoso"}`: "contoso",
		`{} {}`:                  "after the JSON value",
		`[]`:                     "",
		``:                       "",
	} {
		if _, err := entra.ReadSeed(strings.NewReader(seed)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %q", seed, err, want)
		}
	}
	if s, err := entra.Serve(entra.Config{Seed: entra.Seed{TenantID: "x"}}); err == nil {
		_ = s.Close()
		t.Error("a bad seed was served")
	}
}
