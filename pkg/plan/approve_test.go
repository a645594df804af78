package plan_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
)

// tooMany is a world with a file that is held for its size, 50 guests where two are allowed.
func tooMany(t *testing.T, make func(*testing.T) *world) (*world, *plan.Sources, ledger.Import) {
	t.Helper()
	w := make(t)
	w.allow(func(p *policy.Policy) { p.MaxGuests = 2 })
	w.settled(w.put("a.csv", version("a")))
	i := w.only()
	if i.State != ledger.Held || i.Code != policy.TooManyGuests {
		t.Fatalf("import: %+v", i)
	}
	return w, &plan.Sources{Ledger: w.ledger, Blobs: w.blobs, Bus: w}, i
}

var fifty = ledger.Approval{Guests: 50, By: "ana", Reason: "agreed"}

func TestApprovedFilePassesAndNoOther(t *testing.T) {
	t.Parallel()
	w, s, i := tooMany(t, newTables)
	w.settled(w.put("b.csv", version("a")))
	i, isNew, err := s.Approve(t.Context(), i.ID, fifty)
	if err != nil || !isNew || i.Approval.By != "ana" || i.Approval.Reason != "agreed" || i.Approval.At.IsZero() {
		t.Fatalf("import %+v, %v, %v", i, isNew, err)
	}
	w.rest()
	if _, again, err := s.Approve(t.Context(), i.ID, ledger.Approval{Guests: 9, By: "ben"}); again || err != nil {
		t.Errorf("a second approval: %v, %v", again, err)
	}
	w.rest()
	var states []string
	for _, j := range w.imports() {
		states = append(states, j.Path+" "+string(j.State)+" "+w.versions(j))
	}
	slices.Sort(states)
	if !slices.Equal(states, []string{"a.csv running a", "b.csv held "}) || w.different(message.Invite) != 50 {
		t.Errorf("imports %v, %d invitations", states, w.different(message.Invite))
	}
	j, err := w.ledger.Import(t.Context(), i.ID)
	w.must(err)
	if j.Approval != i.Approval {
		t.Errorf("the approval is now %+v", j.Approval)
	}
}

// TestApprovedFileThatChangedIsHeldAnew: the approval was for what somebody saw.
func TestApprovedFileThatChangedIsHeldAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act  func(*world)
		want []string
	}{
		"replaced":         {func(w *world) { w.write(w.inbox, "a.csv", version("c")) }, []string{"held file.too-many-guests", "superseded file.changed"}},
		"metadata_touched": {func(w *world) { w.touch("a.csv") }, []string{"held file.too-many-guests", "superseded file.changed"}},
		"deleted":          {func(w *world) { w.must(w.blobs.Delete(w.t.Context(), w.inbox, "a.csv")) }, []string{"superseded file.deleted"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s, i := tooMany(t, newAzurite)
			c.act(w)
			_, _, err := s.Approve(t.Context(), i.ID, fifty)
			w.must(err)
			w.rest()
			var got []string
			for _, i := range w.imports() {
				got = append(got, string(i.State)+" "+i.Code)
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) || w.different(message.Invite) != 0 {
				t.Errorf("imports %v, %d invitations", got, w.different(message.Invite))
			}
		})
	}
}

// TestApprovedFileIsJudgedByThePolicyInForce changes the policy between the hold and the approval.
func TestApprovedFileIsJudgedByThePolicyInForce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change           func(*world)
		state            ledger.ImportState
		code             string
		guests, rejected int
	}{
		"smaller maximum": {func(w *world) { w.allow(func(p *policy.Policy) { p.MaxGuests = 1 }) }, ledger.Running, "", 50, 0},
		"no group":        {func(w *world) { w.allow(func(p *policy.Policy) { p.MaxGuests, p.Groups = 2, nil }) }, ledger.Running, "", 0, 50},
		"no policy": {func(w *world) {
			w.must(w.blobs.Delete(w.t.Context(), plan.PolicyContainer, policy.File(w.source)))
		}, ledger.Held, "source.unknown", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s, i := tooMany(t, newWorld)
			c.change(w)
			_, _, err := s.Approve(t.Context(), i.ID, fifty)
			w.must(err)
			w.rest()
			if i := w.only(); i.State != c.state || i.Code != c.code || i.GuestsPlanned != c.guests || i.RowsRejected != c.rejected {
				t.Errorf("import: %+v", i)
			}
		})
	}
}

