package relay_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestEventsOfEachKind gives the relay one event of each kind and compares what comes of it: answer, blobs, failures.
func TestEventsOfEachKind(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob(filepath.Join("testdata", "events", "*.json"))
	if err != nil || len(samples) < 20 {
		t.Fatalf("%d samples: %v", len(samples), err)
	}
	for _, sample := range samples {
		t.Run(strings.TrimSuffix(filepath.Base(sample), ".json"), func(t *testing.T) {
			t.Parallel()
			payload, err := os.ReadFile(sample)
			if err != nil {
				t.Fatal(err)
			}
			got := newWorld(t).outcome(t, payload)
			golden := strings.TrimSuffix(sample, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func (w *world) outcome(t *testing.T, payload []byte) string {
	t.Helper()
	var b strings.Builder
	if answer, err := w.Handle(t.Context(), payload); err != nil {
		fmt.Fprintf(&b, "error: %v\n", err)
	} else {
		fmt.Fprintf(&b, "answer: %s\n", answer)
	}
	for _, container := range []string{"inbox-acme", "inbox-acme-vip"} {
		for info, err := range w.blobs.List(t.Context(), container, "") {
			if err != nil {
				t.Fatal(err)
			}
			_, p, err := w.blobs.Look(t.Context(), container, info.Path)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "\nblob %s/%s, %d bytes, %s\n", container, info.Path, info.Size, p.ContentType)
			for _, name := range slices.Sorted(maps.Keys(p.Metadata)) {
				fmt.Fprintf(&b, "  %s: %s\n", name, p.Metadata[name])
			}
		}
	}
	for _, f := range w.letters.kept {
		raw, err := json.MarshalIndent(f, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\nfailure %s\n", raw)
	}
	return b.String()
}
