package customhandler_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/customhandler"
)

// decoded is everything that the accessors say about an invocation.
type decoded struct {
	Body, BodyError                              string
	LockToken, MessageID, CorrelationID, Subject string
	DeliveryCount                                int
	EnqueuedTime                                 time.Time
	ApplicationProperties                        map[string]any
}

func decode(inv customhandler.Invocation) decoded {
	d := decoded{LockToken: inv.LockToken(), MessageID: inv.MessageID(), CorrelationID: inv.CorrelationID(),
		Subject: inv.Subject(), DeliveryCount: inv.DeliveryCount(), EnqueuedTime: inv.EnqueuedTime(),
		ApplicationProperties: inv.ApplicationProperties()}
	body, err := inv.Body()
	d.Body = string(body)
	if err != nil {
		d.BodyError = err.Error()
	}
	return d
}

const token = "0f3a4c52-9c1e-4f0a-8f6e-1a2b3c4d5e6f"

var ten = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func TestInvocationsOfTheHostAreUnderstood(t *testing.T) {
	t.Parallel()
	row := `{"email":"a@b.co","row":7,"opts":{"notify":true},"tags":["x"],"active":true}`
	want := map[string]decoded{
		"servicebus-binary.json": {Body: row, LockToken: token, MessageID: "row-000007", CorrelationID: "job-42",
			Subject: "invite", DeliveryCount: 3, EnqueuedTime: ten, ApplicationProperties: map[string]any{
				"attempt": json.Number("2"), "source": "contoso", "first": "2026-11-23T10:00:00.1234567Z"}},
		"servicebus-text.json": {Body: "hello", LockToken: token, MessageID: "12", DeliveryCount: 1, EnqueuedTime: ten,
			ApplicationProperties: map[string]any{}},
		"servicebus-json.json": {Body: row, LockToken: token, MessageID: "row-000007", Subject: "invite", DeliveryCount: 1,
			EnqueuedTime: ten, ApplicationProperties: map[string]any{"attempt": json.Number("2")}},
		"servicebus-older-host.json": {Body: `{"row": 7}`, LockToken: token, MessageID: "row-000007", DeliveryCount: 2,
			EnqueuedTime:          ten.Add(500 * time.Millisecond),
			ApplicationProperties: map[string]any{"attempt": json.Number("2")}},
	}
	files, err := filepath.Glob("testdata/invocations/servicebus-*.json")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d samples, want %d; %v", len(files), len(want), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		inv, err := customhandler.ParseInvocation(raw)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if d := cmp.Diff(want[filepath.Base(file)], decode(inv)); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
	}
}

func TestWhatIsMissingIsZero(t *testing.T) {
	t.Parallel()
	inv, err := customhandler.ParseInvocation([]byte(`{"Data":{"msg":""},"Metadata":{"DeliveryCount":"\"many\"","EnqueuedTime":"soon"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(decoded{BodyError: "the message has no body", DeliveryCount: 1}, decode(inv)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestABodyIsNeverGuessed(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{}`, `{"Data":{}}`, `{"Data":{"a":"YQ==","b":"Yg=="}}`} {
		inv, err := customhandler.ParseInvocation([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := inv.Body(); err == nil {
			t.Errorf("%s has body %q, want an error", raw, body)
		}
	}
}

// TestOnlyTheHostsLayersAreTakenOff uses bodies that look like one layer more.
func TestOnlyTheHostsLayersAreTakenOff(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`"quoted"`, `"\"twice\""`, "YWJj", `"YWJj"`, "null", "42", "\x00\xff"} {
		wantBody(t, []byte(body), base64.StdEncoding.EncodeToString([]byte(body)))
		if utf8.ValidString(body) {
			wantBody(t, []byte(body), quote(t, body))
		}
	}
}

func wantBody(t *testing.T, body []byte, data string) {
	t.Helper()
	raw := `{"Data":{"msg":` + quote(t, data) + `},"Metadata":{}}`
	inv, err := customhandler.ParseInvocation([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := inv.Body(); string(got) != string(body) || err != nil {
		t.Errorf("%s has body %q and %v, want %q", raw, got, err, body)
	}
}

func quote(t *testing.T, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func FuzzInvocationFromAnyone(f *testing.F) {
	files, err := filepath.Glob("testdata/invocations/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"Data":{"msg":"\"\\\"\\\\\\\"x"},"Metadata":{"MessageId":"\""}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		inv, err := customhandler.ParseInvocation(raw)
		if err != nil {
			return
		}
		if d := decode(inv); d.DeliveryCount < 1 || d.EnqueuedTime.Location() != time.UTC {
			t.Errorf("decoded %+v", d)
		}
	})
}

// FuzzBodyOfAnyKind checks that a message's bytes come out as they went in, whatever they are.
func FuzzBodyOfAnyKind(f *testing.F) {
	for _, s := range []string{"hello", `{"a":1}`, `"quoted"`, "YWJj", "\x9e\xe9\x65", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) == 0 {
			return
		}
		wantBody(t, body, base64.StdEncoding.EncodeToString(body))
		if utf8.Valid(body) {
			wantBody(t, body, quote(t, string(body)))
		}
	})
}
