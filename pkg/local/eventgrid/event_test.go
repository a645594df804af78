package eventgrid_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/eventgrid"
)

var update = flag.Bool("update", false, "rewrite the golden events in testdata")

var sample = eventgrid.Blob{
	Account:     "contoso",
	Endpoint:    "https://contoso.blob.core.windows.net/",
	Container:   "inbox-partners",
	Path:        "2026/11/new guests & friends.csv",
	ETag:        "0x8DE2B3C4D5E6F70",
	API:         eventgrid.PutBlockList,
	ContentType: "text/csv; charset=utf-8",
	Type:        "BlockBlob",
	Length:      1234,
	Time:        time.Date(2026, time.November, 24, 10, 11, 12, 345678900, time.UTC),
	Sequence:    0x1869b1f2c3d4e5f6,
}

func created() eventgrid.Blob {
	b := sample
	b.API, b.Length, b.ETag = eventgrid.CreateFile, 0, "0x8DE2B3C4D5E6F00"
	return b
}

func TestEventsLookLikeTheGoldenOnes(t *testing.T) {
	t.Parallel()
	cases := map[string][]byte{
		"eventgrid.putblocklist.json":   eventgrid.Event(eventgrid.EventGrid, sample),
		"eventgrid.createfile.json":     eventgrid.Event(eventgrid.EventGrid, created()),
		"cloudevents.putblocklist.json": eventgrid.Event(eventgrid.CloudEvents, sample),
	}
	for name, got := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(golden, indented(t, got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(indented(t, got))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func indented(t *testing.T, body []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}

func TestAnEventIsOneLineOfJSON(t *testing.T) {
	t.Parallel()
	for _, schema := range []eventgrid.Schema{eventgrid.EventGrid, eventgrid.CloudEvents} {
		body := string(eventgrid.Event(schema, sample))
		if !strings.HasPrefix(body, "{") || strings.ContainsAny(body, "\n") || strings.Contains(body, `\u0026`) {
			t.Errorf("schema %d: %s", schema, body)
		}
	}
}

func TestTheIDIsThatOfOneEventOnly(t *testing.T) {
	t.Parallel()
	again := sample
	if sample.ID() != again.ID() {
		t.Error("the same event has two ids")
	}
	others := map[string]func(*eventgrid.Blob){
		"path":     func(b *eventgrid.Blob) { b.Path += "x" },
		"etag":     func(b *eventgrid.Blob) { b.ETag += "x" },
		"api":      func(b *eventgrid.Blob) { b.API = eventgrid.PutBlob },
		"sequence": func(b *eventgrid.Blob) { b.Sequence++ },
	}
	for name, change := range others {
		other := sample
		change(&other)
		if other.ID() == sample.ID() {
			t.Errorf("another %s, the same id", name)
		}
	}
}
