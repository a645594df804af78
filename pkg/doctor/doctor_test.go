package doctor_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"guestlist/pkg/doctor"
)

// tenant answers as it is told; everything it is not told works.
type tenant struct {
	who     doctor.Caller
	none    error
	answers map[doctor.Trial]doctor.Answer
	setting string
	org     doctor.Organization
	reading doctor.Answer // of setting and organization
	tried   []doctor.Trial
}

const allPermissions = "User.Read.All User.Invite.All GroupMember.ReadWrite.All Application.Read.All"

// healthy is a tenant in which nothing is wrong, as it answers an application: what cannot exist is not found.
func healthy() *tenant {
	return &tenant{
		who: doctor.Caller{Tenant: "t-1", AppID: "client-1", ObjectID: "object-1", Roles: strings.Fields(allPermissions)},
		answers: map[doctor.Trial]doctor.Answer{
			doctor.ReadGroup: {Status: 404, Code: "Request_ResourceNotFound"},
			doctor.Invite:    {Status: 400, Code: "BadRequest", Message: "The invited user email address is required."},
			doctor.AddMember: {Status: 404, Code: "Request_ResourceNotFound", Message: "Resource does not exist."},
		},
		setting: "everyone", org: doctor.Organization{PrimaryDomain: "contoso.example"}, reading: doctor.Answer{Status: 200},
	}
}

func (f *tenant) Caller(context.Context) (doctor.Caller, error) { return f.who, f.none }

func (f *tenant) Try(_ context.Context, t doctor.Trial) doctor.Answer {
	f.tried = append(f.tried, t)
	if a, ok := f.answers[t]; ok {
		return a
	}
	return doctor.Answer{Status: 200}
}

func (f *tenant) Organization(context.Context) (doctor.Organization, doctor.Answer) {
	return f.org, f.reading
}

func (f *tenant) InvitesFrom(context.Context) (string, doctor.Answer) { return f.setting, f.reading }

