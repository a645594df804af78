package breaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t)) })
}

func TestFiveDifferentGuestsInARowOpenIt(t *testing.T) {
	for name, trouble := range map[string]func(string) error{"outage": outage, "denied": denied} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.guests(6)
				for n := range 4 {
					if err := w.meets(invite(n), trouble("invite")); err == nil {
						t.Errorf("guest %d: its message ended", n)
					}
				}
				w.isOpen(false, "four guests")
				if err := w.meets(invite(4), trouble("invite")); err != nil {
					t.Errorf("the fifth is no failure of its own, got %v", err)
				}
				w.isOpen(true, "five guests")
				if s := w.step(invite(4)); !s.Waits(ledger.WaitBreaker) || s.Generation != 1 {
					t.Errorf("the fifth guest's step: %+v", s)
				}
			})
		})
	}
}

func TestOneGuestIsNotFive(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(1)
		for n := range message.MaxAttempts {
			m := invite(0)
			m.Attempt = n + 1
			if err := w.meets(m, denied("invite")); err == nil || errors.Is(err, message.ErrNever) {
				t.Errorf("attempt %d: %v, want an ordinary failure", n+1, err)
			} else if f := message.AsFailure(err, "attempts.exhausted"); *f != *permission {
				t.Errorf("its last failure would be %+v", f)
			}
		}
		w.isOpen(false, "ten attempts of one guest")
	})
}

func TestSuccessBetweenBeginsAnew(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(12)
		for n := range 12 {
			if n == 4 || n == 9 {
				if err := w.works(invite(n), "invite"); err != nil {
					t.Fatal(err)
				}
				continue
			}
			_ = w.meets(invite(n), denied("invite"))
		}
		w.isOpen(false, "four, a success, four, a success, two")
	})
}

// TestAnswersOfOtherCallsDoNotEndAnOutageOfOne: reads may work while all invitations are away. They do count a guest's attempts
// anew.
func TestAnswersOfOtherCallsDoNotEndAnOutageOfOne(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(20)
		for n := range 4 {
			_ = w.meets(invite(n), outage("invite"))
			_ = w.meets(assign(n), denied("add member"))
		}
		if err := w.works(invite(5), "find user"); err != nil {
			t.Fatal(err)
		}
		if f := w.row().Failures; len(f) != 8 || f[0].Count != 0 || f[1].Count != 1 {
			t.Errorf("failures %+v", f)
		}
		_ = w.meets(assign(6), denied("add member"))
		w.isOpen(true, "five refusals of one operation")
	})
}

func TestOutageOfOneOperationOpensIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(20)
		for n := range 5 {
			w.isOpen(false, "fewer than five")
			if err := w.works(invite(10+n), "find user"); err != nil { // each guest is looked for first
				t.Fatal(err)
			}
			_ = w.meets(invite(n), outage("invite"))
		}
		w.isOpen(true, "five guests whose invitation failed")
	})
}

func TestAttemptsOfOneGuestAreCountedAnewWhenOthersAreAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(20)
		for n := range 9 {
			m := invite(0)
			m.Attempt = n + 1
			_ = w.meets(m, outage("invite"))
			if err := w.works(invite(10+n), "find user"); err != nil {
				t.Fatal(err)
			}
		}
		w.isOpen(false, "one guest who fails while others do not")
	})
}

// TestOutageWhileCapped: only invitations wait, and then Microsoft Graph goes away for everybody.
func TestOutageWhileCapped(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(20)
		later := &message.Later{After: 15 * time.Minute, Why: "throttled"}
		for n := range 5 {
			_ = w.meets(invite(n), &breaker.Trouble{Cause: breaker.Capped, Operation: "invite", Err: later})
		}
		if row := w.row(); !row.Open || row.Cause != string(breaker.Capped) {
			t.Fatalf("row %+v, want it capped", row)
		}
		for n := 5; n < 10; n++ {
			_ = w.meets(assign(n), outage("add members"))
		}
		if row := w.row(); !row.Open || row.Cause != string(breaker.Outage) {
			t.Errorf("row %+v, want an outage", row)
		}
	})
}

func TestThrottlingIsAnAnswerAndNoSuccess(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(6)
		for n := range 4 {
			_ = w.meets(invite(n), denied("invite"))
		}
		if err := w.works(invite(5), ""); err != nil {
			t.Fatal(err)
		}
		_ = w.meets(invite(4), denied("invite"))
		w.isOpen(true, "five refusals with a throttled call between")
	})
}

func TestKnownTextsOpenItAtOnce(t *testing.T) {
	for cause, f := range map[breaker.Cause]*message.Failure{breaker.Blocked: blocked, breaker.Refused: off} {
		t.Run(string(cause), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.guests(2)
				if err := w.meets(invite(0), &breaker.Trouble{Cause: cause, Operation: "invite", Err: f}); err != nil {
					t.Errorf("verdict %v: the guest is not to blame", err)
				}
				row := w.row()
				if !row.Open || row.Code != f.Code || row.Text != f.Text || row.NextProbe.IsZero() != (cause == breaker.Blocked) {
					t.Errorf("row %+v", row)
				}
			})
		})
	}
}

