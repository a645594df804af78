package amqp_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/pkg/local/servicebus/internal/amqp"
)

func values() []any {
	return []any{nil, true, false, uint8(7), uint16(300), uint32(0), uint32(255), uint32(256), uint64(0), uint64(9), uint64(1 << 40),
		int32(-70000), int64(-1 << 40), amqp.Timestamp(1700000000123), amqp.UUID{1, 2, 3}, []byte("bytes"), bytes.Repeat([]byte{1}, 300),
		"text", strings.Repeat("ö", 200), amqp.Symbol("symbol"), amqp.Symbol(strings.Repeat("s", 256)),
		amqp.List{}, amqp.List{"a", nil, amqp.List{int64(1)}}, amqp.Map{}, amqp.Map{{Key: amqp.Symbol("k"), Value: "v"}, {Key: "n", Value: nil}},
		amqp.ArrayOf([]int64{1, -2}), amqp.ArrayOf([]int64{}), amqp.ArrayOf([]string{"a", ""}), amqp.ArrayOf([]amqp.UUID{{9}}),
		amqp.ArrayOf([]amqp.Symbol{"x"}), amqp.ArrayOf([]amqp.Timestamp{5}), amqp.ArrayOf([][]byte{{1}, {}}), amqp.ArrayOf([]bool{true, false}),
		raw("0080000001370000000ca10173"), raw("723fc00000"), raw("e0040255" + "0102"), raw("e00603" + "00a30164" + "40")}
}

// raw is a value that stays as it is on the wire.
func raw(text string) amqp.Raw {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	for _, v := range values() {
		b := amqp.Append(nil, v)
		got, rest, err := amqp.Decode(append(b, 0xff))
		if err != nil || len(rest) != 1 {
			t.Errorf("%T: %v, %d bytes left", v, err, len(rest))
		}
		if d := cmp.Diff(v, got); d != "" {
			t.Errorf("%T: %s", v, d)
		}
	}
}

// The bytes are written by hand from the specification, 1.6, so that encoder and decoder cannot err together.
func TestEncodingsOfTheSpecification(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hex  string
		want any
	}{
		{"40", nil}, {"41", true}, {"42", false}, {"5601", true}, {"50ff", uint8(255)}, {"600102", uint16(258)}, {"43", uint32(0)},
		{"5201", uint32(1)}, {"7000000102", uint32(258)}, {"44", uint64(0)}, {"53ff", uint64(255)}, {"800000000000000102", uint64(258)},
		{"51ff", raw("51ff")}, {"61fffe", raw("61fffe")}, {"54ff", int32(-1)}, {"71fffffffe", int32(-2)}, {"55ff", int64(-1)},
		{"81fffffffffffffffe", int64(-2)}, {"723fc00000", raw("723fc00000")}, {"823ff8000000000000", raw("823ff8000000000000")}, {"7300000041", raw("7300000041")},
		{"8300000000000003e8", amqp.Timestamp(1000)}, {"98000102030405060708090a0b0c0d0e0f", amqp.UUID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
		{"a0020102", []byte{1, 2}}, {"b000000001ff", []byte{255}}, {"a10161", "a"}, {"b10000000161", "a"}, {"a30161", amqp.Symbol("a")},
		{"45", amqp.List{}}, {"c003024142", amqp.List{true, false}}, {"d0000000060000000241" + "42", amqp.List{true, false}},
		{"c10702a1016ba10176", amqp.Map{{Key: "k", Value: "v"}}}, {"e0040255" + "0102", raw("e00402550102")},
		{"f00000000700000002500102", raw("f00000000700000002500102")}, {"005324" + "45", raw("00532445")},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := amqp.Decode(b)
		if err != nil || len(rest) != 0 {
			t.Errorf("%s: %v, %d left", c.hex, err, len(rest))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.hex, d)
		}
	}
}

func TestMalformedInputIsRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("00", 100)
	for name, h := range map[string]string{
		"nothing": "", "unknown constructor": "46", "short number": "7001", "string longer than input": "a105" + "61", "no UTF-8": "a101ff",
		"count beyond the bytes": "d00000000500ffffff41", "odd map": "c1030141", "array of many nothings": "f00000000500ffffff40",
		"nested too deep": deep, "size below the count's own": "c000", "array without constructor": "e00101", "unknown array": "e5020140",
	} {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(name, err)
		}
		if v, _, err := amqp.Decode(b); !errors.Is(err, amqp.ErrMalformed) {
			t.Errorf("%s: decoded to %v, %v", name, v, err)
		}
	}
}

func performatives() []amqp.Performative {
	n, c, z := uint32(7), uint16(3), uint32(0)
	at := raw("005328" + "c00401a10171")
	fail := &amqp.Error{Condition: "amqp:not-found", Description: "no q", Info: amqp.Map{{Key: amqp.Symbol("a"), Value: "b"}}}
	return []amqp.Performative{
		&amqp.Open{ContainerID: "c", MaxFrameSize: 512, ChannelMax: 9, IdleTimeout: 1000, Properties: amqp.Map{{Key: amqp.Symbol("p"), Value: "v"}}},
		&amqp.Begin{RemoteChannel: &c, NextOutgoingID: 1, IncomingWindow: 2, OutgoingWindow: 3, HandleMax: 4},
		&amqp.Open{}, &amqp.Begin{}, // zero, not absent
		&amqp.Attach{Name: "l", Handle: 1, Receiver: true, SenderMode: 2, ReceiverMode: 1, Source: at, InitialDeliveryCount: &z, MaxMessageSize: 10},
		&amqp.Flow{NextIncomingID: &n, IncomingWindow: 1, NextOutgoingID: 2, OutgoingWindow: 3, Handle: &z, DeliveryCount: &n, LinkCredit: &n, Drain: true, Echo: true},
		&amqp.Transfer{Handle: 1, DeliveryID: &z, DeliveryTag: []byte{1}, MessageFormat: &z, Settled: true, More: true, Aborted: true},
		&amqp.Disposition{Receiver: true, First: 1, Last: &n, Settled: true, State: &amqp.Rejected{Error: fail}},
		&amqp.Disposition{State: &amqp.Modified{DeliveryFailed: true, Annotations: amqp.Map{}}},
		&amqp.Disposition{State: &amqp.Accepted{}},
		&amqp.Detach{Handle: 1, Closed: true, Error: fail}, &amqp.End{Error: fail}, &amqp.Close{},
		&amqp.SASLMechanisms{Mechanisms: amqp.ArrayOf([]amqp.Symbol{"ANONYMOUS"})}, &amqp.SASLInit{Mechanism: "PLAIN", Response: []byte("\x00name\x00key")}, &amqp.SASLOutcome{Outcome: 1},
	}
}

func TestFramesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	for _, p := range performatives() {
		b := amqp.AppendFrame(nil, amqp.Frame{Channel: 5, Body: []byte("payload")}, p)
		f, err := amqp.ReadFrame(bytes.NewReader(b), uint32(len(b)), nil)
		if err != nil || f.Channel != 5 {
			t.Fatalf("%T: %v on channel %d", p, err, f.Channel)
		}
		got, rest, err := f.Performative()
		if err != nil || string(rest) != "payload" {
			t.Errorf("%T: %v, payload %q", p, err, rest)
		}
		if d := cmp.Diff(p, got); d != "" {
			t.Errorf("%T: %s", p, d)
		}
	}
}

func TestFramesBeyondTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	for _, h := range []string{"0000020102000000", "0000000402000000", "0000000801000000", "000000090a000000"} {
		b, _ := hex.DecodeString(h)
		if _, err := amqp.ReadFrame(bytes.NewReader(append(b, make([]byte, 1000)...)), 512, nil); !errors.Is(err, amqp.ErrMalformed) {
			t.Errorf("%s: %v", h, err)
		}
	}
}

