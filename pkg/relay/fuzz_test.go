package relay_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzHandle gives the relay anything: it answers or fails, never panics, names only messages that were there, and what it
// reports can be written as JSON and has a code.
func FuzzHandle(f *testing.F) {
	samples, err := filepath.Glob(filepath.Join("testdata", "events", "*.json"))
	if err != nil || len(samples) == 0 {
		f.Fatalf("%d samples: %v", len(samples), err)
	}
	for _, sample := range samples {
		raw, err := os.ReadFile(sample)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		w := newWorld(t)
		answer, err := w.Handle(t.Context(), payload)
		if err == nil {
			var a struct {
				BatchItemFailures []struct{ ItemIdentifier string }
			}
			if err := json.Unmarshal(answer, &a); err != nil {
				t.Errorf("answer %s: %v", answer, err)
			}
			for _, item := range a.BatchItemFailures {
				if id, _ := json.Marshal(item.ItemIdentifier); !json.Valid(payload) || !strings.Contains(strings.ToLower(string(payload)), "messageid") {
					t.Errorf("failed message %s was not in the batch", id)
				}
			}
		}
		for _, l := range w.letters.kept {
			if _, err := json.Marshal(l); err != nil || l.Response.Code == "" || l.Response.Text == "" {
				t.Errorf("reported %+v: %v", l, err)
			}
		}
	})
}