// TestFourthAttemptOfOneGuestOpensItIfNobodyWasAnswered covers an import of few guests: the fifth never comes.
func TestFourthAttemptOfOneGuestOpensItIfNobodyWasAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(2)
		m := invite(0)
		for m.Attempt = 1; m.Attempt < 4; m.Attempt++ {
			if err := w.meets(m, outage("find user")); err == nil {
				t.Errorf("attempt %d ended", m.Attempt)
			}
			time.Sleep(10 * time.Second)
		}
		w.isOpen(false, "three attempts")
		if err := w.works(invite(1), ""); err != nil {
			t.Fatal(err)
		}
		_ = w.meets(m, outage("find user"))
		w.isOpen(false, "four attempts with an answer between")
		for m.Attempt = 5; m.Attempt < 8; m.Attempt++ {
			_ = w.meets(m, outage("find user"))
		}
		w.isOpen(true, "four in a row without an answer")
		if s := w.step(m); s.Attempt != 7 || !s.Waits(ledger.WaitBreaker) {
			t.Errorf("step %+v, want it to keep its attempt", s)
		}
	})
}

func TestFailureOfATargetOrGuestIsNobodyElses(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(8)
		forbidden := message.Never("group.forbidden", "Use another group.")
		for n := range 8 {
			if err := w.meets(assign(n), forbidden); err != forbidden {
				t.Errorf("verdict %v", err)
			}
		}
		w.isOpen(false, "eight refusals of one group")
		if w.ledger.writes != 0 {
			t.Errorf("%d writes", w.ledger.writes)
		}
	})
}

func TestSuccessesCostNothingWhileNothingFails(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(100)
		for n := range 100 {
			_ = w.works(invite(n), "invite")
			time.Sleep(100 * time.Millisecond)
		}
		if w.ledger.writes != 0 || w.ledger.reads > 3 {
			t.Errorf("%d writes, %d reads in ten seconds of success", w.ledger.writes, w.ledger.reads)
		}
	})
}

// TestProcessesSeeEachOther: a success in one process ends failures of another, once its copy shows them.
func TestProcessesSeeEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(10)
		other := w.another()
		_ = other.works(invite(9), "invite")
		for n := range 4 {
			_ = w.meets(invite(n), denied("invite"))
		}
		time.Sleep(6 * time.Second)
		_ = other.works(invite(8), "invite")
		_ = w.meets(invite(4), denied("invite"))
		w.isOpen(false, "a success of another process")
		for n := range 4 {
			_ = other.meets(invite(n), denied("invite"))
		}
		w.isOpen(true, "one failure here and four there")
	})
}

func TestACancelledStepSaysNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(6)
		for n := range 6 {
			ctx, cancel := context.WithCancel(t.Context())
			w.do = func(context.Context, message.Message) error {
				cancel()
				return outage("invite")
			}
			if err := w.guard.Do(ctx, invite(n)); err == nil {
				t.Error("a message ended without work")
			}
		}
		if f := w.row().Failures; len(f) != 0 {
			t.Errorf("failures %+v", f)
		}
	})
}

func TestNothingIsDoneWithoutTheLedger(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(1)
		w.ledger.broken = errors.New("connection refused")
		err := w.guard.Do(t.Context(), invite(0))
		if _, later := errors.AsType[*message.Later](err); !later || len(w.worked) != 0 {
			t.Errorf("verdict %v, %d messages worked on", err, len(w.worked))
		}
	})
}

// TestACallForTwentyGuestsIsOneCall: a write of twenty members that fails is one failure, each time of the same guest.
func TestACallForTwentyGuestsIsOneCall(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(20)
		for n := range 3 {
			shared := outage("add members")
			for g := range 20 {
				if err := w.meets(assign((g+n)%20), shared); err == nil {
					t.Errorf("call %d: guest %d ended", n, g)
				}
			}
		}
		w.isOpen(false, "three calls")
		for n := range 3 { // too few guests for five, so the fourth attempt counts, whoever comes first
			shared := outage("add members")
			for g := range 3 {
				_ = w.meets(assign((g+n)%3), shared)
			}
		}
		w.isOpen(true, "six calls for the first three guests")
	})
}

// TestNoMoreInvitationsForLong: assignments go on, and an invitation that works ends it.
func TestNoMoreInvitationsForLong(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(8)
		later := &message.Later{After: 15 * time.Minute, Why: "throttled by Microsoft Graph"}
		capped := func() error { return &breaker.Trouble{Cause: breaker.Capped, Operation: "invite", Err: later} }
		for n := range 4 {
			if err := w.meets(invite(n), capped()); !errors.Is(err, later) {
				t.Errorf("verdict %v", err)
			}
		}
		if err := w.meets(invite(4), capped()); err != nil {
			t.Errorf("the fifth: %v", err)
		}
		w.isOpen(true, "five guests")
		w.worked = nil
		if err := w.works(invite(5), ""); err != nil || len(w.worked) != 0 {
			t.Errorf("an invitation: %v, worked on %d", err, len(w.worked))
		}
		if err := w.works(assign(6), "add member"); err != nil || len(w.worked) != 1 {
			t.Errorf("an assignment: %v, worked on %d", err, len(w.worked))
		}
		w.isOpen(true, "an assignment that worked")
		time.Sleep(15 * time.Minute)
		m := w.probe()
		if m == nil {
			t.Fatal("no probe")
		}
		if err := w.works(*m, "invite"); err != nil {
			t.Fatal(err)
		}
		w.isOpen(false, "an invitation that worked")
	})
}
