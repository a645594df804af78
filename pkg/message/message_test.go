package message_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/message"
)

var update = flag.Bool("update", false, "write new samples; old ones are never edited")

var at = time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)

// samples holds one message of each kind that Guestlist writes. The file <kind>.v<version>.json has its body and its
// properties as the host delivers them.
var samples = map[message.Kind]message.Message{
	message.Stage:  {Kind: message.Stage, Import: "0123456789abcdef0123", Generation: 1, Attempt: 1, Source: "partners", First: at},
	message.Plan:   {Kind: message.Plan, Import: "0123456789abcdef0123", Part: 70, After: "ab12", Generation: 1, Attempt: 1, Delay: 3, First: at},
	message.Invite: {Kind: message.Invite, Import: "0123456789abcdef0123", Guest: "00112233445566778899aabbccddeeff", Generation: 2, Attempt: 4, Source: "partners", Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", First: at},
	message.Assign: {Kind: message.Assign, Import: "0123456789abcdef0123", Guest: "00112233445566778899aabbccddeeff", Target: 3, Generation: 1, Attempt: 1, Delay: 2, First: at, Why: "throttled by Microsoft Graph", Since: at},
	message.Notify: {Kind: message.Notify, Import: "0123456789abcdef0123", Guest: "00112233445566778899aabbccddeeff", Generation: 1, Attempt: 1, First: at},
	message.Report: {Kind: message.Report, Import: "0123456789abcdef0123", Nonce: "MFRGGZDFMZTWQ2LK", Attempt: 1, First: at},
}

type sample struct {
	Body       json.RawMessage `json:"body"`
	Properties map[string]any  `json:"properties"`
}

func TestSamplesOfEveryVersionAreRead(t *testing.T) {
	t.Parallel()
	for kind, want := range samples {
		path := filepath.Join("testdata", string(kind)+".v1.json")
		if *update {
			write(t, path, want)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var s sample
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		got, err := message.Decode(s.Body, s.Properties) // numbers are float64 here, as through the host
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", path, err, diff)
		}
		var body bytes.Buffer
		if err := json.Compact(&body, s.Body); err != nil || body.String() != string(want.Body()) {
			t.Errorf("%s: body written as %s, sample has %s", kind, want.Body(), body.String())
		}
	}
}

func write(t *testing.T, path string, m message.Message) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	raw, err := json.MarshalIndent(sample{m.Body(), m.Properties()}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEventsTravelUntouched(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{"eventType":"x", "data":{}}`, `[{"id":"1"}]`} {
		m, err := message.Decode([]byte(raw), nil)
		if err != nil || m.Kind != message.Event || string(m.Body()) != raw || m.Queue() != message.Uploads {
			t.Errorf("%s: %+v, %v", raw, m, err)
		}
	}
}

func TestUnknownMessagesAreNeverRetried(t *testing.T) {
	t.Parallel()
	for raw, code := range map[string]string{
		`not json`:                      "message.unreadable",
		`{"kind":"invite","version":9}`: "message.version",
		`{"kind":"dance","version":1}`:  "message.kind",
	} {
		_, err := message.Decode([]byte(raw), nil)
		f, ok := errors.AsType[*message.Failure](err)
		if !ok || f.Code != code || !errors.Is(err, message.ErrNever) {
			t.Errorf("%s: %v, want %s", raw, err, code)
		}
	}
}

// TestIDsTellIntentionsApart changes each part of an intention in turn: repeating a send gives the same id, anything new
// another one.
func TestIDsTellIntentionsApart(t *testing.T) {
	t.Parallel()
	base := samples[message.Assign]
	seen := map[string]int{base.ID(): -1}
	for n, change := range []func(*message.Message){
		func(m *message.Message) { m.Kind = message.Invite }, func(m *message.Message) { m.Import = "x" },
		func(m *message.Message) { m.Guest = "x" }, func(m *message.Message) { m.Target++ }, func(m *message.Message) { m.Part++ },
		func(m *message.Message) { m.After = "x" }, func(m *message.Message) { m.Nonce = "x" }, func(m *message.Message) { m.Attempt++ },
		func(m *message.Message) { m.Delay++ }, func(m *message.Message) { m.Generation++ }, func(m *message.Message) { m.Event = []byte("{}") },
	} {
		m := base
		change(&m)
		if other, taken := seen[m.ID()]; taken {
			t.Errorf("changes %d and %d have the same id", n, other)
		}
		seen[m.ID()] = n
	}
	again := base
	again.At, again.First, again.Due, again.Why, again.Since, again.Source, again.Trace = at.Add(time.Hour), at, at, "", time.Time{}, "", ""
	if again.ID() != base.ID() {
		t.Error("what only accompanies an intention must not change its id")
	}
}

func TestKeysTellGuestsAndVersionsApart(t *testing.T) {
	t.Parallel()
	ana := message.GuestKey("ana@partner.example")
	if message.GuestKey(" Ana@Partner.Example ") != ana || message.GuestKey("anna@partner.example") == ana || len(ana) != 32 {
		t.Error("an address in other letters is the same guest, and only that is")
	}
	first := message.ImportID("acct", "inbox-a", "a.csv", "0x1")
	for _, other := range [][4]string{{"acct", "inbox-a", "a.csv", "0x2"}, {"acct", "inbox-a", "b.csv", "0x1"}, {"acct", "inbox-b", "a.csv", "0x1"}, {"other", "inbox-a", "a.csv", "0x1"}} {
		if message.ImportID(other[0], other[1], other[2], other[3]) == first {
			t.Errorf("%q has the import id of another version of a blob", other)
		}
	}
}

func TestImportIDIgnoresQuotesOfTheETag(t *testing.T) {
	t.Parallel()
	if message.ImportID("a", "inbox-p", "x.csv", `"0x8D"`) != message.ImportID("a", "inbox-p", "x.csv", "0x8D") {
		t.Error("events have the ETag unquoted, headers quoted: both are the same version")
	}
	if message.ImportID("a", "b", "cd", "e") == message.ImportID("a", "bc", "d", "e") {
		t.Error("parts of the id must not run into each other")
	}
	if message.GuestKey(" Ana@Partner.example ") != message.GuestKey("ana@partner.example") {
		t.Error("case and spaces do not make another guest")
	}
}

func TestLaterHasABudgetPerReason(t *testing.T) {
	t.Parallel()
	l := &message.Later{After: time.Minute, Why: "replicating", Budget: 15 * time.Minute}
	m, now, n := samples[message.Invite], at, 0
	for ; n < 100; n++ {
		next, spent := m.Delayed(l, now)
		if spent != nil {
			break
		}
		if next.Delay != m.Delay+1 || !next.At.Equal(now.Add(l.After)) || next.Attempt != m.Attempt {
			t.Fatalf("copy %d: %+v", n, next)
		}
		if n == 5 { // a reason without a budget in between does not start it anew
			next, _ = next.Delayed(&message.Later{After: time.Minute, Why: "throttled"}, next.At)
		}
		m, now = next, next.At
	}
	if now.Sub(at) != l.Budget || n != 14 {
		t.Errorf("gave up after %d copies and %s; want 14 of this reason, one of another, and %s", n, now.Sub(at), l.Budget)
	}
	if _, spent := m.Delayed(&message.Later{After: time.Minute, Why: "another", Budget: time.Minute}, now); spent != nil {
		t.Error("another reason with a budget has a budget of its own")
	}
}

// TestCausesThatTakeTurnsShareABudget: a mail server that puts a mail off and one that cannot be reached, in turns, are one
// mail that does not go; and so is a cause whose words never repeat.
func TestCausesThatTakeTurnsShareABudget(t *testing.T) {
	t.Parallel()
	m, now := samples[message.Notify], at
	for n := range 100 {
		l := &message.Later{After: time.Hour, Why: fmt.Sprint("cause ", n), Class: "mail", Budget: 24 * time.Hour}
		next, spent := m.Delayed(l, now)
		if spent != nil {
			if n != 24 {
				t.Errorf("gave up after %d hours, want 24", n)
			}
			return
		}
		var err error
		if m, err = message.Decode(next.Body(), next.Properties()); err != nil { // it travels
			t.Fatal(err)
		}
		now = next.At
	}
	t.Error("never gave up")
}

func TestRetriesEndAfterTenAttempts(t *testing.T) {
	t.Parallel()
	m, ok, n := message.Message{Kind: message.Invite, Attempt: 1}, true, 1
	for ; ok; n++ {
		if m, ok = m.Retried(at); ok && (m.At.Before(at) || m.At.After(at.Add(15*time.Minute+time.Second))) {
			t.Errorf("attempt %d at %s", m.Attempt, m.At)
		}
	}
	if m.Attempt != message.MaxAttempts {
		t.Errorf("gave up at attempt %d, want %d", m.Attempt, message.MaxAttempts)
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples {
		f.Add(m.Body())
	}
	f.Add([]byte(`{"eventType":"x"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := message.Decode(raw, nil)
		if err != nil {
			return
		}
		again, err := message.Decode(m.Body(), m.Properties())
		if err != nil || again.ID() != m.ID() {
			t.Errorf("%q: read, written and read again: %v", raw, err)
		}
	})
}
