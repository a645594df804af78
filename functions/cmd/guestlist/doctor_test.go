package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guestlist/pkg/doctor"
	"guestlist/pkg/local/entra"
)

// tenantOf serves a tenant in which an identity has these permissions, and lets the process ask as it. azidentity looks
// into the environment of the process, so these tests run one after another; it keeps tokens by client id for as long as
// the process lives, so each test has an identity of its own.
func tenantOf(t *testing.T, permissions string, settings entra.Settings, domains ...string) (*world, *entra.Server) {
	t.Helper()
	client := uuid.NewString()
	s, err := entra.Serve(entra.Config{Seed: entra.Seed{TenantID: "7e7a0000-0000-4000-8000-000000000001", VerifiedDomains: domains, Settings: settings,
		Identities: []entra.Identity{{ClientID: client, Permissions: strings.Fields(permissions)}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	t.Setenv("IDENTITY_ENDPOINT", s.IdentityEndpoint())
	t.Setenv("IDENTITY_HEADER", s.IdentityHeader())
	return &world{t: t, env: map[string]string{"GRAPH_ENDPOINT": s.URL(), "IDENTITY_ENDPOINT": s.IdentityEndpoint(), "AZURE_CLIENT_ID": client}}, s
}

const needed = "User.Invite.All User.Read.All GroupMember.ReadWrite.All Application.Read.All AppRoleAssignment.ReadWrite.All"

var anID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

func TestDoctor(t *testing.T) {
	for name, c := range map[string]struct {
		permissions string
		settings    entra.Settings
		env         map[string]string
		code        int
	}{
		"the least":          {needed, entra.Settings{}, nil, exitDone},
		"settings readable":  {needed + " Organization.Read.All Policy.Read.All", entra.Settings{AllowInvitesFrom: "adminsGuestInvitersAndAllMembers"}, map[string]string{"MAIL_MODE": "microsoft"}, exitDone},
		"own mail":           {needed + " Organization.Read.All", entra.Settings{}, nil, exitDone},
		"no app assignments": {strings.Replace(needed, "AppRoleAssignment.ReadWrite.All", "", 1), entra.Settings{}, map[string]string{"APP_ASSIGNMENT": "off", "MAIL_MODE": "none"}, exitDone},
		"too little":         {"User.Read.All", entra.Settings{}, nil, exitFailed},
		"blocked":            {needed + " Policy.Read.All", entra.Settings{Invitations: "blocked"}, nil, exitFailed},
		"invitations off":    {needed + " Policy.Read.All", entra.Settings{AllowInvitesFrom: "none"}, nil, exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := tenantOf(t, c.permissions, c.settings, "contoso.onmicrosoft.com")
			for k, v := range c.env {
				w.env[k] = v
			}
			if r := w.run("", "doctor"); r.code != c.code {
				t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
			}
			if got := s.Stats(); got.Invitations != 0 || len(s.State().Users) != 0 {
				t.Errorf("the tenant was changed: %+v", got)
			}
			w.golden("doctor-"+strings.ReplaceAll(name, " ", "-"), anID)
		})
	}
}

func TestDoctorAsJSON(t *testing.T) {
	w, _ := tenantOf(t, needed, entra.Settings{})
	r := w.run("", "doctor", "-json")
	found := decode[[]doctor.Finding](t, r)
	if len(found) < 8 || found[0].Check != "identity" || !strings.Contains(found[0].Text, w.env["AZURE_CLIENT_ID"]) || r.err != "" {
		t.Errorf("%+v %s", found, r.err)
	}
}

func TestDoctorWithoutAnIdentity(t *testing.T) {
	w, _ := tenantOf(t, needed, entra.Settings{})
	t.Setenv("IDENTITY_HEADER", "not the one of this Function App")
	if r := w.run("", "doctor", "-json"); r.code != exitFailed || !json.Valid([]byte(r.out)) || !strings.Contains(r.out, "There is no token") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}
