package payload_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/functionshost/internal/payload"
)

var (
	noon   = time.Date(2026, 11, 23, 10, 0, 0, 123456700, time.UTC)
	random = payload.GUID{0x6f, 0x1b, 0x2c, 0x3d, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}
)

const sys = `"sys":{"MethodName":"invite","UtcNow":"2026-11-23T10:00:00.1234567Z","RandGuid":"6f1b2c3d-0000-4000-8000-000000000001"}`

func TestEncodeDoublesWhatTheHostDoubles(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"bytes", []byte{1, 2, 3}, `"AQID"`},
		{"no bytes", []byte{}, `""`},
		{"date", payload.DateTime(day), `"2024-01-02T03:04:05"`},
		{"date with zone", payload.DateTimeOffset(day), `"2024-01-02T03:04:05+00:00"`},
		{"object", payload.Object{{Name: "a", Value: 1}, {Name: "b", Value: "x"}}, `{"a":1,"b":"x"}`},
		{"object of a body", payload.Raw(`{"a" : [1, null]}`), `{"a":[1,null]}`},
		{"string", "hello", `"\"hello\""`},
		{"JSON text", `{"a":1}`, `"\"{\\\"a\\\":1}\""`},
		{"HTML stays", "<a&b>", `"\"<a&b>\""`},
		{"beyond ASCII stays", "Zoë ’", `"\"Zoë ’\""`},
		{"next line is escaped", "\u0085", `"\"\\u0085\""`},
		{"control characters", "a\tb\x01", `"\"a\\tb\\u0001\""`},
		{"int", 3, `"3"`},
		{"long", int64(42), `"42"`},
		{"bool", true, `"true"`},
		{"double", 1.5, `"1.5"`},
		{"whole double", 2.0, `"2.0"`},
		{"great double", 1e20, `"1E+20"`},
		{"guid", random, `"\"6f1b2c3d-0000-4000-8000-000000000001\""`},
		{"strings", []any{"a", "b"}, `"[\"a\",\"b\"]"`},
		{"ints", []any{1, 2}, `"[1,2]"`},
		{"byte arrays", []any{[]byte{1, 2, 3}, []byte{4}}, `"[\"AQID\",\"BA==\"]"`},
		{"dates in an array", []any{payload.DateTime(day)}, `"[\"2024-01-02T03:04:05.678Z\"]"`},
		{"null", nil, `"null"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := string(payload.Encode(test.value)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestMessageIsWrittenAsTheHostWritesIt(t *testing.T) {
	t.Parallel()
	m := payload.Message{
		Namespace: "ns1.servicebus.windows.net", ClientID: "ns1-0d", DeliveryCount: 1, SequenceNumber: 3,
		MessageID: "row-000007", ContentType: "application/json", Subject: "invite", CorrelationID: "job-42",
		LockToken:    [16]byte{0x0f, 0x3a, 0x4c, 0x52, 0x9c, 0x1e, 0x4f, 0x0a, 0x8f, 0x6e, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0x6f},
		EnqueuedTime: noon, ExpiresAt: noon.AddDate(0, 0, 14),
		Properties: map[string]any{"tenant": "contoso", "attempt": int32(2), "due": noon},
	}
	want := `{"Data":{"msg":"\"hello\""},"Metadata":{"MessageReceiver":{},"MessageSession":{},"MessageActions":{},"SessionActions":{},` +
		`"ReceiveActions":{},"Client":{"FullyQualifiedNamespace":"ns1.servicebus.windows.net","IsClosed":false,"TransportType":0,"Identifier":"ns1-0d"},` +
		`"DeliveryCount":"1","LockToken":"\"0f3a4c52-9c1e-4f0a-8f6e-1a2b3c4d5e6f\"","ExpiresAtUtc":"2026-12-07T10:00:00",` +
		`"ExpiresAt":"2026-12-07T10:00:00+00:00","EnqueuedTimeUtc":"2026-11-23T10:00:00","EnqueuedTime":"2026-11-23T10:00:00+00:00",` +
		`"MessageId":"\"row-000007\"","ContentType":"\"application/json\"","SequenceNumber":"3","Subject":"\"invite\"","Label":"\"invite\"",` +
		`"CorrelationId":"\"job-42\"","ApplicationProperties":{"attempt":2,"due":"2026-11-23T10:00:00.1234567Z","tenant":"contoso"},` +
		`"UserProperties":{"attempt":2,"due":"2026-11-23T10:00:00.1234567Z","tenant":"contoso"},` + sys + `}}`
	if diff := cmp.Diff(want, string(invocation("hello", m.Metadata()).JSON())); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestMessageThatNeverExpiresHasTheGreatestDate(t *testing.T) {
	t.Parallel()
	got := string(invocation([]byte("x"), payload.Message{EnqueuedTime: noon}.Metadata()).JSON())
	for _, want := range []string{`"ExpiresAtUtc":"9999-12-31T23:59:59"`, `"DeliveryCount":"1"`, `"ApplicationProperties":{}`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}

func TestMergeOverwritesMetadataByATextBody(t *testing.T) {
	t.Parallel()
	known := func() *payload.Dict {
		d := &payload.Dict{}
		d.Set("MessageId", "real")
		d.Set("BlobTrigger", "inbox/a.csv")
		d.Set("Nothing", nil)
		return d
	}
	tests := []struct {
		name string
		body any
		want string
	}{
		{"replaces, without regard to case", `{"messageid":"x"}`, `{"MessageId":"\"x\"",` + sys + `}`},
		{"scalars become text", `{"row":7,"active":true,"off":false,"rate":1.50,"big":12345678901234567890}`,
			`{"MessageId":"\"real\"",` + sys + `,"row":"\"7\"","active":"\"True\"","off":"\"False\"","rate":"\"1.5\"","big":"\"12345678901234567890\""}`},
		{"dates are rewritten", `{"at":"2026-11-23T11:00:00.5+01:00","day":"2026-11-23"}`,
			`{"MessageId":"\"real\"",` + sys + `,"at":"\"11/23/2026 10:00:00\"","day":"\"2026-11-23\""}`},
		{"objects stay, arrays and nulls are passed over", `{"opts":{"notify": true},"tags":["x"],"none":null}`,
			`{"MessageId":"\"real\"",` + sys + `,"opts":{"notify":true}}`},
		{"sys too", `{"sys":1}`, `{"MessageId":"\"real\"","sys":"\"1\""}`},
		{"names ending in trigger stay away", `{"myTRIGGER":1}`, `{"MessageId":"\"real\"",` + sys + `}`},
		{"an array is no object", `[1]`, `{"MessageId":"\"real\"",` + sys + `}`},
		{"broken JSON", `{"MessageId":`, `{"MessageId":"\"real\"",` + sys + `}`},
		{"bytes are never merged", []byte(`{"MessageId":"x"}`), `{"MessageId":"\"real\"",` + sys + `}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got struct{ Metadata json.RawMessage }
			if err := json.Unmarshal(invocation(test.body, known()).JSON(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got.Metadata)); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

func invocation(body any, metadata *payload.Dict) payload.Invocation {
	return payload.Invocation{Function: "invite", Binding: "msg", Value: body, Metadata: metadata, Now: noon, Random: random}
}
