package graph_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/graph"
	"guestlist/pkg/message"
)

func paced(a answer) answer {
	a.header = map[string]string{"Retry-After": "7"}
	return a
}

func TestEveryRefusalHasItsVerdict(t *testing.T) {
	t.Parallel()
	rows := map[int]bool{}
	for _, tc := range refusals {
		f := serve(t, tc.got)
		for op, run := range methods(f.client(t)) {
			if tc.on != nil && !slices.Contains(tc.on, op) || tc.on == nil && op == graph.SendMail {
				continue // Exchange has refusals of its own
			}
			err := run(t.Context())
			if op == graph.ReadMembership && tc.want.verdict == "not found" && err == nil {
				continue // a filter by an id that nobody has
			}
			if diff := cmp.Diff(tc.want, judged(err), cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("%s answered %d %s (-want +got):\n%s%v", op, tc.got.status, tc.got.body, diff, err)
			}
			if err != nil {
				noSecrets(t, err.Error())
			}
			rows[graph.Row(asked(op, tc.got, err))] = true
		}
	}
	for i := range graph.Rules() {
		if !rows[i] {
			t.Errorf("no refusal here meets row %d of the table", i)
		}
	}
}

// asked is the error of a call; for one that reports none, the error that the answer would have made.
func asked(op graph.Operation, a answer, err error) *graph.Error {
	if e, ok := errors.AsType[*graph.Error](err); ok {
		return e
	}
	e := &graph.Error{Operation: op, Status: a.status, Message: a.body}
	if _, rest, ok := strings.Cut(a.body, `"code":"`); ok {
		e.Code, _, _ = strings.Cut(rest, `"`)
	}
	return e
}

func judged(err error) outcome {
	var o outcome
	if e, ok := errors.AsType[*graph.Error](err); ok {
		o.class, o.scope, o.certain = e.Class, graph.ScopeOf(err), e.Certain()
	}
	v := graph.Verdict(err)
	later, isLater := errors.AsType[*message.Later](v)
	failure, isFailure := errors.AsType[*message.Failure](v)
	switch {
	case err == nil:
		o.verdict = "done"
	case errors.Is(v, graph.ErrNotFound):
		o.verdict = "not found"
	case isLater && later.Spent != nil:
		o.verdict = "later/" + later.Spent.Code
	case isLater:
		o.verdict = "later"
	case isFailure:
		o.verdict = failure.Code
	default:
		o.verdict = "attempt"
	}
	return o
}

// noSecrets fails if a text shows what no error may: the addresses of the call, its URL or a redeem URL.
func noSecrets(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{"o'hara", "o''hara", "o%27", "boss@", "partner.example", "redeem", "/v1.0/", "127.0.0.1:"} {
		if strings.Contains(strings.ToLower(text), secret) {
			t.Errorf("%q shows in: %s", secret, text)
		}
	}
}

func TestThrottlingWaitsAsLongAsTold(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 10 * time.Second, "7": 7 * time.Second, "1.2": 2 * time.Second, "0": 10 * time.Second, "-3": 10 * time.Second, "soon": 10 * time.Second,
		"NaN": 10 * time.Second, "1e300": 15 * time.Minute, "86400": 15 * time.Minute,
		date.Add(30 * time.Second).Format(httpTime): 30 * time.Second,
		date.Add(-time.Hour).Format(httpTime):       10 * time.Second,
	} {
		a := refusal(429, "TooManyRequests", "Too many requests.")
		a.header = map[string]string{"Retry-After": header, "Date": date.Format(httpTime)}
		_, err := serve(t, a).client(t).User(t.Context(), userID)
		later, ok := errors.AsType[*message.Later](graph.Verdict(err))
		if !ok || later.After != want || later.Budget != 0 || later.Why == "" {
			t.Errorf("Retry-After %q: %+v (%v), want %s without budget", header, later, err, want)
		}
	}
}

const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

func TestReplicationWaitsAQuarterOfAnHourThenFailsWithAReason(t *testing.T) {
	t.Parallel()
	f := serve(t, refusal(400, badRequest, "Not a valid reference update."))
	_, err := f.client(t).AssignRole(t.Context(), spID, roleID, userID)
	later, ok := errors.AsType[*message.Later](graph.Verdict(err))
	if !ok || later.After < 5*time.Second || later.After > 10*time.Second || later.Budget != 15*time.Minute {
		t.Fatalf("%+v (%v)", later, err)
	}
	want := &message.Failure{Code: "graph.not-found", Request: "req-1", Text: "Microsoft Graph answered: Not a valid reference update. " +
		"Check that the guest and the target still exist in the directory, then replay the row."}
	if diff := cmp.Diff(want, later.Spent); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

func TestUnknownRefusalsAreKeptVerbatim(t *testing.T) {
	t.Parallel()
	a := refusal(400, "BadRequest", "Reasons, “quoted” & <odd>.")
	a.header = map[string]string{"request-id": ""}
	_, err := serve(t, a).client(t).Invite(t.Context(), invitation())
	if got, want := err.Error(), "invite: 400 BadRequest: Reasons, “quoted” & <odd>. (request inner)"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	failure, ok := errors.AsType[*message.Failure](graph.Verdict(fmt.Errorf("row 7: %w", err)))
	if !ok || failure.Request != "inner" || !strings.Contains(failure.Text, ": Reasons, “quoted” & <odd>. Guestlist does not know") {
		t.Errorf("failure %+v", failure)
	}
}

func TestVerdictLeavesOtherErrorsAlone(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, graph.ErrNotFound, context.Canceled, message.Never("guest.ambiguous", "x"), &message.Later{After: 1}} {
		if got := graph.Verdict(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestEveryReasonSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for reason, advice := range graph.Advice() {
		for _, a := range advice {
			if len(a) < 30 || !strings.HasSuffix(a, ".") || strings.ContainsAny(a, "{}<>%") {
				t.Errorf("%s: %q", reason, a)
			}
		}
	}
}