func find(t *testing.T, all []doctor.Finding, check string) doctor.Finding {
	t.Helper()
	for _, f := range all {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("no finding %q in %+v", check, all)
	return doctor.Finding{}
}

func TestHealthyTenant(t *testing.T) {
	t.Parallel()
	f := healthy()
	all := doctor.Examine(t.Context(), f, doctor.Options{MailMode: "own"})
	if doctor.Worst(all) != doctor.Good || len(all) != 8 {
		t.Errorf("%d findings, the worst %s: %+v", len(all), doctor.Worst(all), all)
	}
	if len(f.tried) != 5 {
		t.Errorf("tried %v", f.tried)
	}
	for check, want := range map[string]doctor.Basis{"User.Read.All (read users)": doctor.Tried, "User.Invite.All (invite nobody)": doctor.Inferred,
		"GroupMember.ReadWrite.All (read a group)": doctor.Tried, "identity": doctor.Read} {
		if got := find(t, all, check); got.Basis != want {
			t.Errorf("%s rests on %s, want %s", check, got.Basis, want)
		}
	}
}

func TestWithoutTokenNothingIsTried(t *testing.T) {
	t.Parallel()
	f := healthy()
	f.none = errors.New("no identity here")
	all := doctor.Examine(t.Context(), f, doctor.Options{})
	if len(all) != 1 || all[0].State != doctor.Bad || len(f.tried) != 0 || !strings.Contains(all[0].Text, "no identity here") {
		t.Errorf("tried %v, found %+v", f.tried, all)
	}
}

// TestPermissionByTrial has a row for each way in which a trial can turn out.
func TestPermissionByTrial(t *testing.T) {
	t.Parallel()
	denied := doctor.Answer{Status: 403, Code: "Authorization_RequestDenied", Message: "Insufficient privileges to complete the operation.", RequestID: "r-1"}
	for name, c := range map[string]struct {
		trial     doctor.Trial
		check     string
		answer    doctor.Answer
		roles     string
		delegated bool
		state     doctor.State
		next      string
	}{
		"refused, not in the token":  {doctor.AddMember, "GroupMember.ReadWrite.All (add nobody to no group)", denied, "User.Read.All", false, doctor.Bad, "Grant the application permission GroupMember.ReadWrite.All to enterprise app object ID object-1"},
		"refused, but in the token":  {doctor.AddMember, "GroupMember.ReadWrite.All (add nobody to no group)", denied, allPermissions, false, doctor.Bad, "on its way"},
		"refused to a person":        {doctor.Invite, "User.Invite.All (invite nobody)", denied, "", true, doctor.Bad, "your own permissions"},
		"no permission at all":       {doctor.ReadUsers, "User.Read.All (read users)", doctor.Answer{Status: 401, Message: "no"}, "", false, doctor.Bad, "Grant"},
		"token refused":              {doctor.ReadUsers, "User.Read.All (read users)", doctor.Answer{Status: 401, Message: "no"}, allPermissions, false, doctor.Bad, "GRAPH_ENDPOINT"},
		"tenant blocked":             {doctor.Invite, "User.Invite.All (invite nobody)", doctor.Answer{Status: 403, Code: "Forbidden", Message: "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support for help."}, "", false, doctor.Good, ""},
		"throttled":                  {doctor.ReadUsers, "User.Read.All (read users)", doctor.Answer{Status: 429, Message: "Too many requests."}, "", false, doctor.Unsure, "Try again"},
		"no answer":                  {doctor.ReadApplication, "Application.Read.All (read an application)", doctor.Answer{Message: "connection refused"}, "", false, doctor.Unsure, "Try again"},
		"nothing there, but writing": {doctor.AddMember, "GroupMember.ReadWrite.All (add nobody to no group)", doctor.Answer{Status: 404, Code: "Request_ResourceNotFound", Message: "x"}, "", false, doctor.Good, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := healthy()
			f.who.Roles, f.who.Delegated = strings.Fields(c.roles), c.delegated
			f.answers[c.trial] = c.answer
			got := find(t, doctor.Examine(t.Context(), f, doctor.Options{MailMode: "own"}), c.check)
			if got.State != c.state || !strings.Contains(got.Next, c.next) || got.Request != c.answer.RequestID {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestInvitationSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setting string
		reading doctor.Answer
		tried   doctor.Answer
		state   doctor.State
		basis   doctor.Basis
	}{
		"everyone":          {"everyone", doctor.Answer{Status: 200}, doctor.Answer{Status: 400}, doctor.Good, doctor.Read},
		"members":           {"adminsGuestInvitersAndAllMembers", doctor.Answer{Status: 200}, doctor.Answer{Status: 400}, doctor.Good, doctor.Read},
		"inviters only":     {"adminsAndGuestInviters", doctor.Answer{Status: 200}, doctor.Answer{Status: 400}, doctor.Unsure, doctor.Read},
		"nobody":            {"none", doctor.Answer{Status: 200}, doctor.Answer{Status: 400}, doctor.Bad, doctor.Read},
		"cannot be read":    {"", doctor.Answer{Status: 403, Message: "no"}, doctor.Answer{Status: 400}, doctor.Unsure, doctor.Inferred},
		"off, by the trial": {"everyone", doctor.Answer{Status: 200}, doctor.Answer{Status: 403, Message: "Guest invitations not allowed for your company. Contact your company administrator for more details."}, doctor.Bad, doctor.Tried},
		"blocked":           {"everyone", doctor.Answer{Status: 200}, doctor.Answer{Status: 403, Message: "Invitations are blocked for this directory due to suspicious activity."}, doctor.Bad, doctor.Tried},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := healthy()
			f.setting, f.reading, f.answers[doctor.Invite] = c.setting, c.reading, c.tried
			got := find(t, doctor.Examine(t.Context(), f, doctor.Options{MailMode: "own"}), "invitation settings")
			if got.State != c.state || got.Basis != c.basis || c.state != doctor.Good && got.Next == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestPrimaryDomain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		domain, mode string
		reading      int
		state        doctor.State
	}{
		"own domain":                      {"contoso.example", "microsoft", 200, doctor.Good},
		"limited":                         {"contoso.onmicrosoft.com", "microsoft", 200, doctor.Unsure},
		"limited, but mail is ours":       {"contoso.onmicrosoft.com", "own", 200, doctor.Good},
		"not readable":                    {"", "microsoft", 403, doctor.Unsure},
		"limited, whatever its case":      {"Contoso.OnMicrosoft.com", "microsoft", 200, doctor.Unsure},
		"no suffix of a domain, but name": {"onmicrosoft.com.example", "microsoft", 200, doctor.Good},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := healthy()
			f.org.PrimaryDomain, f.reading.Status = c.domain, c.reading
			got := find(t, doctor.Examine(t.Context(), f, doctor.Options{MailMode: c.mode}), "primary domain")
			if got.State != c.state {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestPermissionsThatAreTooMany(t *testing.T) {
	t.Parallel()
	f := healthy()
	f.who.Roles = append(f.who.Roles, "AppRoleAssignment.ReadWrite.All", "Directory.ReadWrite.All", "Mail.Send")
	all := doctor.Examine(t.Context(), f, doctor.Options{MailMode: "own", Assignments: true})
	find(t, all, "AppRoleAssignment.ReadWrite.All")
	find(t, all, "Directory.ReadWrite.All")
	if doctor.Worst(all) != doctor.Unsure || len(all) != 11 {
		t.Errorf("%d findings, the worst %s", len(all), doctor.Worst(all))
	}
}

func TestMailboxNeedsAPermission(t *testing.T) {
	t.Parallel()
	f := healthy()
	options := doctor.Options{MailMode: "own", Mailbox: "invitations@contoso.example"}
	got := find(t, doctor.Examine(t.Context(), f, options), "Mail.Send")
	if got.State != doctor.Bad || !strings.Contains(got.Text, "invitations@contoso.example") || !strings.Contains(got.Next, "object-1") {
		t.Errorf("without it: %+v", got)
	}
	f.who.Roles = append(f.who.Roles, "Mail.Send")
	if got = find(t, doctor.Examine(t.Context(), f, options), "Mail.Send"); got.State != doctor.Good || got.Basis != doctor.Read {
		t.Errorf("with it: %+v", got)
	}
}
