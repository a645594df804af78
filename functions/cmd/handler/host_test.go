package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/functions/cmd/internal/connect"
	"guestlist/pkg/breaker"
	"guestlist/pkg/bus/sbbus"
	"guestlist/pkg/customhandler"
	"guestlist/pkg/graph"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
	"guestlist/pkg/pace"
)

// root is the folder of host.json, seen from here.
var root = filepath.Join("..", "..", "..")

func readJSON(t *testing.T, into any, path ...string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// clock reads the host's TimeSpan, hours:minutes:seconds.
func clock(t *testing.T, s string) time.Duration {
	t.Helper()
	at, err := time.Parse(time.TimeOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second
}

// host is what host.json says.
type host struct {
	timeout, renewal time.Duration
	calls            int
}

func readHost(t *testing.T) host {
	t.Helper()
	var file struct {
		FunctionTimeout string
		Extensions      struct {
			ServiceBus struct {
				MaxAutoLockRenewalDuration string
				MaxConcurrentCalls         int
			}
		}
	}
	readJSON(t, &file, "host.json")
	bus := file.Extensions.ServiceBus
	return host{clock(t, file.FunctionTimeout), clock(t, bus.MaxAutoLockRenewalDuration), bus.MaxConcurrentCalls}
}

// deployed is the handler's wiring with careful settings, connected to nothing.
func deployed(t *testing.T) wiring {
	t.Helper()
	c, err := readConfig(func(name string) string {
		return map[string]string{"MAIL_FROM": "invitations@contoso.example", "MAIL_SMTP": "smtp.contoso.example:587"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	services := &connect.Services{}
	return wiring{config: c, clock: services.Ledger.Clock, Ledger: services.Ledger, Blobs: services.Blobs, Bus: services.Bus, breaker: breaker.New(services.Ledger, c.probes), pacer: pace.New(services.Ledger, c.pace)}
}

// overrun is what a step may write after its deadline: the end of a lease, a mail that was taken, and what the circuit
// breaker has to know of its own end and of a probe's.
func overrun(w wiring) time.Duration {
	return ledger.ReleaseTime + w.lease*3/8 + 2*breaker.RecordTime
}

// TestStepsEndBeforeTheHostDoes compares deadlines with host.json: an invocation that overruns functionTimeout costs the
// whole process, and a lock that is not renewed to the end lets a second worker in.
func TestStepsEndBeforeTheHostDoes(t *testing.T) {
	t.Parallel()
	h, w := readHost(t), deployed(t)
	if h.renewal <= h.timeout {
		t.Errorf("locks are renewed for %s, invocations last up to %s", h.renewal, h.timeout)
	}
	if customhandler.HeldTime >= h.timeout {
		t.Errorf("invocations are held up to %s; the host kills the process at %s", customhandler.HeldTime, h.timeout)
	}
	functions, err := w.functions()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range functions {
		if f.Deadline <= 0 || f.Limit <= 0 {
			t.Errorf("%s has deadline %s and limit %d: every function has its own", f.Name, f.Deadline, f.Limit)
		}
		if f.Patience == 0 {
			f.Patience = customhandler.DefaultPatience
		}
		if total := f.Patience + f.Deadline + overrun(w) + customhandler.VerdictTime; total >= h.timeout {
			t.Errorf("%s may take %s; the host kills the process at %s", f.Name, total, h.timeout)
		}
		places := f.Limit
		for _, n := range f.Limits {
			places += n
		}
		if places > h.calls {
			t.Errorf("%s has %d places; the host calls it %d times at once", f.Name, places, h.calls)
		}
		limit := map[string]int{message.Uploads: 200}[f.Queue]
		if limit == 0 {
			limit = 50
		}
		if f.MaxDeliveries == 0 {
			f.MaxDeliveries = customhandler.DefaultMaxDeliveries
		}
		if f.MaxDeliveries >= limit {
			t.Errorf("%s takes %d deliveries for one too many; the broker buries it unrecorded at %d", f.Name, f.MaxDeliveries, limit)
		}
	}
	for _, timer := range w.timers() {
		if timer.Deadline <= 0 || timer.Deadline+overrun(w) >= h.timeout {
			t.Errorf("%s may take %s of %s", timer.Name, timer.Deadline, h.timeout)
		}
	}
}

// TestPlacesAreThoseOfTheDesign: host.json has one number of concurrent calls for all functions, so each keeps its own.
func TestPlacesAreThoseOfTheDesign(t *testing.T) {
	t.Parallel()
	functions, err := deployed(t).functions()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, f := range functions {
		got[f.Name] = f.Limit
		for kind, n := range f.Limits {
			got[f.Name+" "+string(kind)] = n
		}
	}
	want := map[string]int{"planupload": 8, "planupload stage": 1, "inviteguest": 16, "assignaccess": 64, "notifyguest": 8, "reportimport": 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages at once (-want +got):\n%s", diff)
	}
}

// TestEveryFunctionIsServed compares the handler's functions with the folders that the host finds, and their queues with the
// triggers.
func TestEveryFunctionIsServed(t *testing.T) {
	t.Parallel()
	w := deployed(t)
	functions, err := w.functions()
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]string{} // queue by name
	for _, f := range functions {
		served[f.Name] = f.Queue
	}
	for _, timer := range w.timers() {
		served[timer.Name] = ""
	}
	files, err := filepath.Glob(filepath.Join(root, "functions", "*", "function.json"))
	if err != nil || len(files) != len(served) {
		t.Fatalf("%d folders with function.json, %d functions served; %v", len(files), len(served), err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		queue, ok := served[name]
		var function struct {
			Bindings []struct{ Type, QueueName, DataType string }
		}
		readJSON(t, &function, "functions", name, "function.json")
		if len(function.Bindings) != 1 || !ok {
			t.Errorf("%s: served %t, bindings %+v", name, ok, function.Bindings)
			continue
		}
		b := function.Bindings[0]
		if queue != "" && (b.QueueName != queue || b.DataType != "binary") || queue == "" && b.Type != "timerTrigger" {
			t.Errorf("%s: function.json has %+v; want queue %q as binary, or a timer", name, b, queue)
		}
	}
}

// TestActsFitIntoLeasesAndDeadlines: what is done under the lease on a guest ends while the lease still runs, its record
// included, and before the deadline of its message.
func TestActsFitIntoLeasesAndDeadlines(t *testing.T) {
	t.Parallel()
	w := deployed(t)
	term, act := ledger.Term(w.lease), ledger.Term(w.lease).Act()
	under := w.lease * 7 / 8 // the end of all work under a lease; see ledger.Term
	limited, cancel := term.Limit(t.Context())
	defer cancel()
	if end, _ := limited.Deadline(); time.Until(end) > under || time.Until(end) < under-time.Minute/2 {
		t.Errorf("work under a lease ends after %s, want %s", time.Until(end), under)
	}
	deadlines := map[string]time.Duration{}
	functions, _ := w.functions()
	for _, f := range functions {
		deadlines[f.Name] = f.Deadline
	}
	for what, fits := range map[string]bool{
		"an act ends within less than half a lease":                      act < w.lease/2,
		"an act and the end of its lease fit into its second half":       act+ledger.ReleaseTime <= w.lease/2,
		"an invitation's turn comes in the first half of a lease":        pace.InvitationWait < w.lease/2,
		"Microsoft Graph answers or fails within an act":                 graph.Timeout <= act,
		"connecting to the mail server and sending fit into an act":      2*w.mail.server.Timeout <= act,
		"all work under a lease fits into inviteguest's deadline":        under < deadlines["inviteguest"],
		"the turn, the mail, the turn and the copy fit into notifyguest": notify.Ahead+under+notify.Ahead+act < deadlines["notifyguest"],
		"the wait for company and two writes fit into assignaccess":      gather+20*time.Second+2*graph.Timeout < deadlines["assignaccess"],
		"a call to Service Bus ends within half of the shortest lock":    sbbus.CallTime <= time.Minute/2,
		"the uncertain wait outlasts a lease and an act":                 w.uncertainWait > w.lease+act,
		"a message is lost only long after it may be late":               w.staleAfter > 10*time.Minute+deadlines["inviteguest"]+customhandler.VerdictTime,
		"a stage at work is not lost":                                    w.staleAfter > deadlines["planupload"],
	} {
		if !fits {
			t.Errorf("does not hold: %s", what)
		}
	}
}
