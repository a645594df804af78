package customhandler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

func TestEveryLineOfAnInvocationSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	log := customhandler.NewLogger(&r.log, slog.LevelInfo)
	r.step.do = func(ctx context.Context, _ message.Message) error {
		log.InfoContext(ctx, "from the step", "guests", 1)
		return errGraph
	}
	r.invoke(t.Context(), invocation(invitation, 2))
	key := []byte("key")
	common := map[string]any{"function": "inviteguest", "invocation_id": "1f5d0d0e", "delivery": 2.0, "kind": "invite",
		"message_id": customhandler.Pseudonym(key, invitation.ID()), "import_id": invitation.Import,
		"guest_key": customhandler.Pseudonym(key, invitation.Guest), "attempt": 3.0, "delay": 1.0, "generation": 2.0}
	with := func(more map[string]any) map[string]any {
		for k, v := range common {
			more[k] = v
		}
		return more
	}
	want := []map[string]any{
		with(map[string]any{"level": "INFO", "msg": "from the step", "guests": 1.0}),
		with(map[string]any{"level": "WARN", "msg": "invocation ended", "verdict": "retry", "duration_ms": 0.0,
			"error": "graph answered 503"}),
	}
	ignoreTime := cmpopts.IgnoreMapEntries(func(k string, _ any) bool { return k == "time" })
	if d := cmp.Diff(want, r.lines(), ignoreTime); d != "" {
		t.Errorf("log (-want +got):\n%s", d)
	}
}

func TestLogsShowNeitherBodiesNorGuests(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.step.do = func(context.Context, message.Message) error { panic("broken") }
	r.invoke(t.Context(), invocation(invitation, 1))
	r.invoke(t.Context(), `{"Data":{"msg":"secret body"},"Metadata":{}}`)
	r.invoke(t.Context(), `secret invocation`)
	log := r.log.String()
	for _, secret := range []string{invitation.Guest, invitation.ID(), "secret body", "secret invocation"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log shows %q:\n%s", secret, log)
		}
	}
	if !strings.Contains(log, "log_test.go") {
		t.Errorf("the log has no stack of the panic:\n%s", log)
	}
}

func TestGroupsDoNotSwallowTheContext(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := customhandler.NewLogger(&out, slog.LevelInfo).With("part", "graph").WithGroup("http").With("method", "GET")
	ctx := customhandler.With(t.Context(), slog.String("kind", "invite"), slog.Int("attempt", 1))
	ctx = customhandler.With(ctx, slog.Int("attempt", 2))
	log.InfoContext(ctx, "hello", "status", 200)
	log.DebugContext(ctx, "not shown")
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	delete(got, "time")
	want := map[string]any{"level": "INFO", "msg": "hello", "kind": "invite", "attempt": 2.0, "part": "graph",
		"http": map[string]any{"method": "GET", "status": 200.0}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("line (-want +got):\n%s", d)
	}
}

func TestAPseudonymDependsOnItsKey(t *testing.T) {
	t.Parallel()
	a, again, b := customhandler.Pseudonym([]byte("a"), "x"), customhandler.Pseudonym([]byte("a"), "x"), customhandler.Pseudonym([]byte("b"), "x")
	if a != again || a == b || len(a) != 16 {
		t.Errorf("pseudonyms are %s, %s and %s", a, again, b)
	}
}
