package main

import (
	"regexp"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/azurite"
	"guestlist/pkg/message"
)

// moments are times that a test did not make.
var moments = regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\dZ`)

// alone is a world with a storage account of its own: there is one breaker and one pace for each.
func alone(t *testing.T) *world {
	t.Helper()
	return worldOn(t, freshAccount(t))
}

func (w *world) breaker(to ledger.Breaker) {
	w.t.Helper()
	_, err := w.services.Ledger.UpdateBreaker(w.t.Context(), func(row *ledger.Breaker, _ time.Time) error {
		to.Version, *row = row.Version, to
		return nil
	})
	w.must(err)
}

var opened = ledger.Breaker{Open: true, Kind: message.Invite, Operation: "invite", Opened: received, Probes: 2}

func TestBreakerSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	t.Parallel()
	w := alone(t)
	w.run("", "breaker", "show")
	blocked := opened
	blocked.Cause, blocked.Probes = string(breaker.Blocked), 0
	blocked.Code, blocked.Request = "tenant.blocked", "4c4f1c1e-1"
	blocked.Text = "Microsoft Graph answered: Invitations are blocked for this directory due to suspicious activity. Only Microsoft support can lift this block."
	w.breaker(blocked)
	waiting := people()[:2]
	for n := range waiting {
		waiting[n].Invite = ledger.Step{Generation: 1, State: ledger.Waiting, Wait: ledger.WaitBreaker}
	}
	w.imports(ledger.Import{ID: "99aa0000000000000001", Source: "broken", Path: "a.csv", Rows: 2}, waiting...)
	w.run("", "breaker", "show")
	if v := decode[breakerView](t, w.run("", "breaker", "show", "-json")); !v.Open || v.Waiting != 2 || v.Cause != "blocked" {
		t.Errorf("as JSON: %+v", v)
	}
	w.run("", "status", "99aa")
	w.run("", "status")
	for _, typed := range []string{"n\n", ""} {
		if r := w.run(typed, "breaker", "close", "-reason", "case 4711"); r.code != exitFailed {
			t.Errorf("answer %q: exit %d", typed, r.code)
		}
	}
	if row, err := w.services.Ledger.Breaker(t.Context()); err != nil || !row.Open {
		t.Fatalf("row %+v, %v", row, err)
	}
	w.run("y\n", "breaker", "close", "-reason", "case 4711: lifted")
	w.run("", "breaker", "close", "-reason", "again", "-yes")
	w.run("", "breaker", "show")
	row, err := w.services.Ledger.Breaker(t.Context())
	if err != nil || row.Open || row.Reason != "case 4711: lifted" {
		t.Errorf("row %+v, %v", row, err)
	}
	w.golden("breaker", moments)
}

func TestBreakerThatIsProbed(t *testing.T) {
	t.Parallel()
	w := alone(t)
	down := opened
	down.Cause, down.Code, down.Text, down.NextProbe = string(breaker.Outage), "graph.unreachable", "find user: no connection", received.Add(time.Minute)
	w.breaker(down)
	w.run("", "breaker", "show")
	down.Open, down.Closed, down.NextProbe = false, received.Add(5*time.Minute), time.Time{}
	down.Failures = []ledger.BreakerFailure{{Operation: "invite", Guest: "a"}, {Operation: "invite", Guest: "b"}}
	w.breaker(down)
	w.run("", "breaker", "show")
	w.golden("breaker-probed")
}

// freshAccount starts a storage account of its own.
func freshAccount(t *testing.T) string {
	t.Helper()
	s, err := azurite.Start(t.Context(), azurite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.ConnectionString()
}
