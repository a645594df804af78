package customhandler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

var invitation = message.Message{Kind: message.Invite, Import: "0123456789abcdef0123",
	Guest: message.GuestKey("ann@example.com"), Attempt: 3, Delay: 1, Generation: 2, Source: "partners", First: ten}

// verdict is a case of the table: what the step and the broker do, and what has to come of it.
type verdict struct {
	name       string
	change     func(m *message.Message)
	deliveries int // 0 means 1
	do         func(context.Context, message.Message) error
	failed     error
	postponed  error
	sendErr    error
	deadErr    error
	waitErr    error

	status  int
	calls   []string
	attempt int // of the copy
	delay   int
	after   [2]time.Duration // bounds of the copy's schedule
	dead    string           // reason and description
	hold    time.Duration
	holds   int // 0 means 1
	verdict string
	level   string
}

func returns(err error) func(context.Context, message.Message) error {
	return func(context.Context, message.Message) error { return err }
}

var (
	errGraph  = errors.New("graph answered 503")
	errBroker = errors.New("server busy")
	errLedger = errors.New("no connection")
	later     = &message.Later{After: time.Minute, Why: "throttled"}
	longer    = &message.Later{After: 11 * time.Minute, Why: "closed"}
	never     = message.Never("group.unknown", "create the group")
)

