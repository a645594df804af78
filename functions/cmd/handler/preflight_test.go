package main

import (
	"errors"
	"testing"

	"guestlist/pkg/graph"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
)

// guid returns an id that tells what it is of.
func guid(n string) string { return "11111111-1111-4111-8111-1111111111" + n }

var (
	groups = []entra.Group{
		{ID: guid("01"), DisplayName: "Security"},
		{ID: guid("02"), DisplayName: "Microsoft 365", GroupTypes: []string{"Unified"}, MailEnabled: true, SecurityEnabled: new(false)},
		{ID: guid("03"), DisplayName: "Rule", GroupTypes: []string{"DynamicMembership"}},
		{ID: guid("04"), DisplayName: "Rule 365", GroupTypes: []string{"Unified", "DynamicMembership"}, MailEnabled: true},
		{ID: guid("05"), DisplayName: "On premises", OnPremisesSyncEnabled: true},
		{ID: guid("06"), DisplayName: "List", MailEnabled: true, SecurityEnabled: new(false)},
		{ID: guid("07"), DisplayName: "Mail-enabled security", MailEnabled: true},
		{ID: guid("08"), DisplayName: "Admins", IsAssignableToRole: true},
	}
	user         = []string{"User"}
	applications = []entra.Application{
		{AppID: guid("21"), ID: guid("31"), DisplayName: "Plain"},
		{AppID: guid("22"), ID: guid("32"), DisplayName: "Wiki", AppRoles: []entra.AppRole{
			{ID: guid("41"), Value: "Reader", AllowedMemberTypes: user}, {ID: guid("42"), Value: "Editor", AllowedMemberTypes: user},
			{ID: guid("43"), Value: "Old", AllowedMemberTypes: user, IsEnabled: new(false)}, {ID: guid("44"), Value: "Daemon", AllowedMemberTypes: []string{"Application"}}}},
		{AppID: guid("23"), ID: guid("33"), DisplayName: "One role", AppRoles: []entra.AppRole{{ID: guid("45"), Value: "User", AllowedMemberTypes: user}}},
		{AppID: guid("24"), ID: guid("34"), DisplayName: "Daemons only", AppRoles: []entra.AppRole{{ID: guid("46"), Value: "Daemon", AllowedMemberTypes: []string{"Application"}}}},
		{AppID: guid("25"), ID: guid("35"), DisplayName: "Azure Portal", AppOwnerOrganizationID: entra.MicrosoftOrganization},
	}
)

func TestPreflightRefusesWhatGuestsMustNotHave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, entra.Seed{Groups: groups, Applications: applications}, 1)
	for _, tc := range []struct{ id, role, code, name, grant string }{
		{guid("01"), "", "", "Security", ""},
		{guid("02"), "", "", "Microsoft 365", ""},
		{guid("03"), "", "group.dynamic", "Rule", ""},
		{guid("04"), "", "group.dynamic", "Rule 365", ""},
		{guid("05"), "", "group.synced", "On premises", ""},
		{guid("06"), "", "group.mail-enabled", "List", ""},
		{guid("07"), "", "group.mail-enabled", "Mail-enabled security", ""},
		{guid("08"), "", "group.role-assignable", "Admins", ""},
		{guid("09"), "", "group.unknown", "", ""},
		{guid("21"), "", "", "Plain", guid("31") + "/" + graph.DefaultRole},
		{guid("21"), "Reader", "application.role-unknown", "Plain", ""},
		{guid("22"), "", "application.role-missing", "Wiki", ""},
		{guid("22"), "Editor", "", "Wiki (Editor)", guid("32") + "/" + guid("42")},
		{guid("22"), "Owner", "application.role-unknown", "Wiki", ""},
		{guid("22"), "Old", "application.role-unknown", "Wiki", ""},
		{guid("22"), "Daemon", "application.role-unknown", "Wiki", ""},
		{guid("23"), "", "application.role-missing", "One role", ""},
		{guid("24"), "", "application.role-missing", "Daemons only", ""},
		{guid("25"), "", "application.microsoft", "Azure Portal", ""},
		{guid("26"), "", "application.unknown", "", ""},
	} {
		kind, ask := ledger.Group, w.dir.Group
		if tc.id >= guid("20") {
			kind, ask = ledger.Application, w.dir.Application
		}
		got, err := ask(t.Context(), ledger.Target{Kind: kind, ID: tc.id, Role: tc.role})
		var code string
		if f, ok := errors.AsType[*message.Failure](err); ok {
			code = f.Code
		}
		if code != tc.code || got.Name != tc.name || (err == nil) != (tc.code == "") {
			t.Errorf("%s %q: %q, named %q (%v); want %q, %q", tc.id, tc.role, code, got.Name, err, tc.code, tc.name)
		}
		if grant := got.Object + "/" + got.Role; tc.grant != "" && grant != tc.grant {
			t.Errorf("%s %q: would be granted %s, want %s", tc.id, tc.role, grant, tc.grant)
		}
	}
	if n := w.entra.Stats().Writes; n != 0 {
		t.Errorf("a preflight wrote %d times", n)
	}
}

