package sweep_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
	"guestlist/pkg/window"
)

// fast is a tenant without slow start and cap.
var fast = pace.Settings{Writes: pace.Writes, Invitations: pace.Invitations}

// many returns guests with the same invitation, each with a target.
func many(n int, invite ledger.Step) []ledger.Entry {
	all := make([]ledger.Entry, n)
	for i := range all {
		all[i] = guest(i, invite, ledger.Step{Generation: 1, State: ledger.Planned})
	}
	return all
}

func TestWhatWaitedForTheBreakerIsSentOnceItIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pace = fast
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, guest(0, waits("breaker"), ledger.Step{Generation: 1, State: ledger.Planned}),
		guest(1, ended(ledger.Done), waits("breaker"), sent(w.now), waits("breaker")))
	w.open()
	if got := w.run(); len(got) != 0 {
		t.Errorf("sent while it was open: %+v", briefs(got))
	}
	w.close()
	got := w.run()
	want := map[brief]bool{{message.Invite, "a", guestOf(0), 0, 2}: true, {message.Assign, "a", guestOf(1), 0, 2}: true, {message.Assign, "a", guestOf(1), 2, 2}: true}
	sent := map[brief]bool{}
	for _, b := range briefs(got) {
		sent[b] = true
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
	for _, m := range got {
		if m.Attempt != 3 {
			t.Errorf("%+v lost its attempt", m)
		}
	}
	if again := w.run(); len(again) != 0 {
		t.Errorf("sent twice: %+v", briefs(again))
	}
}

// TestWhatWaitsDrainsAtTheRate: each minute a minute's worth, and never more on its way.
func TestWhatWaitsDrainsAtTheRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pace = fast
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, many(3000, waits("breaker"))...)
	perMinute := window.At(ledger.Tenant{}, fast, w.now).Sweep
	for _, want := range []int{perMinute, perMinute, 3000 - 2*perMinute, 0} {
		got := w.run()
		if n := slices.IndexFunc(got, func(m message.Message) bool { return m.Kind == message.Report }); n >= 0 {
			got = slices.Delete(got, n, n+1) // all have ended
		}
		if len(got) != want {
			t.Errorf("%d sent, want %d", len(got), want)
		}
		if more := w.run(); len(more) != 0 {
			t.Errorf("%d more sent while a minute's worth is on its way", len(more))
		}
		w.finish("a", got)
		w.now = w.now.Add(time.Minute)
	}
}

// finish ends the guests whose invitations were sent.
func (w *world) finish(id string, sent []message.Message) {
	w.t.Helper()
	var guests []string
	for _, m := range sent {
		if m.Kind == message.Invite {
			guests = append(guests, m.Guest)
		}
	}
	_, err := w.ledger.UpdateEntries(w.t.Context(), id, guests, func(e *ledger.Entry) error {
		e.EndAll(ledger.Done, &message.Failure{}, w.now)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestTheSlowStartIsSpreadOverTheMinute: sent all at once, all but the first would come back to wait.
func TestTheSlowStartIsSpreadOverTheMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, many(50, waits("rate"))...)
	got := w.run()
	if len(got) != 20 {
		t.Fatalf("%d sent, want 20", len(got))
	}
	for n, m := range got {
		at := w.now.Add(time.Duration(n) * 6 * time.Second)
		if due := w.step("a", m).Due; !due.Equal(at) || n > 0 && !m.At.Equal(at) {
			t.Errorf("message %d acts at %s, due at %s, want %s", n, m.At, due, at)
		}
	}
}

func (w *world) step(id string, m message.Message) ledger.Step {
	w.t.Helper()
	e, err := w.ledger.Entry(w.t.Context(), id, m.Guest)
	if err != nil {
		w.t.Fatal(err)
	}
	return *e.Step(m.Kind, m.Target)
}

func TestTheDaysCapEndsAtMidnight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pace = pace.Settings{Writes: pace.Writes, Invitations: pace.Invitations, Cap: 50}
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, many(80, waits("day"))...)
	w.booked(50)
	if got := w.later(10 * time.Hour); len(got) != 0 {
		t.Errorf("%d sent though the day's 50 are used up", len(got))
	}
	w.now = w.now.Truncate(24 * time.Hour).Add(24*time.Hour + time.Second)
	got := w.run()
	if len(got) != 50 {
		t.Fatalf("%d sent on the next day, want 50", len(got))
	}
	w.finish("a", got)
	w.booked(50)
	if got := w.run(); len(got) != 0 {
		t.Errorf("%d more sent", len(got))
	}
}