func full() *amqp.Message {
	priority, ttl := uint8(4), uint32(60000)
	return &amqp.Message{Header: amqp.Header{Durable: true, Priority: &priority, TTL: &ttl, DeliveryCount: 3},
		DeliveryAnnotations: amqp.PackMap(amqp.Map{{Key: amqp.Symbol("d"), Value: int64(1)}}),
		Annotations:         amqp.PackMap(amqp.Map{{Key: amqp.Symbol("x-opt-scheduled-enqueue-time"), Value: amqp.TimestampOf(time.UnixMilli(5000))}}),
		Properties:          amqp.Pack("id", nil, "to", nil, "reply"), Application: amqp.PackMap(amqp.Map{{Key: "k", Value: int32(2)}}),
		Body: amqp.AppendValue(nil, "body"), Footer: raw("005378" + "c10502" + "a30166" + "41")}
}

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	want := full()
	got, err := amqp.ParseMessage(want.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(amqp.Packed{}), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	if got.ID() != "id" || got.ReplyTo() != "reply" || got.Value() != "body" ||
		!got.TimeAnnotation("x-opt-scheduled-enqueue-time").Equal(time.UnixMilli(5000)) {
		t.Errorf("%q %q %v", got.ID(), got.ReplyTo(), got.Value())
	}
}

func TestElementsOfArraysAndLists(t *testing.T) {
	t.Parallel()
	longs := []int64{1, -2, 1 << 40}
	for name, v := range map[string]any{"array": amqp.ArrayOf(longs), "list": amqp.List{int64(1), int64(-2), int64(1 << 40)}} {
		got, ok := amqp.Elements[int64](v)
		if d := cmp.Diff(longs, got); d != "" || !ok {
			t.Errorf("%s: %v %s", name, ok, d)
		}
	}
	if got, ok := amqp.Elements[int64](raw("e0040255" + "01ff")); !ok || !cmp.Equal(got, []int64{1, -1}) { // as other clients write it
		t.Errorf("%v %v", got, ok)
	}
	for _, v := range []any{nil, "text", amqp.Map{}, amqp.ArrayOf([]string{"a"}), amqp.List{int64(1), "a"}, raw("723fc00000"),
		raw("e00603" + "00a30164" + "40"), raw("e0060172" + "3fc00000")} {
		if got, ok := amqp.Elements[int64](v); ok {
			t.Errorf("%v has the elements %v", v, got)
		}
	}
}

func TestSourcesAndTargetsTellAddressAndFilter(t *testing.T) {
	t.Parallel()
	filters := amqp.Map{{Key: amqp.Symbol("com.microsoft:session-filter"), Value: raw("00a30173" + "a10169")}}
	source := amqp.Raw(amqp.Append([]byte{0x00, 0x53, 0x28}, amqp.List{"q", nil, nil, nil, nil, nil, nil, filters}))
	if a, f := amqp.Address(source), amqp.Filter(source, "com.microsoft:session-filter"); a != "q" || f == nil {
		t.Errorf("%q %v", a, f)
	}
	for _, v := range []any{nil, amqp.List{"q"}, raw("005328" + "45"), raw("005328" + "40"), raw("a10171")} {
		if a, f := amqp.Address(v), amqp.Filter(v, "x"); a != "" || f != nil {
			t.Errorf("%v: %q %v", v, a, f)
		}
	}
}

