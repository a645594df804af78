package policy_test

import (
	"strings"
	"testing"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/policy"
)

const (
	staff  = "6f1c0c52-52a1-4d0c-9f5e-0a8c3b6f0001"
	night  = "6f1c0c52-52a1-4d0c-9f5e-0a8c3b6f0002"
	night2 = "6f1c0c52-52a1-4d0c-9f5e-0a8c3b6f0003"
	sheets = "0d5b7f0e-1111-4c8e-a3d2-5a1f00000001"
	wiki   = "0d5b7f0e-1111-4c8e-a3d2-5a1f00000002"
	alien  = "ffffffff-1111-4c8e-a3d2-5a1f00000009"
)

func partners() policy.Policy {
	return policy.Policy{
		Version: 1, Source: "partners",
		Groups:        []policy.Group{{ID: staff, Name: "All Staff"}, {ID: night, Name: "Night"}, {ID: night2, Name: "night"}},
		Applications:  []policy.Application{{ID: strings.ToUpper(sheets), Name: "Time Sheets", Role: "Clerk", Roles: []string{"Payroll"}}, {ID: wiki, Name: "Wiki", Roles: []string{"Editor", "Read:All"}}},
		Domains:       []string{"partner.example", "Second.Example"},
		CCDomains:     []string{"contoso.example"},
		RedirectHosts: []string{"myapplications.microsoft.com"},
		MaxGuests:     3, AllowText: true, AllowCC: true, AllowLinks: true, AllowResend: true, MailMode: "own",
	}
}

// row reads one row as it would stand in a file with these columns.
func row(t *testing.T, columns, cells string) csvfile.Row {
	t.Helper()
	r, err := csvfile.NewReader(strings.NewReader(columns + "\n" + cells + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	return got
}
