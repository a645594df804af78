package graph_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/graph"
	"guestlist/pkg/message"
)

func TestFindTakesExactlyOneGuestThatIsSurelyThePerson(t *testing.T) {
	t.Parallel()
	const guest, other = `{"id":"g1","userType":"Guest","accountEnabled":true,`, `{"id":"g2","userType":"Guest","mail":"ana.o'hara@partner.example"}`
	for name, tc := range map[string]struct {
		value string
		id    string // found
		code  string // of the failure; neither means ErrNotFound
	}{
		"nobody":                  {``, "", ""},
		"by mail":                 {guest + `"mail":"Ana.O'Hara@Partner.example"}`, "g1", ""},
		"by proxy address":        {guest + `"mail":"new@x.example","proxyAddresses":["smtp:old@x.example","SMTP:ANA.o'hara@partner.example"]}`, "g1", ""},
		"by principal name":       {guest + `"userPrincipalName":"ana.o'hara_partner.example#EXT#@contoso.onmicrosoft.com"}`, "g1", ""},
		"by another mail only":    {guest + `"mail":"a@x.example","otherMails":["ana.o'hara@partner.example"]}`, "", "guest.ambiguous"},
		"by nothing we can see":   {guest + `"mail":null,"proxyAddresses":null}`, "", "guest.ambiguous"},
		"two guests":              {guest + `"mail":"ana.o'hara@partner.example"},` + other, "", "guest.ambiguous"},
		"a guest and a member":    {`{"id":"m","userType":"Member"},` + other, "", "guest.ambiguous"},
		"a member":                {`{"id":"m","userType":"Member","mail":"ana.o'hara@partner.example"}`, "", "member.exists"},
		"a blocked guest":         {`{"id":"g1","userType":"Guest","accountEnabled":false,"mail":"ana.o'hara@partner.example"}`, "", "guest.disabled"},
		"a blocked member":        {`{"id":"m","userType":"Member","accountEnabled":false,"mail":"ana.o'hara@partner.example"}`, "", "member.exists"},
		"by the whole name only":  {guest + `"userPrincipalName":"ana.o'hara@partner.example"}`, "", "guest.ambiguous"},
		"by a longer local part":  {guest + `"userPrincipalName":"xana.o'hara_partner.example#EXT#@contoso.onmicrosoft.com"}`, "", "guest.ambiguous"},
		"one guest, seen twice":   {other + `,` + other, "g2", ""},
		"an account without type": {`{"id":"m","userType":null,"mail":"ana.o'hara@partner.example"}`, "", "member.exists"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, answer{200, `{"value":[` + tc.value + `]}`, nil})
			got, err := f.client(t).Find(t.Context(), " "+address)
			var code string
			if failure, ok := errors.AsType[*message.Failure](err); ok {
				code = failure.Code
				noSecrets(t, failure.Text)
			}
			if got.ID != tc.id || code != tc.code {
				t.Errorf("found %q, failure %q; want %q, %q (%v)", got.ID, code, tc.id, tc.code, err)
			}
			if notFound := errors.Is(err, graph.ErrNotFound); notFound != (tc.id == "" && tc.code == "") {
				t.Errorf("ErrNotFound is %v: %v", notFound, err)
			}
		})
	}
}

func TestFindFollowsEmptyPages(t *testing.T) {
	t.Parallel()
	f := serve(t)
	second := answer{200, `{"value":[{"id":"g1","userType":"Guest","mail":"ana.o'hara@partner.example"}]}`, nil}
	first := answer{200, `{"value":[],"@odata.nextLink":"` + f.URL + `/v1.0/users?$skiptoken=x%2By"}`, nil}
	f.then(first, second)
	got, err := f.client(t).Find(t.Context(), address)
	if err != nil || got.ID != "g1" {
		t.Fatalf("%+v, %v", got, err)
	}
	if r := f.requests()[1]; r.URI != "/v1.0/users?$skiptoken=x%2By" || r.Header.Get("Authorization") == "" {
		t.Errorf("second page asked for with %s, token %q", r.URI, r.Header.Get("Authorization"))
	}
}

func TestFindNeedsNoFurtherPageToSeeThatAPersonIsAmbiguous(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.then(answer{200, `{"value":[{"id":"g1"},{"id":"g2"}],"@odata.nextLink":"` + f.URL + `/v1.0/users?$skiptoken=x"}`, nil})
	_, err := f.client(t).Find(t.Context(), address)
	if failure, ok := errors.AsType[*message.Failure](err); !ok || failure.Code != "guest.ambiguous" || len(f.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(f.requests()))
	}
}

func TestFindGivesUpOnEndlessPages(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.then(answer{200, `{"value":[],"@odata.nextLink":"` + f.URL + `/v1.0/users?$skiptoken=x"}`, nil})
	_, err := f.client(t).Find(t.Context(), address)
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.Class != graph.Transient {
		t.Errorf("error %v", err)
	}
}