// TestWhatPreflightAllowsTheDirectoryTakes and the other way round: nothing is refused too early, or found out too late.
func TestWhatPreflightAllowsTheDirectoryTakes(t *testing.T) {
	t.Parallel()
	guest := entra.User{ID: guid("99"), Mail: "ana@partner.example", UserType: "Guest"}
	w := newWorld(t, entra.Seed{Users: []entra.User{guest}, Groups: groups, Applications: applications}, 1)
	ctx := t.Context()
	for _, g := range groups {
		_, judged := w.dir.Group(ctx, ledger.Target{Kind: ledger.Group, ID: g.ID})
		added, err := w.dir.AddMember(ctx, g.ID, guest.ID)
		if (judged == nil) != added {
			t.Errorf("group %s: preflight says %v, the directory %v", g.DisplayName, judged, err)
		}
	}
	for _, a := range applications {
		target, judged := w.dir.Application(ctx, ledger.Target{Kind: ledger.Application, ID: a.AppID})
		if a.AppOwnerOrganizationID != "" {
			continue // the directory would take it
		}
		assigned, err := w.dir.AssignRole(ctx, a.ID, graph.DefaultRole, guest.ID)
		if (judged == nil) != assigned {
			t.Errorf("application %s as %+v: preflight says %v, the directory %v", a.DisplayName, target, judged, err)
		}
	}
}

func TestADirectoryThatCannotJudgeMakesTheFileWait(t *testing.T) {
	t.Parallel()
	for _, refusal := range []string{"too-many-requests", "unavailable", "gateway-timeout", "insufficient-privileges", "token-expired"} {
		w := newWorld(t, entra.Seed{Groups: groups, Applications: applications}, 1)
		for _, operation := range []string{"group", "application"} {
			w.must(w.entra.SetFault(entra.Fault{Operation: operation, Refusal: refusal, Rate: 1}))
		}
		_, group := w.dir.Group(t.Context(), ledger.Target{ID: guid("01")})
		_, app := w.dir.Application(t.Context(), ledger.Target{ID: guid("21")})
		for _, err := range []error{group, app} {
			if l, ok := errors.AsType[*message.Later](err); !ok || l.Budget != 0 || l.Why == "" {
				t.Errorf("%s: %v; a row is never refused because the directory cannot be asked", refusal, err)
			}
		}
	}
}

func TestPreflightBearsALostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, entra.Seed{Groups: groups}, 1)
	w.must(w.entra.SetFault(entra.Fault{Operation: "group", Reset: true, Count: 1}))
	w.must(w.entra.SetFault(entra.Fault{Operation: "group", Refusal: "gateway-timeout", Count: 1}))
	if g, err := w.dir.Group(t.Context(), ledger.Target{ID: guid("01")}); err != nil || g.Name != "Security" {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestAnInstallationWithoutAppAssignmentRefusesApplications(t *testing.T) {
	t.Parallel()
	w := newWorld(t, entra.Seed{Applications: applications}, 1)
	w.dir.assigns = false
	_, err := w.dir.Application(t.Context(), ledger.Target{Kind: ledger.Application, ID: guid("21")})
	if f, ok := errors.AsType[*message.Failure](err); !ok || f.Code != "application.off" {
		t.Errorf("%v", err)
	}
	if n := w.entra.Stats().Reads; n != 0 {
		t.Errorf("the directory was asked %d times about an application that is refused anyway", n)
	}
}
