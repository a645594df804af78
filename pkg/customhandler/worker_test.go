package customhandler_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/bus"
	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

func TestWhatNobodyCanReadIsDeadLetteredAtOnce(t *testing.T) {
	t.Parallel()
	binary := func(body string) string {
		data := base64.StdEncoding.EncodeToString([]byte(body))
		return `{"Data":{"msg":"` + data + `"},"Metadata":{"LockToken":"\"` + token + `\""}}`
	}
	for name, tt := range map[string]struct{ body, reason string }{
		"no JSON":          {binary("hello"), "message.unreadable"},
		"no body":          {`{"Data":{"msg":""},"Metadata":{"LockToken":"\"` + token + `\""}}`, "message.unreadable"},
		"a newer version":  {binary(`{"kind":"invite","version":99}`), "message.version"},
		"an unknown kind":  {binary(`{"kind":"greet","version":1}`), "message.kind"},
		"another's kind":   {binary(`{"kind":"assign","version":1}`), "message.misplaced"},
		"an event astray":  {binary(`{"eventType":"x"}`), "message.misplaced"},
		"no kind, no hope": {binary(`{}`), "message.misplaced"},
	} {
		r := newRig(t, nil)
		if got := r.invoke(t.Context(), tt.body); got != 200 {
			t.Errorf("%s: status %d", name, got)
		}
		if d := cmp.Diff([]string{"dead-letter"}, r.step.calls); d != "" {
			t.Errorf("%s: calls (-want +got):\n%s", name, d)
		}
		if want := "invitations|" + token + "|" + tt.reason + "|"; len(r.broker.dead) != 1 || !strings.HasPrefix(r.broker.dead[0], want) {
			t.Errorf("%s: dead letters %q, want %q", name, r.broker.dead, want)
		}
	}
}

func TestAStepThatOverrunsItsDeadlineHasFailedAnAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *customhandler.Options) { o.Functions[0].Deadline = time.Minute })
		r.step.do = func(ctx context.Context, _ message.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}
		start := time.Now()
		if got := r.invoke(t.Context(), invocation(invitation, 1)); got != 200 || time.Since(start) != time.Minute {
			t.Errorf("status %d after %s, want 200 after a minute", got, time.Since(start))
		}
		if sent := r.broker.sent; len(sent) != 1 || sent[0].Attempt != invitation.Attempt+1 {
			t.Errorf("sent %+v, want the next attempt", sent)
		}
	})
}

func TestACancelledInvocationSaysNothingAboutItsMessage(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"retry": errGraph, "later": later, "never": never} {
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		r.step.do = func(context.Context, message.Message) error {
			cancel()
			return err
		}
		if got := r.invoke(ctx, invocation(invitation, 1)); got != 500 {
			t.Errorf("%s: status %d, want 500", name, got)
		}
		if d := cmp.Diff([]string{"do"}, r.step.calls); d != "" {
			t.Errorf("%s: calls (-want +got):\n%s", name, d)
		}
	}
}

func TestWorkThatWasDoneIsCompletedThoughTheHostHasGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	r.step.do = func(context.Context, message.Message) error {
		cancel()
		return nil
	}
	if got := r.invoke(ctx, invocation(invitation, 1)); got != 200 {
		t.Errorf("status %d, want 200", got)
	}
}

// counter is a step's work that counts how much of it goes on at the same time.
type counter struct {
	mu       sync.Mutex
	now, top map[message.Kind]int
	release  chan struct{}
}

func newCounter() *counter {
	return &counter{now: map[message.Kind]int{}, top: map[message.Kind]int{}, release: make(chan struct{})}
}

func (c *counter) add(k message.Kind, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now[k] += n
	c.top[k] = max(c.top[k], c.now[k])
}

func (c *counter) do(_ context.Context, m message.Message) error {
	c.add(m.Kind, 1)
	defer c.add(m.Kind, -1)
	<-c.release
	return nil
}

func TestKindsHavePlacesOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter()
		r := newRig(t, func(o *customhandler.Options) {
			o.Functions[0].Queue, o.Functions[0].Limit = message.Uploads, 3
			o.Functions[0].Limits = map[message.Kind]int{message.Stage: 1}
		})
		r.step.do = c.do
		var done sync.WaitGroup
		for range 5 {
			for _, kind := range []message.Kind{message.Stage, message.Plan} {
				done.Go(func() {
					if got := r.invoke(t.Context(), invocation(message.Message{Kind: kind, Import: "i"}, 1)); got != 200 {
						t.Errorf("%s: status %d", kind, got)
					}
				})
			}
		}
		synctest.Wait()
		if c.now[message.Stage] != 1 || c.now[message.Plan] != 3 {
			t.Errorf("%v at work, want one stage and three plan", c.now)
		}
		close(c.release)
		done.Wait()
		if c.top[message.Stage] != 1 || c.top[message.Plan] != 3 {
			t.Errorf("%v were at work at the same time, want one stage and three plan", c.top)
		}
		if len(r.broker.sent) > 0 {
			t.Errorf("sent %+v, want everybody to get a place in time", r.broker.sent)
		}
	})
}

