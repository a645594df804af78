package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/policy"
)

func TestASumAllowsBothAndIsAPolicy(t *testing.T) {
	t.Parallel()
	more := policy.Policy{
		Version: 1, Source: "partners", MaxGuests: 9, MailMode: "none",
		Groups:       []policy.Group{{ID: strings.ToUpper(staff), Name: "other name"}, {ID: alien}},
		Applications: []policy.Application{{ID: sheets, Role: "Boss", Roles: []string{"payroll", "Guard"}}, {ID: alien}},
		Domains:      []string{"second.example", "third.example"}, RedirectHosts: []string{"MyApplications.Microsoft.com"},
	}
	want := partners()
	want.Groups = append(want.Groups, policy.Group{ID: alien})
	want.Applications[0].Roles = []string{"Payroll", "Boss", "Guard"}
	want.Applications = append(want.Applications, policy.Application{ID: alien})
	want.Domains = append(want.Domains, "third.example")
	want.MaxGuests = 9
	got := partners().Plus(more)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := policy.Parse(got.JSON()); err != nil {
		t.Error(err)
	}
}
