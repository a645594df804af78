package plan_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// TestFilesThatChange changes a file of version a between its event and the first read, after part of it was read, and
// after all of it was read. Every version that is the last content is imported once, and none is mixed with another.
func TestFilesThatChange(t *testing.T) {
	t.Parallel()
	changed, deleted := "superseded file.changed", "superseded file.deleted"
	for name, c := range map[string]struct {
		act                   func(w *world) []message.Message // and the events that it raises
		before, during, after []string
	}{
		"replaced": {
			func(w *world) []message.Message { return []message.Message{w.put("a.csv", version("b"))} },
			[]string{"running b", changed}, []string{"running b", changed}, []string{"running a", "running b"},
		},
		"replaced_twice": {
			func(w *world) []message.Message {
				return []message.Message{w.put("a.csv", version("b")), w.put("a.csv", version("c"))}
			},
			[]string{"running c", changed, changed}, []string{"running c", changed, changed}, []string{"running a", "running c", changed},
		},
		"metadata_touched": {
			func(w *world) []message.Message { w.touch("a.csv"); return nil },
			[]string{"running a", changed}, []string{"running a", changed}, []string{"running a"},
		},
		"tier_tags_and_lease": {
			func(w *world) []message.Message { w.quietly("a.csv"); return nil },
			[]string{"running a"}, []string{"running a"}, []string{"running a"},
		},
		"deleted": {
			func(w *world) []message.Message { w.must(w.blobs.Delete(w.t.Context(), w.inbox, "a.csv")); return nil },
			[]string{deleted}, []string{deleted}, []string{"running a"},
		},
		"deleted_and_dropped_again": {
			func(w *world) []message.Message {
				w.must(w.blobs.Delete(w.t.Context(), w.inbox, "a.csv"))
				return []message.Message{w.put("a.csv", version("a"))}
			},
			[]string{"running a", changed}, []string{"running a", changed}, []string{"running a", "running a"},
		},
		"emptied_and_filled": {
			func(w *world) []message.Message {
				return []message.Message{w.put("a.csv", ""), w.put("a.csv", version("b"))}
			},
			[]string{"running b", changed, changed}, []string{"running b", changed, changed}, []string{"running a", "running b", changed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for moment, want := range map[string][]string{"before_it_is_read": c.before, "while_it_is_read": c.during, "after_it_was_read": c.after} {
				t.Run(moment, func(t *testing.T) {
					t.Parallel()
					storages(t, func(t *testing.T, w *world) {
						first := w.put("a.csv", version("a"))
						switch moment {
						case "before_it_is_read":
							later := c.act(w)
							w.settled(append([]message.Message{first}, later...)...)
						case "while_it_is_read":
							var later []message.Message
							w.plan.Blobs = &during{Blobs: w.blobs, inbox: w.inbox, after: len(header) + 100, act: func() { later = c.act(w) }}
							w.settled(first)
							w.settled(later...)
						default:
							w.until(ledger.Planning, first)
							later := c.act(w)
							w.rest()
							w.settled(later...)
						}
						if diff := cmp.Diff(want, w.outcome()); diff != "" {
							t.Errorf("imports (-want +got):\n%s", diff)
						}
					})
				})
			}
		})
	}
}

// TestEmptyFileThatIsFilledLater reads the empty file in time: it is rejected, and its content has an import of its own.
func TestEmptyFileThatIsFilledLater(t *testing.T) {
	t.Parallel()
	storages(t, func(t *testing.T, w *world) {
		w.settled(w.put("a.csv", ""))
		w.settled(w.put("a.csv", version("b")))
		if got := w.outcome(); !slices.Equal(got, []string{"rejected file.empty", "running b"}) {
			t.Errorf("imports: %v", got)
		}
	})
}

// TestVersionsInAnyOrder delivers the events of three versions, some of them twice, and what they lead to, in a hundred
// random orders: the last version is imported once, the others end as superseded.
func TestVersionsInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		w := newWorld(t)
		w.allow(nil)
		random := rand.New(rand.NewPCG(seed, 0))
		w.queue = []message.Message{w.put("a.csv", version("a")), w.put("a.csv", version("b")), w.put("a.csv", version("c"))}
		w.queue = append(w.queue, w.queue[random.IntN(3)], w.queue[random.IntN(3)])
		for len(w.queue) > 0 {
			n := random.IntN(len(w.queue))
			next := w.queue[n]
			w.queue = slices.Delete(w.queue, n, n+1)
			w.must(w.one(next))
		}
		if got := w.outcome(); !slices.Equal(got, []string{"running c", "superseded file.changed", "superseded file.changed"}) {
			t.Errorf("seed %d: %v", seed, got)
		}
	}
}