// silent loses what is sent.
type silent struct{}

var errSilent = errors.New("the process died")

func (silent) Send(context.Context, ...message.Message) error { return errSilent }

// TestApprovalWhoseMessageIsLostIsSentBySomebody: by the sweep, and by whoever approves again.
func TestApprovalWhoseMessageIsLostIsSentBySomebody(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(*world, ledger.Import){
		"sweep": func(w *world, _ ledger.Import) {
			b := breaker.New(w.ledger, breaker.DefaultWaits)
			sw := &sweep.Sweep{Ledger: w.ledger, Bus: w, Breaker: b, Window: &window.Window{Ledger: w.ledger, Settings: w.plan.Pace, Breaker: b},
				StaleAfter: 30 * time.Minute, Tidy: func(context.Context) (int, error) { return 0, nil }}
			w.must(sw.Run(w.t.Context()))
			if len(w.queue) != 0 {
				w.t.Error("the sweep sent what was not lost for long")
			}
			w.now = w.now.Add(31 * time.Minute)
			w.must(sw.Run(w.t.Context()))
		},
		"another operator": func(w *world, i ledger.Import) {
			_, _, err := (&plan.Sources{Ledger: w.ledger, Blobs: w.blobs, Bus: w}).Approve(w.t.Context(), i.ID, ledger.Approval{Guests: 50})
			w.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, i := tooMany(t, newWorld)
			dying := &plan.Sources{Ledger: w.ledger, Blobs: w.blobs, Bus: silent{}}
			if _, _, err := dying.Approve(t.Context(), i.ID, fifty); !errors.Is(err, errSilent) {
				t.Fatal(err)
			}
			send(w, i)
			w.rest()
			if i := w.only(); i.State != ledger.Running || i.Approval.By != "ana" || w.different(message.Invite) != 50 {
				t.Errorf("import %+v, %d invitations", i, w.different(message.Invite))
			}
		})
	}
}

// TestApprovalsAtOnceAreOne approves from many sides on real tables.
func TestApprovalsAtOnceAreOne(t *testing.T) {
	t.Parallel()
	w, s, i := tooMany(t, newTables)
	first := make([]bool, 8)
	var wg sync.WaitGroup
	for n := range first {
		wg.Go(func() {
			var err error
			if _, first[n], err = s.Approve(t.Context(), i.ID, fifty); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.rest()
	n := 0
	for _, f := range first {
		if f {
			n++
		}
	}
	if i := w.only(); n != 1 || i.Stage.Generation != 2 || i.State != ledger.Running {
		t.Errorf("%d calls approved it, import %+v", n, i)
	}
}

func TestOnlyAFileHeldForItsSizeCanBeApproved(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*ledger.Import){
		"import.not-approvable": func(i *ledger.Import) { i.Code = "source.unknown" },
		"import.not-held":       func(i *ledger.Import) { i.State, i.Code = ledger.Running, "" },
		"import.cancelled":      func(i *ledger.Import) { i.Cancelled = true },
	} {
		w, s, i := tooMany(t, newWorld)
		_, err := w.ledger.UpdateImport(t.Context(), i.ID, func(i *ledger.Import) error { change(i); return nil })
		w.must(err)
		_, isNew, err := s.Approve(t.Context(), i.ID, fifty)
		f, ok := errors.AsType[*message.Failure](err)
		if !ok || f.Code != code || isNew || !strings.Contains(f.Text, i.ID) || !strings.Contains(f.Text, "Nothing was changed") || len(w.queue) != 0 {
			t.Errorf("%s: %v", code, err)
		}
	}
}