var verdicts = []verdict{
	{name: "success completes", status: 200, calls: []string{"do"}, verdict: "done", level: "INFO"},

	{name: "Later sends a copy", do: returns(later), status: 200, calls: []string{"do", "send"}, attempt: 3, delay: 2,
		after: exactly(time.Minute), verdict: "later", level: "INFO"},
	{name: "a wrapped Later is a Later", do: returns(fmt.Errorf("look up: %w", later)), status: 200, calls: []string{"do", "send"},
		attempt: 3, delay: 2, after: exactly(time.Minute), verdict: "later", level: "INFO"},
	{name: "a long Later is in the ledger before it is sent", do: returns(longer), status: 200,
		calls: []string{"do", "postponed 2026-11-23T10:11:00Z", "send"}, attempt: 3, delay: 2, after: exactly(11 * time.Minute),
		verdict: "later", level: "INFO"},
	{name: "ten minutes are not long", do: returns(&message.Later{After: 10 * time.Minute}), status: 200,
		calls: []string{"do", "send"}, attempt: 3, delay: 2, after: exactly(10 * time.Minute), verdict: "later", level: "INFO"},
	{name: "a ledger that is away does not stop a Later", do: returns(longer), postponed: errLedger, status: 200,
		calls: []string{"do", "postponed 2026-11-23T10:11:00Z", "send"}, attempt: 3, delay: 2, after: exactly(11 * time.Minute),
		verdict: "later", level: "INFO"},
	{name: "many short Laters add up", change: func(m *message.Message) { m.First = ten.Add(-time.Hour) }, do: returns(later), status: 200,
		calls: []string{"do", "postponed 2026-11-23T10:01:00Z", "send"}, attempt: 3, delay: 2, after: exactly(time.Minute),
		verdict: "later", level: "INFO"},
	{name: "what the ledger was told counts", change: func(m *message.Message) { m.First, m.Due = ten.Add(-time.Hour), ten.Add(-5*time.Minute) },
		do: returns(later), status: 200, calls: []string{"do", "send"}, attempt: 3, delay: 2, after: exactly(time.Minute),
		verdict: "later", level: "INFO"},
	{name: "a spent budget fails", change: func(m *message.Message) { m.Why, m.Since = "replication", ten.Add(-15*time.Minute) },
		do:     returns(&message.Later{After: time.Second, Why: "replication", Budget: 15 * time.Minute, Spent: message.AsFailure(never, "")}),
		status: 200, calls: []string{"do", "failed group.unknown", "dead-letter"}, dead: "group.unknown|create the group",
		verdict: "failed", level: "ERROR"},

	{name: "an error is retried with jitter", do: returns(errGraph), status: 200, calls: []string{"do", "send"}, attempt: 4,
		delay: 1, after: [2]time.Duration{0, 20*time.Second + time.Millisecond}, verdict: "retry", level: "WARN"},
	{name: "what the broker refuses to take from a step costs no attempt", do: returns(fmt.Errorf("send 3 messages: %w: %w", bus.ErrRefused, errBroker)),
		status: 200, calls: []string{"do", "send"}, attempt: 3, delay: 2, after: [2]time.Duration{15 * time.Second, 30 * time.Second},
		verdict: "later", level: "INFO"},
	{name: "a panic is a failed attempt", do: func(context.Context, message.Message) error { panic("nil map") }, status: 200,
		calls: []string{"do", "send"}, attempt: 4, delay: 1, after: [2]time.Duration{0, 20*time.Second + time.Millisecond},
		verdict: "retry", level: "WARN"},
	{name: "the last attempt fails", change: func(m *message.Message) { m.Attempt = message.MaxAttempts }, do: returns(errGraph),
		status: 200, calls: []string{"do", "failed attempts.exhausted", "dead-letter"},
		dead: "attempts.exhausted|graph answered 503", verdict: "failed", level: "ERROR"},

	{name: "never is recorded, then dead-lettered", do: returns(fmt.Errorf("assign: %w", never)), status: 200,
		calls: []string{"do", "failed group.unknown", "dead-letter"}, dead: "group.unknown|create the group",
		verdict: "failed", level: "ERROR"},
	{name: "never without a code", do: returns(fmt.Errorf("odd: %w", message.ErrNever)), status: 200,
		calls: []string{"do", "failed step.refused", "dead-letter"}, dead: "step.refused|odd: cannot succeed",
		verdict: "failed", level: "ERROR"},
	{name: "what the ledger does not know is not dead-lettered", do: returns(never), failed: errLedger, status: 200,
		calls: []string{"do", "failed group.unknown", "send"}, attempt: 3, delay: 2, after: exactly(30 * time.Second),
		verdict: "later", level: "INFO"},
	{name: "what no ledger row is left for is dead-lettered", do: returns(never), failed: message.Never("import.purged", "gone"),
		status: 200, calls: []string{"do", "failed group.unknown", "dead-letter"}, dead: "group.unknown|create the group",
		verdict: "failed", level: "ERROR"},

	{name: "forty deliveries are allowed", deliveries: 40, status: 200, calls: []string{"do"}, verdict: "done", level: "INFO"},
	{name: "more than forty are not", deliveries: 41, status: 200, calls: []string{"failed delivery.exhausted", "dead-letter"},
		dead:    "delivery.exhausted|the message was delivered 41 times without an end; look for crashes of the handler in the logs, then replay it",
		verdict: "failed", level: "ERROR"},

	{name: "a refused copy is held, then abandoned", do: returns(errGraph), sendErr: errBroker, status: 500,
		calls: []string{"do", "send"}, hold: 2 * time.Second, verdict: "refused", level: "ERROR"},
	{name: "the hold doubles", deliveries: 4, do: returns(later), sendErr: errBroker, status: 500, calls: []string{"do", "send"},
		hold: 16 * time.Second, verdict: "refused", level: "ERROR"},
	{name: "from a minute on the broker is asked each minute, for twenty", deliveries: 39, do: returns(later), sendErr: errBroker, status: 500,
		calls: append([]string{"do"}, slices.Repeat([]string{"send"}, 20)...), hold: time.Minute, holds: 20, verdict: "refused", level: "ERROR"},
	{name: "a dead letter that is refused for long is asked for each minute, too", deliveries: 39, do: returns(never), deadErr: errBroker, status: 500,
		calls: append([]string{"do", "failed group.unknown"}, slices.Repeat([]string{"dead-letter"}, 20)...), hold: time.Minute, holds: 20,
		dead: "group.unknown|create the group", verdict: "refused", level: "ERROR"},
	{name: "a hold ends with its request", do: returns(later), sendErr: errBroker, waitErr: context.Canceled, status: 500,
		calls: []string{"do", "send"}, hold: 2 * time.Second, verdict: "refused", level: "ERROR"},
	{name: "a refused dead letter is held, then abandoned", do: returns(never), deadErr: errBroker, status: 500,
		calls: []string{"do", "failed group.unknown", "dead-letter"}, dead: "group.unknown|create the group", hold: 2 * time.Second,
		verdict: "refused", level: "ERROR"},
	{name: "a lost lock is left to the broker", do: returns(never), deadErr: fmt.Errorf("settle: %w", bus.ErrLockLost), status: 500,
		calls: []string{"do", "failed group.unknown", "dead-letter"}, dead: "group.unknown|create the group",
		hold: 2 * time.Second, verdict: "lock-lost", level: "ERROR"},
}

