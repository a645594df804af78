package main

import (
	"errors"
	"testing"

	"guestlist/pkg/graph"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

func TestRoleIsTheDefaultOnlyWithoutAppRoles(t *testing.T) {
	t.Parallel()
	user := graph.Role{ID: "r1", Value: "Reader", Enabled: true, ForUsers: true}
	for name, tc := range map[string]struct {
		wanted string
		roles  []graph.Role
		id     string
		code   string
	}{
		"no roles":              {"", nil, graph.DefaultRole, ""},
		"only for applications": {"", []graph.Role{{ID: "r2", Value: "App", Enabled: true}}, "", "application.role-missing"},
		"only disabled":         {"", []graph.Role{{ID: "r2", Value: "Old", ForUsers: true}}, "", "application.role-missing"},
		"without a value":       {"", []graph.Role{{ID: "r2", Enabled: true, ForUsers: true}}, "", "application.role-missing"},
		"named but disabled":    {"Old", []graph.Role{{ID: "r2", Value: "Old", ForUsers: true}}, "", "application.role-unknown"},
		"named":                 {"Reader", []graph.Role{user}, "r1", ""},
		"not named":             {"", []graph.Role{user}, "", "application.role-missing"},
		"named wrongly":         {"Writer", []graph.Role{user}, "", "application.role-unknown"},
		"named but none":        {"Reader", nil, "", "application.role-unknown"},
	} {
		got, err := role(ledger.Target{ID: "a", Role: tc.wanted}, graph.Application{Roles: tc.roles})
		f, _ := errors.AsType[*message.Failure](err)
		if tc.code == "" && (err != nil || got.Role != tc.id) || tc.code != "" && (f == nil || f.Code != tc.code) {
			t.Errorf("%s: role %q, %v; want %q %s", name, got.Role, err, tc.id, tc.code)
		}
	}
}