func TestWhoWaitsTooLongForAPlaceComesLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter()
		r := newRig(t, func(o *customhandler.Options) { o.Functions[0].Patience = time.Minute })
		r.step.do = c.do
		var first sync.WaitGroup
		first.Go(func() { r.invoke(t.Context(), invocation(invitation, 1)) })
		synctest.Wait()
		start := time.Now()
		if got := r.invoke(t.Context(), invocation(invitation, 1)); got != 200 || time.Since(start) != time.Minute {
			t.Errorf("status %d after %s, want 200 after a minute", got, time.Since(start))
		}
		if sent := r.broker.sent; len(sent) != 1 || sent[0].Delay != invitation.Delay+1 || sent[0].Attempt != invitation.Attempt {
			t.Errorf("sent %+v, want one copy with the same attempt", sent)
		}
		close(c.release)
		first.Wait()
	})
}

func TestAPlaceIsFreeAgainWhileTheBrokerRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *customhandler.Options) { o.Wait = nil })
		r.step.do, r.broker.sendErr = returns(errGraph), errBroker
		var both sync.WaitGroup
		start := time.Now()
		for range 2 {
			both.Go(func() {
				if got := r.invoke(t.Context(), invocation(invitation, 3)); got != 500 {
					t.Errorf("status %d, want 500", got)
				}
			})
		}
		both.Wait()
		if took := time.Since(start); took != 8*time.Second {
			t.Errorf("two held invocations took %s, want 8 s side by side", took)
		}
	})
}

func TestACancelledWaitForAPlaceIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter()
		r := newRig(t, nil)
		r.step.do = c.do
		var first sync.WaitGroup
		first.Go(func() { r.invoke(t.Context(), invocation(invitation, 1)) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := r.invoke(ctx, invocation(invitation, 1)); got != 500 {
			t.Errorf("status %d, want 500", got)
		}
		close(c.release)
		first.Wait()
	})
}

func TestAPanicInTheLedgerIsNoDeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.step.do = returns(never)
	r.step.failed = func(*message.Failure) error { panic(errors.New("nil row")) }
	if got := r.invoke(t.Context(), invocation(invitation, 1)); got != 200 || len(r.broker.dead) != 0 || len(r.broker.sent) != 1 {
		t.Errorf("status %d, dead letters %q, sent %d; want a copy", got, r.broker.dead, len(r.broker.sent))
	}
}

// TestALongVerdictHasAnEnd lets everything take as long as it may: the place, the step, the ledger, the broker.
func TestALongVerdictHasAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *customhandler.Options) {
			o.Wait = nil
			o.Functions[0].Deadline, o.Functions[0].Patience = 2*time.Minute, time.Minute
			o.Functions[0].Step = hanging{o.Functions[0].Step}
			o.Sender = slow{o.Sender}
		})
		r.step.do = func(ctx context.Context, _ message.Message) error {
			<-ctx.Done()
			return never
		}
		r.broker.sendErr = errBroker
		m := invitation
		m.First = ten.Add(-time.Hour) // so that the delay has to be recorded
		start := time.Now()
		if got := r.invoke(t.Context(), invocation(m, 5)); got != 500 {
			t.Errorf("status %d", got)
		}
		const hold = 32 * time.Second // of the fifth delivery; the longest is a minute
		if took := time.Since(start); took != 2*time.Minute+customhandler.VerdictTime-(time.Minute-hold) {
			t.Errorf("took %s, want the deadline, and %s with a hold of a minute", took, customhandler.VerdictTime)
		}
		if d := cmp.Diff([]string{"do", "failed group.unknown", "postponed 2026-11-23T10:00:30Z", "send"}, r.step.calls); d != "" {
			t.Errorf("calls (-want +got):\n%s", d)
		}
	})
}

// hanging is a step whose ledger never answers.
type hanging struct{ customhandler.Step }

func (h hanging) Failed(ctx context.Context, m message.Message, f *message.Failure) error {
	_ = h.Step.Failed(ctx, m, f)
	<-ctx.Done()
	return ctx.Err()
}

func (h hanging) Postponed(ctx context.Context, m message.Message, until time.Time) error {
	_ = h.Step.Postponed(ctx, m, until)
	<-ctx.Done()
	return ctx.Err()
}

// slow is a broker that takes a minute.
type slow struct{ bus.Sender }

func (s slow) Send(ctx context.Context, msgs ...message.Message) error {
	time.Sleep(time.Minute)
	return s.Sender.Send(ctx, msgs...)
}

// TestAMessageDeliveredTooOftenNeedsNoPlace: while all places are taken its copy would begin to count anew, and a handler
// that dies of it would never be rid of it.
func TestAMessageDeliveredTooOftenNeedsNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter()
		r := newRig(t, nil)
		r.step.do = c.do
		var done sync.WaitGroup
		done.Go(func() { r.invoke(t.Context(), invocation(invitation, 1)) })
		synctest.Wait()
		if got := r.invoke(t.Context(), invocation(invitation, 41)); got != 200 || len(r.broker.dead) != 1 || len(r.broker.sent) != 0 {
			t.Errorf("status %d, dead letters %q, sent %+v", got, r.broker.dead, r.broker.sent)
		}
		close(c.release)
		done.Wait()
	})
}

// TestALedgerThatIsAwayKeepsAMessageDeliveredTooOften: it comes again, and is a dead letter once that can be recorded.
func TestALedgerThatIsAwayKeepsAMessageDeliveredTooOften(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.step.failed = func(*message.Failure) error { return errLedger }
	if got := r.invoke(t.Context(), invocation(invitation, 41)); got != 200 || len(r.broker.dead) != 0 || len(r.broker.sent) != 1 {
		t.Fatalf("status %d, dead letters %q, sent %+v; want a copy", got, r.broker.dead, r.broker.sent)
	}
	if d := cmp.Diff([]string{"failed delivery.exhausted", "send"}, r.step.calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
}