func TestUserReadsTheAccount(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{200, `{"@odata.context":"x","id":"u","mail":"m@x","userPrincipalName":"p@x","userType":"Guest",` +
		`"externalUserState":"PendingAcceptance","externalUserStateChangeDateTime":"2026-03-01T10:00:00Z","accountEnabled":true,"proxyAddresses":[]}`, nil})
	got, err := f.client(t).User(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	want := graph.Account{ID: "u", Mail: "m@x", UserPrincipalName: "p@x", UserType: "Guest", State: graph.Pending,
		Changed: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Enabled: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
}

func TestGroupTellsWhatForbidsAddingGuests(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]graph.Group{
		`{"id":"g","displayName":"Team","groupTypes":[],"mailEnabled":false,"isAssignableToRole":null,"onPremisesSyncEnabled":null}`: {ID: "g", Name: "Team"},
		`{"id":"g","groupTypes":["Unified"],"mailEnabled":true}`:                                                                     {ID: "g"},
		`{"id":"g","groupTypes":[],"mailEnabled":true}`:                                                                              {ID: "g", MailEnabled: true},
		`{"id":"g","groupTypes":["Unified","DynamicMembership"],"mailEnabled":true}`:                                                 {ID: "g", Dynamic: true},
		`{"id":"g","groupTypes":[],"isAssignableToRole":true,"onPremisesSyncEnabled":true}`:                                          {ID: "g", RoleAssignable: true, Synced: true},
	} {
		f := serve(t, answer{200, body, nil})
		got, err := f.client(t).Group(t.Context(), groupID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

func TestApplicationReadsRolesAndOwner(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{200, `{"id":"s","appId":"a","displayName":"Wiki","appOwnerOrganizationId":"F8CDEF31-a31e-4b4a-93e4-5f571e91255a","appRoles":[` +
		`{"id":"r1","value":"Reader","displayName":"Readers","isEnabled":true,"allowedMemberTypes":["Application","User"]},` +
		`{"id":"r2","value":null,"displayName":"Old","isEnabled":false,"allowedMemberTypes":["Application"]}]}`, nil})
	got, err := f.client(t).Application(t.Context(), appID)
	if err != nil {
		t.Fatal(err)
	}
	want := graph.Application{AppID: "a", ObjectID: "s", Name: "Wiki", Microsoft: true, Roles: []graph.Role{
		{ID: "r1", Value: "Reader", Name: "Readers", Enabled: true, ForUsers: true}, {ID: "r2", Name: "Old"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("application (-want +got):\n%s", diff)
	}
}

func TestWritesReportWhetherTheyChangedAnything(t *testing.T) {
	t.Parallel()
	const member = "One or more added object references already exist for the following modified properties: 'members'."
	for name, tc := range map[string]struct {
		answer answer
		op     graph.Operation
		want   bool
	}{
		"added":    {answer{204, "", nil}, graph.AddMember, true},
		"member":   {refusal(400, "Request_BadRequest", member), graph.AddMember, false},
		"assigned": {answer{201, `{"id":"a"}`, nil}, graph.AssignRole, true},
		"has it":   {refusal(400, "Request_BadRequest", "Permission being assigned already exists on the object"), graph.AssignRole, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, tc.answer).client(t)
			write := map[graph.Operation]func() (bool, error){
				graph.AddMember:  func() (bool, error) { return c.AddMember(t.Context(), groupID, userID) },
				graph.AssignRole: func() (bool, error) { return c.AssignRole(t.Context(), spID, roleID, userID) },
			}[tc.op]
			if got, err := write(); got != tc.want || err != nil {
				t.Errorf("%v, %v; want %v", got, err, tc.want)
			}
		})
	}
}

func TestIsMemberBelievesOnlyTheIdItAskedFor(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{``: false, `{"id":"` + userID + `"}`: true, `{"id":"someone-else"}`: false} {
		f := serve(t, answer{200, fmt.Sprintf(`{"@odata.count":1,"value":[%s]}`, value), nil})
		if got, err := f.client(t).IsMember(t.Context(), groupID, userID); got != want || err != nil {
			t.Errorf("%s: %v, %v", value, got, err)
		}
	}
}

func TestAUserThatAFilterDoesNotFindIsNoMember(t *testing.T) {
	t.Parallel()
	f := serve(t, refusal(404, notFound, "Resource '"+userID+"' does not exist or one of its queried reference-property objects are not present."))
	if got, err := f.client(t).IsMember(t.Context(), groupID, userID); got || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestIdsThatCanNameNothingAreNotSent(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{200, `{"id":"x","value":[]}`, nil})
	c := f.client(t)
	for _, id := range []string{"", ".", "..", "a/b", "me?x", "a'b", "ana@partner.example"} {
		_, user := c.User(t.Context(), id)
		_, group := c.Group(t.Context(), id)
		_, app := c.Application(t.Context(), id)
		_, member := c.IsMember(t.Context(), groupID, id)
		_, find := c.Find(t.Context(), "no-at-sign")
		for _, err := range []error{user, group, app, member, find} {
			if !errors.Is(err, graph.ErrNotFound) {
				t.Errorf("%q: %v, want ErrNotFound", id, err)
			}
			noSecrets(t, err.Error())
		}
		_, add := c.AddMember(t.Context(), groupID, id)
		_, assign := c.AssignRole(t.Context(), spID, roleID, id)
		for _, err := range []error{add, assign} {
			if e, ok := errors.AsType[*graph.Error](err); !ok || e.Class != graph.Refused || !e.Certain() {
				t.Errorf("%q: %v, want a certain refusal", id, err)
			}
		}
	}
	if n := len(f.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
