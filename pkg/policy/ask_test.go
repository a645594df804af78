package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/policy"
)

const all = "Email,InvitationText,InviteRedirectUrl,InvitedToApplications,InvitedToGroups,CcEmailAddress"

func TestAProposalAllowsWhatTheFileAsksAndNoMore(t *testing.T) {
	t.Parallel()
	rows := []csvfile.Row{
		row(t, all, "ana@partner.example,Hi,https://host.example:8080/x,"+sheets+" "+wiki+":Editor "+wiki+":Reader,"+staff+","),
		row(t, all, "ben@PARTNER.example,,,"+sheets+",,boss@contoso.example"),
		row(t, all, "cid+x@evil.example,,https://evil.example,"+alien+",,"), // refused: asks for nothing
	}
	var a policy.Ask
	for _, r := range rows {
		a.Add(r)
	}
	got := policy.Propose("partners", a)
	want := policy.Policy{
		Version: 1, Source: "partners", MaxGuests: 2, AllowText: true, AllowCC: true,
		Groups:       []policy.Group{{ID: staff}},
		Applications: []policy.Application{{ID: sheets}, {ID: wiki, Roles: []string{"Editor", "Reader"}}},
		Domains:      []string{"partner.example"}, CCDomains: []string{"contoso.example"}, RedirectHosts: []string{"host.example"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := policy.Parse(got.JSON()); err != nil {
		t.Errorf("the proposal is no policy: %v", err)
	}
	for _, r := range rows[:2] {
		if p, refused := got.Judge(r).Refused(); refused {
			t.Errorf("line %s: %v", r.Email, p)
		}
	}
}

func TestAnAskIsBounded(t *testing.T) {
	t.Parallel()
	var a policy.Ask
	for i := range 1000 {
		id := fmt.Sprintf("6f1c0c52-52a1-4d0c-9f5e-%012d", i)
		a.Add(row(t, all, fmt.Sprintf("ana@p%d.example,,https://h%d.example/,%s,%s;Name of %d,", i, i, id, id, i)))
	}
	for name, w := range map[string]policy.Wanted{"groups": a.Groups, "applications": a.Applications, "domains": a.Domains, "hosts": a.RedirectHosts} {
		if len(w.List) != 50 || w.More < 950 {
			t.Errorf("%s: %d listed, %d more", name, len(w.List), w.More)
		}
	}
	raw, err := json.Marshal(a)
	if err != nil || len(raw) > 32<<10 {
		t.Errorf("%d bytes of JSON, %v; a table's property takes 32 Ki characters", len(raw), err)
	}
	var back policy.Ask
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, back); diff != "" {
		t.Errorf("-asked +read:\n%s", diff)
	}
	groups, applications := a.Named()
	if len(groups) != 25 || len(applications) != 0 || groups[0] != "Name of 0" {
		t.Errorf("named: %q, %q", groups, applications)
	}
}

func TestTheAskOfAHostileFileFitsIntoATable(t *testing.T) {
	t.Parallel()
	var a policy.Ask
	for i := range 200 {
		name := strings.Repeat("<", 10_000) + fmt.Sprint(i)
		a.Add(row(t, all, fmt.Sprintf("ana@%s.p%d.example,,https://%[1]s.h%[2]d.example/,%[3]s,%[3]s,", strings.Repeat("x", 60), i, name)))
		a.Add(row(t, all, fmt.Sprintf("ana@partner.example,,,%[1]s%[2]d,%[1]s%[2]d,", strings.Repeat("<", 100), i)))
	}
	raw, err := json.Marshal(a)
	if err != nil || len(raw) > 32<<10 || len(a.Groups.List) < 5 {
		t.Errorf("%d bytes of JSON with %d groups, %v", len(raw), len(a.Groups.List), err)
	}
}

func TestCountedGuestsBoundAProposal(t *testing.T) {
	t.Parallel()
	for want, a := range map[int]policy.Ask{1: {}, 7: {Rows: 7}, 5: {Rows: 7, Guests: 5}} {
		if got := policy.Propose("x", a).MaxGuests; got != want {
			t.Errorf("%+v: at most %d guests, want %d", a, got, want)
		}
	}
}
