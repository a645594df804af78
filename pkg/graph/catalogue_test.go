package graph_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"guestlist/pkg/graph"
	"guestlist/pkg/local/entra"
)

// spoken are the operations of the client behind each operation of the directory.
var spoken = map[string][]graph.Operation{
	"invite":      {graph.Invite},
	"lookup":      {graph.FindUser, graph.ReadUser, graph.ListUsers, graph.ListGuests},
	"group":       {graph.ReadGroup},
	"member":      {graph.AddMember, graph.AddMembers},
	"application": {graph.ReadApplication},
	"approle":     {graph.AssignRole},
}

// verdicts say what becomes of each refusal of the directory's catalogue, by its name; more particular ones have the
// operation behind a slash.
var verdicts = map[string]string{
	"member-exists": "member.exists", "member-disabled": "member.disabled", "verified-domain": "invite.domain-verified",
	"group-address": "invite.address-refused", "bad-address": "invite.address-refused", "reset-mismatch": "invite.address-refused",
	"cross-tenant-blocked": "invite.domain-blocked", "domain-denied": "invite.domain-blocked",
	"suspicious-activity": "tenant.blocked", "guests-disallowed": "tenant.invitations-off", "object-quota": "tenant.full",
	"no-permission": "permission.missing", "reset-denied": "permission.missing", "insufficient-privileges": "permission.missing",
	"insufficient-privileges/add member": "group.forbidden", "insufficient-privileges/add members": "group.forbidden",
	"token-empty": "permission.missing", "token-broken": "permission.missing", "token-audience": "permission.missing", "token-expired": "permission.missing",
	"daily-cap": "later", "too-many-requests": "later",
	"no-target-address": "attempt", "unavailable": "attempt", "gateway-timeout": "attempt", "internal-error": "attempt",

	"not-there/read user": "not found", "not-there/read group": "not found", "not-there/read application": "not found",
	"not-there/add member": "later/graph.not-found", "not-there/add members": "later/graph.not-found", "not-there/assign role": "later/graph.not-found",
	"not-there/invite": "graph.refused", "not-there": "attempt", // a search names no object
	"company-unreadable/read user": "not found", "company-unreadable": "later/graph.not-found",
	"company-unreadable/find user": "attempt", "company-unreadable/list users": "attempt", "company-unreadable/list guests": "attempt",

	"already-member/add member": "done", "already-member/add members": "attempt", // who adds many asks who is a member
	"source-missing": "later/graph.not-found", "mail-enabled": "group.mail-enabled", "synced-group": "group.synced",
	"guests-kept-out": "group.forbidden", "member-quota": "group.full",
	"too-many-references": "graph.refused", "bad-reference": "graph.refused", // a defect of the client, if ever
	"already-assigned": "done", "unknown-role": "later/role.unknown", "not-valid-reference": "later/graph.not-found", "assignment-quota": "application.full",
}

// TestEveryRefusalOfTheDirectoryIsUnderstood has the directory say everything that Microsoft Graph is known to say.
func TestEveryRefusalOfTheDirectoryIsUnderstood(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	for _, r := range entra.Refusals() {
		operations := r.Operations
		if slices.Contains(operations, "*") {
			operations = slices.Collect(maps.Keys(spoken)) // a fault of all operations would strike tokens too
		}
		for _, operation := range operations {
			c, s := directory(t, entra.Config{})
			if err := s.SetFault(entra.Fault{Operation: operation, Refusal: r.Name, Rate: 1}); err != nil {
				t.Fatal(err)
			}
			calls := methods(c)
			for _, op := range spoken[operation] {
				name := r.Name + "/" + string(op)
				if verdicts[name] == "" {
					name = r.Name
				}
				said[name] = true
				err := calls[op](t.Context())
				if got := judged(err).verdict; got != verdicts[name] {
					t.Errorf("%s, %s: got %q, want %q: %v", op, r.Name, got, verdicts[name], err)
				}
				if e, ok := errors.AsType[*graph.Error](err); ok && e.RequestID == "" {
					t.Errorf("%s, %s: no request id for support: %v", op, r.Name, err)
				}
			}
		}
	}
	for name := range verdicts {
		if !said[name] {
			t.Errorf("the directory never said %s", name)
		}
	}
	if n := len(entra.Refusals()); n < 30 {
		t.Errorf("the catalogue has %d refusals only", n)
	}
}
