package breaker_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// opened opens the breaker by five guests of the given cause; it leaves them waiting, and guest 5 too.
func (w *world) opened(trouble func(string) error, op string) {
	w.t.Helper()
	w.guests(8)
	for n := range 5 {
		_ = w.meets(invite(n), trouble(op))
	}
	w.isOpen(true, "five guests")
	for n := range 6 {
		w.worked = nil
		if err := w.guard.Do(w.t.Context(), invite(n)); err != nil || len(w.worked) != 0 {
			w.t.Fatalf("guest %d: %v, worked on %d", n, err, len(w.worked))
		}
	}
}

func TestWhileItIsOpenStepsWaitAndNothingIsCalled(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.opened(denied, "invite")
		m := assign(6)
		m.Attempt = 3
		other := w.another()
		if err := other.guard.Do(t.Context(), m); err != nil || len(other.worked) != 0 {
			t.Errorf("another process: %v, worked on %d", err, len(other.worked))
		}
		if s := w.step(m); !s.Waits(ledger.WaitBreaker) || s.Attempt != 3 || s.Generation != 1 {
			t.Errorf("step %+v", s)
		}
		tally, err := w.ledger.Tally(t.Context(), importID)
		if err != nil || tally.Waiting[ledger.WaitBreaker] != 7 || tally.InviteWaiting[ledger.WaitBreaker] != 6 {
			t.Errorf("tally %+v, %v", tally, err)
		}
	})
}

// TestWhatIsRecordedIsFinishedThoughItIsOpen: the messages that follow a recorded step may be lost.
func TestWhatIsRecordedIsFinishedThoughItIsOpen(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.opened(denied, "invite")
		m := invite(7)
		_, _, err := w.ledger.UpdateEntry(t.Context(), m.Import, m.Guest, func(e *ledger.Entry) error {
			e.Invite.End(ledger.Done, time.Now())
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.worked = nil
		if err := w.works(m, ""); err != nil || len(w.worked) != 1 {
			t.Errorf("%v, worked on %d", err, len(w.worked))
		}
	})
}

func TestOldAndLostMessagesEndQuietly(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.opened(denied, "invite")
		old, gone := invite(6), invite(6)
		old.Generation, gone.Guest = 7, "none"
		for _, m := range []message.Message{old, gone} {
			if err := w.guard.Do(t.Context(), m); err != nil {
				t.Errorf("%+v: %v", m, err)
			}
		}
		if s := w.step(invite(6)); s.State != ledger.Sent {
			t.Errorf("step %+v", s)
		}
	})
}

func TestProbesGoOneByOneAtTheirTime(t *testing.T) {
	for _, c := range []struct {
		name    string
		trouble func(string) error
		want    []time.Duration // from one to the next
	}{
		{"outage", outage, []time.Duration{time.Minute, time.Minute, time.Minute}},
		{"denied", denied, []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, time.Hour}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.opened(c.trouble, "invite")
				start := time.Now()
				var got []time.Duration
				var guests []string
				for len(got) < len(c.want) {
					time.Sleep(30 * time.Second)
					m := w.probe()
					if m == nil {
						continue
					}
					got, start = append(got, time.Since(start)), time.Now()
					guests = append(guests, m.Guest)
					if again := w.probe(); again != nil {
						t.Fatalf("two probes at once: %+v, %+v", m, again)
					}
					if err := w.meets(*m, c.trouble("invite")); err != nil {
						t.Errorf("probe: %v", err)
					}
					if s := w.step(*m); !s.Waits(ledger.WaitBreaker) || s.Generation != m.Generation || s.Attempt != m.Attempt {
						t.Errorf("after the probe: %+v, of %+v", s, m)
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("probes after %v, want %v", got, c.want)
				}
				slices.Sort(guests)
				if n := len(slices.Compact(guests)); n < 3 {
					t.Errorf("%d different guests were the probe", n)
				}
			})
		})
	}
}

func TestOnlyTheProbePassesAndClosesIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.opened(denied, "invite")
		time.Sleep(15 * time.Minute)
		m := w.probe()
		if m == nil || m.Kind != message.Invite || m.Generation != 2 || m.Source != "partners" {
			t.Fatalf("probe %+v", m)
		}
		w.worked = nil
		if err := w.works(invite(6), "invite"); err != nil || len(w.worked) != 0 {
			t.Errorf("somebody else: %v, worked on %d", err, len(w.worked))
		}
		other := w.another() // whose copy is older than the probe
		if err := other.works(*m, "invite"); err != nil || len(other.worked) != 1 {
			t.Fatalf("the probe: %v, worked on %d", err, len(other.worked))
		}
		row := w.row()
		if row.Open || row.Closed.IsZero() || row.Reason != "" || row.Cause != "denied" || len(row.Failures) != 0 {
			t.Errorf("row %+v", row)
		}
		time.Sleep(6 * time.Second)
		w.worked = nil
		if err := w.works(invite(7), "invite"); err != nil || len(w.worked) != 1 {
			t.Errorf("after it was closed: %v, worked on %d", err, len(w.worked))
		}
	})
}