// booked books new invitations of the day.
func (w *world) booked(n int) {
	w.t.Helper()
	_, err := w.ledger.UpdateTenant(w.t.Context(), func(row *ledger.Tenant, now time.Time) error {
		*row = w.pace.Fill(*row)
		row.Ramp.Day, row.Ramp.Count = now.Truncate(24*time.Hour), n
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestImportsShareWhatIsSent: a small one is through with the first sweep, and no other is left out.
func TestImportsShareWhatIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pace = fast
	w.imports(ledger.Import{ID: "big", State: ledger.Running}, many(3000, waits("breaker"))...)
	for n := range 9 {
		w.imports(ledger.Import{ID: fmt.Sprint("small-", n), State: ledger.Running}, many(10, waits("breaker"))...)
	}
	count := map[string]int{}
	for _, m := range w.run() {
		count[m.Import]++
	}
	for n := range 9 {
		if got := count[fmt.Sprint("small-", n)]; got != 10 {
			t.Errorf("import small-%d: %d of 10 sent", n, got)
		}
	}
	if all := window.At(ledger.Tenant{}, fast, w.now).Sweep; count["big"] != all-90 {
		t.Errorf("the big import: %d sent, want what is left of %d", count["big"], all)
	}
}

func TestProbesAreSentWhileItIsOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running},
		append(many(30, waits("breaker")), guest(30, ended(ledger.Done), waits("breaker")))...)
	w.breaker(ledger.Breaker{Open: true, Cause: string(breaker.Outage), Kind: message.Invite, NextProbe: w.now.Add(time.Minute)})
	if got := w.run(); len(got) != 0 {
		t.Errorf("sent before its time: %+v", briefs(got))
	}
	seen := map[string]bool{}
	for range 5 {
		got := w.later(time.Minute)
		if len(got) != 1 || got[0].Kind != message.Invite || got[0].Attempt != 3 {
			t.Fatalf("sent %+v, want one probe", got)
		}
		seen[got[0].Guest] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d different guests were the probe, want 5", len(seen))
	}
}

// strict fails the test when a guest is touched.
type strict struct {
	ledger.Store
	t *testing.T
}

func (s strict) WaitingFor(_ context.Context, _, reason string) iter.Seq2[string, error] {
	s.t.Errorf("guests that wait for %s were listed", reason)
	return func(func(string, error) bool) {}
}

func (s strict) ListEntries(context.Context, string, int, string) iter.Seq2[ledger.Entry, error] {
	s.t.Error("entries were listed")
	return func(func(ledger.Entry, error) bool) {}
}

func (s strict) UpdateEntries(context.Context, string, []string, func(*ledger.Entry) error) ([]ledger.Entry, error) {
	s.t.Error("entries were written")
	return nil, nil
}

// TestHundredThousandWaitingGuestsCostNothing: a sweep reads the imports and their tallies, and touches no guest, while the
// breaker is open or, for those who wait for the ramp or the cap, while the day's invitations are used up.
func TestHundredThousandWaitingGuestsCostNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n, reason := range []string{"rate", "day", "breaker"} {
		w.imports(ledger.Import{ID: fmt.Sprint(n), State: ledger.Running}, many(34_000, waits(reason))...)
	}
	w.booked(pace.Careful.Cap)
	w.open()
	w.quiet()
	if _, err := w.ledger.UpdateImport(t.Context(), "2", func(i *ledger.Import) error { i.Reported = i.Revision; return nil }); err != nil {
		t.Fatal(err) // nobody waits for the breaker any more
	}
	w.close()
	w.quiet()
}

// quiet sweeps once and fails the test if a guest is touched.
func (w *world) quiet() {
	w.t.Helper()
	s := w.sweep()
	s.Ledger = strict{w.ledger, w.t}
	if err := s.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if got := w.take(); len(got) != 0 {
		w.t.Errorf("%d messages sent", len(got))
	}
}

func TestCancelledGuestsAreNotResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, many(5, waits("breaker"))...)
	w.open()
	w.cancel("a")
	if got := w.run(); len(got) != 1 || got[0].Kind != message.Report {
		t.Errorf("sent %+v, want the report alone", briefs(got))
	}
	w.close()
	if got := w.later(time.Minute); len(got) != 0 {
		t.Errorf("sent %+v", briefs(got))
	}
}

// TestAssignmentsGoOnWhileOnlyInvitationsAreCapped: they began to wait in an outage, and its probe met the end of the day's
// invitations. Whoever waits for an invitation waits on.
func TestAssignmentsGoOnWhileOnlyInvitationsAreCapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.breaker(ledger.Breaker{Open: true, Cause: string(breaker.Capped), Operation: "invite", Kind: message.Invite, NextProbe: w.now.Add(time.Hour)})
	w.imports(ledger.Import{ID: "a", State: ledger.Running, Plan: ledger.Phase{Generation: 1}},
		guest(0, waits(ledger.WaitBreaker)), guest(1, waits(ledger.WaitDay)), guest(2, ended(ledger.Done), waits(ledger.WaitBreaker)))
	if diff := cmp.Diff([]brief{{message.Assign, "a", guestOf(2), 0, 2}}, briefs(w.run())); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
	if got := w.later(time.Minute); len(got) != 0 {
		t.Errorf("a minute later: %+v", briefs(got))
	}
}
