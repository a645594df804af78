package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
	"guestlist/pkg/sweep"
)

// tooMany adds an import that is held for its size, and the policy that it exceeds.
func (w *world) tooMany(id, source string, maximum int) ledger.Import {
	w.t.Helper()
	p := policy.Policy{Version: 1, Source: source, MaxGuests: maximum, Groups: []policy.Group{{ID: engineers, Name: "Engineers"}}, Domains: []string{"partner.example"}}
	w.blob("config", policy.File(source), p.JSON())
	raw, err := json.Marshal(asked)
	w.must(err)
	f := p.Exceeds(asked.Guests)
	return w.imports(ledger.Import{ID: id, Source: source, Path: "2026/march/people.csv", State: ledger.Held, Code: f.Code, Text: f.Text, Rows: asked.Rows, Ask: string(raw)})
}

func TestApproveLetsOneFilePassOnlyIfAPersonAgrees(t *testing.T) {
	t.Parallel()
	w := alone(t)
	w.env["USER"] = "ana"
	id := w.tooMany("9eaa0000000000000001", "approve-one", 2).ID
	other := w.tooMany("9eab0000000000000001", "approve-one", 2).ID
	w.run("", "status", "9eaa")
	for _, typed := range []string{"n\n", ""} {
		if r := w.run(typed, "approve", "9eaa"); r.code != exitFailed || w.get(id).State != ledger.Held {
			t.Fatalf("answer %q: exit %d, state %s", typed, r.code, w.get(id).State)
		}
	}
	w.run("y\n", "approve", "9eaa", "-reason", "the yearly list, agreed with Ben")
	i := w.get(id)
	if i.State != ledger.Staging || i.Stage.Generation != 2 || i.Approval.Guests != 3 || i.Approval.At.IsZero() {
		t.Errorf("the import is %s, generation %d, approval %+v: it must be read again", i.State, i.Stage.Generation, i.Approval)
	}
	if active, _ := w.queued(message.Uploads); active != 1 {
		t.Errorf("%d messages are queued, want one", active)
	}
	if o := w.get(other); o.State != ledger.Held || o.Approval.Guests != 0 {
		t.Errorf("another file of the source: %+v", o)
	}
	if p, _ := w.policyOf("approve-one"); p.MaxGuests != 2 {
		t.Errorf("the policy allows %d guests now", p.MaxGuests)
	}
	w.run("", "status", "9eaa")
	w.run("", "approve", "9eaa", "-yes", "-reason", "once more")
	if again := w.get(id); again.Stage.Generation != 2 || again.Approval != i.Approval {
		t.Errorf("a second approval changed %+v", again)
	}
	w.golden("approve", moments)
}

func TestApproveSaysWhatToDoInstead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.held("9eba0000000000000001", "approve-other", asked)
	w.imports(ledger.Import{ID: "9ebb0000000000000001", Source: "approve-other", Path: "a.csv", Reported: 1})
	i := w.tooMany("9ebc0000000000000001", "approve-cancelled", 2)
	_, err := sweep.Cancel(t.Context(), w.services.Ledger, i.ID)
	w.must(err)
	w.tooMany("9ebd0000000000000001", "approve-orphan", 2)
	w.must(w.services.Blobs.Delete(t.Context(), "config", policy.File("approve-orphan")))
	for _, id := range []string{"9eba", "9ebb", "9ebc", "9ebd", "9ebe"} {
		before := w.snapshot()
		if r := w.run("", "approve", id, "-yes"); r.code != exitFailed {
			t.Errorf("approve %s: exit %d", id, r.code)
		}
		if after := w.snapshot(); before != after {
			t.Errorf("approve %s changed the imports:\n%s\n%s", id, before, after)
		}
	}
	w.run("", "approve", "9eba", "-reason", strings.Repeat("x", maxReason+1))
	w.golden("approve-instead", regexp.MustCompile("x{20,}"))
}

// snapshot returns the imports that this test's ids name.
func (w *world) snapshot() string {
	var b strings.Builder
	for i, err := range w.services.Ledger.ListImports(w.t.Context(), false) {
		w.must(err)
		if strings.HasPrefix(i.ID, "9eb") {
			fmt.Fprintf(&b, "%+v\n", i)
		}
	}
	return b.String()
}

func TestTwoOperatorsApproveOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.tooMany("9eca0000000000000001", "approve-two", 2).ID
	results := make([]result, 4)
	var wg sync.WaitGroup
	for n := range results {
		wg.Go(func() { results[n] = runWith(t.Context(), w.getenv, "", "approve", "9eca", "-yes", "-json") })
	}
	wg.Wait()
	first := 0
	for _, r := range results {
		if a := decode[approved](t, r); !a.Already {
			first++
		}
	}
	if i := w.get(id); first != 1 || i.Stage.Generation != 2 {
		t.Errorf("%d of %d approved it, generation %d; want one and 2", first, len(results), i.Stage.Generation)
	}
}

// TestApproveAndCancelRace lets both run at once: whichever is first, a cancelled file is not let pass unseen.
func TestApproveAndCancelRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 4 {
		id := w.tooMany(fmt.Sprintf("9ed%d0000000000000001", n), fmt.Sprintf("approve-race-%d", n), 2).ID
		var approve, cancel result
		var wg sync.WaitGroup
		wg.Go(func() { approve = runWith(t.Context(), w.getenv, "", "approve", id, "-yes") })
		wg.Go(func() { cancel = runWith(t.Context(), w.getenv, "", "cancel", id, "-yes") })
		wg.Wait()
		i := w.get(id)
		if !i.Cancelled || cancel.code != exitDone {
			t.Errorf("cancel: exit %d, %s, import %+v", cancel.code, cancel.err, i)
		}
		if refused := strings.Contains(approve.err, "import.cancelled"); refused != (i.Approval.Guests == 0) || refused == (approve.code == exitDone) {
			t.Errorf("approve: exit %d, %s, approval %+v", approve.code, approve.err, i.Approval)
		}
	}
}