// TestAProbeThatProvesNothingIsFollowedAtOnce: an invitation of somebody who is a guest already only looks him up.
func TestAProbeThatProvesNothingIsFollowedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.opened(denied, "invite")
		time.Sleep(15 * time.Minute)
		one := w.probe()
		if err := w.works(*one, "find user"); err != nil {
			t.Fatal(err)
		}
		w.isOpen(true, "a look-up")
		two := w.probe()
		if two == nil || two.Guest == one.Guest {
			t.Fatalf("the next probe: %+v", two)
		}
		if err := w.works(*two, "invite"); err != nil {
			t.Fatal(err)
		}
		w.isOpen(false, "an invitation")
	})
}

func TestAnOutageIsOverWithAnyAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.opened(outage, "invite")
		time.Sleep(time.Minute)
		m := w.probe()
		refusal := message.Never("invite.address-refused", "Use another address.")
		if err := w.answers(*m, "invite", refusal); err != refusal {
			t.Errorf("verdict %v, want the guest's own", err)
		}
		w.isOpen(false, "an answer about the guest")
	})
}

func TestAProbeMayMeetSomethingElse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.opened(outage, "find user")
		time.Sleep(time.Minute)
		m := w.probe()
		if err := w.meets(*m, &breaker.Trouble{Cause: breaker.Blocked, Operation: "invite", Err: blocked}); err != nil {
			t.Fatal(err)
		}
		row := w.row()
		if !row.Open || row.Cause != "blocked" || row.Code != "tenant.blocked" || !row.NextProbe.IsZero() {
			t.Errorf("row %+v", row)
		}
		time.Sleep(24 * time.Hour)
		if m := w.probe(); m != nil {
			t.Errorf("a blocked tenant was probed: %+v", m)
		}
	})
}

func TestALostProbeIsFollowedByTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.opened(outage, "invite")
		time.Sleep(time.Minute)
		lost := w.probe()
		time.Sleep(time.Minute)
		next := w.probe()
		if next == nil || next.Guest == lost.Guest {
			t.Fatalf("next probe %+v after %+v", next, lost)
		}
		w.worked = nil
		if err := w.works(*lost, "invite"); err != nil || len(w.worked) != 0 || !w.step(*lost).Waits(ledger.WaitBreaker) {
			t.Errorf("the late probe: %v, worked on %d, step %+v", err, len(w.worked), w.step(*lost))
		}
	})
}

func TestAPersonClosesIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		if was, err := w.b.Close(t.Context(), "nothing"); was || err != nil {
			t.Errorf("closed breaker: %t, %v", was, err)
		}
		w.opened(denied, "invite")
		if was, err := w.b.Close(t.Context(), "granted User.Invite.All"); !was || err != nil {
			t.Errorf("%t, %v", was, err)
		}
		if row := w.row(); row.Open || row.Reason != "granted User.Invite.All" || row.Text != permission.Text {
			t.Errorf("row %+v", row)
		}
		if err := w.works(invite(7), "invite"); err != nil || w.step(invite(7)).State != ledger.Sent {
			t.Errorf("%v, %+v", err, w.step(invite(7)))
		}
	})
}

// wait is an error that makes a step wait.
type wait struct{ error }

func (wait) WaitsFor() string { return ledger.WaitDay }

func TestAStepMayWaitForOtherReasons(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(1)
		if err := w.meets(invite(0), errors.Join(wait{errors.New("2,000 today")})); err != nil {
			t.Errorf("verdict %v", err)
		}
		if s := w.step(invite(0)); !s.Waits(ledger.WaitDay) {
			t.Errorf("step %+v", s)
		}
	})
}

// TestProbesThatNeedNothingOfItCloseIt: five guests were refused an app role and their import was cancelled. All who wait need
// only invitations, each of which works.
func TestProbesThatNeedNothingOfItCloseIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(15)
		for n := range 5 {
			_ = w.meets(assign(n), denied("assign role"))
		}
		w.isOpen(true, "five refusals")
		for n := range 5 {
			w.end(guestOf(n), ledger.Cancelled)
		}
		for n := 5; n < 15; n++ { // they come and wait
			if err := w.works(invite(n), "invite"); err != nil {
				t.Fatal(err)
			}
		}
		for probes := 0; probes < 5; {
			time.Sleep(time.Minute)
			m := w.probe()
			if m == nil {
				continue
			}
			w.isOpen(true, "fewer than five probes")
			if err := w.answers(*m, "invite", nil); err != nil {
				t.Fatal(err)
			}
			w.end(m.Guest, ledger.Done)
			probes++
		}
		w.isOpen(false, "five probes that worked elsewhere")
	})
}

// end ends all of a guest's steps.
func (w *world) end(guest string, o ledger.Outcome) {
	w.t.Helper()
	_, _, err := w.ledger.UpdateEntry(w.t.Context(), importID, guest, func(e *ledger.Entry) error {
		e.EndAll(o, &message.Failure{}, time.Now())
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