func TestPackedMapsChangeLikeMaps(t *testing.T) {
	t.Parallel()
	m := amqp.Map{{Key: "a", Value: int64(1)}, {Key: amqp.Symbol("b"), Value: "x"}, {Key: int64(3), Value: nil}}
	p := amqp.PackMap(m)
	for name, c := range map[string]struct {
		got  amqp.Packed
		want amqp.Map
	}{
		"unchanged": {p, m},
		"added":     {p.Add(amqp.Pair{Key: "c", Value: true}), append(m[:3:3], amqp.Pair{Key: "c", Value: true})},
		"replaced":  {p.With("a", "new"), amqp.Map{m[1], m[2], {Key: "a", Value: "new"}}},
		"without":   {p.Without("a", "b", "nothing"), m[2:]},
	} {
		if d := cmp.Diff(c.want, c.got.Map()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestMessageIDsOfAnyTypeAndNone(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]*amqp.Message{"": {}, "7": {Properties: amqp.Pack(uint64(7))}, "id": {Properties: amqp.Pack("id", "user")}} {
		if got := m.ID(); got != want {
			t.Errorf("id %q, want %q", got, want)
		}
		m.SetID("new")
		if m.ID() != "new" {
			t.Errorf("id %q", m.ID())
		}
	}
}

// size is about the memory that a decoded value takes.
func size(v any) int {
	n := 16
	switch v := v.(type) {
	case string:
		n += len(v)
	case amqp.Symbol:
		n += len(v)
	case amqp.List:
		for _, e := range v {
			n += size(e)
		}
	case amqp.Map:
		for _, p := range v {
			n += size(p.Key) + size(p.Value)
		}
	}
	return n
}

// What decodes must encode to something that decodes to the same, and take no more than a small multiple of its bytes.
func FuzzDecode(f *testing.F) {
	for _, v := range values() {
		f.Add(amqp.Append(nil, v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, _, err := amqp.Decode(b)
		if err != nil {
			return
		}
		if n := size(v); n > 64*len(b) {
			t.Errorf("%d bytes became %d", len(b), n)
		}
		amqp.Elements[int64](v)
		amqp.Address(v)
		amqp.Filter(v, "f")
		once := amqp.Append(nil, v)
		again, rest, err := amqp.Decode(once)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%x became %x: %v, %d left", b, once, err, len(rest))
		}
		if twice := amqp.Append(nil, again); !bytes.Equal(once, twice) { // bytes, since NaN differs from itself
			t.Errorf("%x became %x, then %x", b, once, twice)
		}
	})
}

func FuzzFrame(f *testing.F) {
	for _, p := range performatives() {
		f.Add(amqp.AppendFrame(nil, amqp.Frame{}, p))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := amqp.ReadFrame(bytes.NewReader(b), 65536, nil)
		if err != nil {
			return
		}
		p, _, err := frame.Performative()
		if err != nil || p == nil {
			return
		}
		once := amqp.AppendFrame(nil, amqp.Frame{}, p)
		frame, err = amqp.ReadFrame(bytes.NewReader(once), 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := frame.Performative()
		if err != nil {
			t.Fatalf("%x became %x: %v", b, once, err)
		}
		if twice := amqp.AppendFrame(nil, amqp.Frame{}, again); !bytes.Equal(once, twice) {
			t.Errorf("%x became %x, then %x", b, once, twice)
		}
	})
}

func FuzzBatch(f *testing.F) {
	one := full().Append(nil)
	f.Add(append(amqp.Append([]byte{0x00, 0x53, 0x75}, one), amqp.Append([]byte{0x00, 0x53, 0x75}, one)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := amqp.Batch(b)
		if err != nil {
			return
		}
		total := 0
		for _, m := range all {
			total += len(m)
			amqp.ParseMessage(m)
		}
		if total > len(b) {
			t.Errorf("%d bytes hold messages of %d", len(b), total)
		}
	})
}

func FuzzMessage(f *testing.F) {
	f.Add(full().Append(nil))
	f.Add((&amqp.Message{}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := amqp.ParseMessage(b)
		if err != nil {
			return
		}
		m.Value()
		m.ID()
		m.ReplyTo()
		if changed := m.Application.With("k", "v"); changed.Get("k") != "v" {
			t.Errorf("%x: the property k is %v", b, changed.Get("k"))
		}
		once := m.Append(nil)
		again, err := amqp.ParseMessage(once)
		if err != nil {
			t.Fatalf("%x became %x: %v", b, once, err)
		}
		if twice := again.Append(nil); !bytes.Equal(once, twice) {
			t.Errorf("%x became %x, then %x", b, once, twice)
		}
	})
}
