package crashmatrix

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/acts"
	"guestlist/pkg/assign"
	"guestlist/pkg/breaker"
	"guestlist/pkg/bus"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/notify"
	"guestlist/pkg/plan"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
	"guestlist/pkg/work"
)

// declared are the acts of each function. All of them must be passed by a scenario, and a scenario may pass no other.
var declared = map[string][]string{
	"planupload": {"blobs.Create", "bus.DeadLetter", "bus.Send", "host.Answer", "ledger.CreateImport", "ledger.InsertEntries",
		"ledger.UpdateBreaker", "ledger.UpdateEntries", "ledger.UpdateImport"},
	"inviteguest": {"bus.DeadLetter", "bus.Send", "graph.Invite", "host.Answer", "ledger.Claim", "ledger.SaveGuest", "ledger.UpdateBreaker",
		"ledger.UpdateEntry", "ledger.UpdateTenant"},
	"assignaccess": {"bus.DeadLetter", "bus.Send", "graph.AddMember", "graph.AddMembers", "graph.AssignRole", "host.Answer", "ledger.Grant",
		"ledger.UpdateBreaker", "ledger.UpdateEntry", "ledger.UpdateTenant"},
	"notifyguest": {"bus.DeadLetter", "bus.Send", "graph.Invite", "graph.SendMail", "host.Answer", "ledger.Claim", "ledger.SaveGuest",
		"ledger.UpdateBreaker", "ledger.UpdateEntry", "ledger.UpdateMailPace", "ledger.UpdateTenant", "mail.Send"},
	"reportimport": {"blobs.Create", "bus.DeadLetter", "bus.Send", "host.Answer", "ledger.UpdateImport"},
	"sweepledger": {"blobs.Delete", "bus.Remove", "bus.Send", "host.Answer", "ledger.Claim", "ledger.DeleteImport", "ledger.Forget",
		"ledger.PurgeEntries", "ledger.SaveGuest", "ledger.UpdateBreaker", "ledger.UpdateEntries", "ledger.UpdateEntry", "ledger.UpdateImport"},
}

// never are acts that a function could do by the contracts that it is given, and does not.
var never = map[string][]string{
	// Given the whole ledger, since it plans all of it; what a guest's steps do is theirs. Work files stay until the purge.
	"planupload": {"ledger.Claim", "ledger.SaveGuest", "ledger.UpdateEntry", "ledger.PurgeEntries", "ledger.Grant", "ledger.UpdateTenant",
		"ledger.UpdateMailPace", "ledger.DeleteImport", "ledger.Forget", "blobs.Delete"},
	// Given all grants; only the purge forgets them.
	"assignaccess": {"ledger.Forget"},
	// Given the blobs to remove what is old.
	"sweepledger": {"blobs.Create"},
	// Given the whole ledger to read it.
	"reportimport": {"ledger.Claim", "ledger.SaveGuest", "ledger.CreateImport", "ledger.InsertEntries", "ledger.UpdateEntry", "ledger.UpdateEntries",
		"ledger.PurgeEntries", "ledger.Grant", "ledger.UpdateTenant", "ledger.UpdateBreaker", "ledger.UpdateMailPace",
		"ledger.DeleteImport", "ledger.Forget", "blobs.Delete"},
}

// contracts are what each function is given to act on, see functions/cmd/handler; the calls to Microsoft Graph, the mails
// and the answer to the host have no contract of ours. Whoever hears of Microsoft Graph tells the breaker.
var contracts = map[string][]reflect.Type{
	"planupload":   {reflect.TypeFor[ledger.Store](), reflect.TypeFor[plan.Blobs](), engine, letterer},
	"inviteguest":  {reflect.TypeFor[invite.Ledger](), reflect.TypeFor[breaker.Ledger](), reflect.TypeFor[ledger.Tenants](), engine, letterer},
	"assignaccess": {reflect.TypeFor[assign.Ledger](), reflect.TypeFor[breaker.Ledger](), reflect.TypeFor[ledger.Tenants](), engine, letterer},
	"notifyguest":  {reflect.TypeFor[notify.Ledger](), reflect.TypeFor[ledger.Breakers](), reflect.TypeFor[ledger.Tenants](), engine, letterer},
	"reportimport": {reflect.TypeFor[ledger.Store](), reflect.TypeFor[work.Blobs](), engine, letterer},
	"sweepledger": {reflect.TypeFor[sweep.Ledger](), reflect.TypeFor[breaker.Ledger](), reflect.TypeFor[window.Ledger](), engine,
		reflect.TypeFor[bus.DeadLetters](), reflect.TypeFor[work.Blobs]()},
}

var engine, letterer = reflect.TypeFor[bus.Sender](), reflect.TypeFor[bus.DeadLetterer]()

// TestDeclaredActsAreThoseThatFunctionsCanDo: an act that a function's contracts let it do is declared, and then needs a
// case, or listed among those that it never does, with the reason.
func TestDeclaredActsAreThoseThatFunctionsCanDo(t *testing.T) {
	t.Parallel()
	for function, types := range contracts {
		can := map[string]bool{}
		for _, c := range types {
			for m := range c.Methods() {
				for _, act := range acts.Writes() {
					service, method, _ := strings.Cut(act, ".")
					if method == m.Name && service != "graph" && service != "mail" && service != "host" && strings.Contains(c.String(), title(service)) {
						can[act] = true
					}
				}
			}
		}
		var want []string
		for act := range can {
			if !slices.Contains(never[function], act) {
				want = append(want, act)
			}
		}
		got := slices.DeleteFunc(slices.Clone(declared[function]), func(act string) bool {
			return strings.HasPrefix(act, "graph.") || act == acts.Mail || act == acts.Answer
		})
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: acts that its contracts allow, -can +declared:\n%s", function, diff)
		}
	}
}

// title is what the names of a service's contracts have in common.
func title(service string) string {
	switch service {
	case "bus":
		return "bus."
	case "blobs":
		return "Blobs"
	}
	return "edger" // pkg/ledger and the parts of it that steps name
}