func exactly(d time.Duration) [2]time.Duration { return [2]time.Duration{d, d} }

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, v := range verdicts {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.step.do, r.broker.sendErr, r.broker.deadErr, r.waitErr = v.do, v.sendErr, v.deadErr, v.waitErr
			r.step.failed = func(*message.Failure) error { return v.failed }
			r.step.postponed = func(time.Time) error { return v.postponed }
			m := invitation
			if v.change != nil {
				v.change(&m)
			}
			if got := r.invoke(t.Context(), invocation(m, max(1, v.deliveries))); got != v.status {
				t.Errorf("status %d, want %d", got, v.status)
			}
			v.check(t, r)
		})
	}
}

func (v verdict) check(t *testing.T, r *rig) {
	t.Helper()
	if d := cmp.Diff(v.calls, r.step.calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
	if v.attempt > 0 {
		v.checkCopy(t, r.broker.sent)
	} else if len(r.broker.sent) > 0 {
		t.Errorf("sent %+v, want nothing", r.broker.sent)
	}
	var dead []string
	if v.dead != "" {
		dead = slices.Repeat([]string{message.Invitations + "|" + token + "|" + v.dead}, max(1, v.holds))
	}
	if !slices.Equal(r.broker.dead, dead) {
		t.Errorf("dead letters are %q, want %q", r.broker.dead, dead)
	}
	var waits []time.Duration
	if v.hold > 0 {
		waits = slices.Repeat([]time.Duration{v.hold}, max(1, v.holds))
	}
	if !slices.Equal(r.waits, waits) {
		t.Errorf("held for %s, want %s", r.waits, waits)
	}
	if line := r.lastLine(); line["verdict"] != v.verdict || line["level"] != v.level {
		t.Errorf("logged verdict %v at %v, want %s at %s", line["verdict"], line["level"], v.verdict, v.level)
	}
}

// checkCopy compares the copy with the original: the same work, the same origin.
func (v verdict) checkCopy(t *testing.T, sent []message.Message) {
	t.Helper()
	if len(sent) != 1 {
		t.Fatalf("sent %d messages, want 1", len(sent))
	}
	got := sent[0]
	if after := got.At.Sub(ten); after < v.after[0] || after > v.after[1] {
		t.Errorf("the copy is due after %s, want %s to %s", after, v.after[0], v.after[1])
	}
	want := invitation
	want.Attempt, want.Delay = v.attempt, v.delay
	want.At, want.Why, want.Since = got.At, got.Why, got.Since
	if slices.ContainsFunc(v.calls, func(c string) bool { return strings.HasPrefix(c, "postponed") }) {
		want.Due = got.At // what the ledger was told
	}
	if v.change != nil {
		v.change(&want)
		want.Attempt, want.Delay, want.Due = v.attempt, v.delay, got.Due
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("copy (-want +got):\n%s", d)
	}
}
