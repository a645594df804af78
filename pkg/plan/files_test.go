package plan_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/eventgrid"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/status"
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

// events returns the event about the present version of a blob in both schemas, as Event Grid puts them on a queue.
func (w *world) events(path string) (all []message.Message) {
	w.t.Helper()
	b := eventgrid.Blob{Account: w.blobs.Account(), Endpoint: "https://acct.blob.core.windows.net", Container: w.inbox, Path: path,
		ETag: w.etag(path), API: eventgrid.PutBlob, Type: "BlockBlob", Time: w.now}
	for _, schema := range []eventgrid.Schema{eventgrid.EventGrid, eventgrid.CloudEvents} {
		m, err := message.Decode(eventgrid.Event(schema, b), nil)
		w.must(err)
		all = append(all, m)
	}
	return all
}

// TestSameEventFiveTimesToSeveralWorkers delivers an event five times at once, in both schemas, to workers that share
// tables and blobs, and everything that follows five times too: without duplicate detection nothing is different.
func TestSameEventFiveTimesToSeveralWorkers(t *testing.T) {
	t.Parallel()
	w := newTables(t)
	w.allow(nil)
	w.put("a.csv", version("a"))
	events := w.events("a.csv")
	round := []message.Message{events[0], events[1], events[0], events[1], events[0]}
	for len(round) > 0 {
		w.atOnce(round)
		round, w.queue = w.queue, nil
		if len(round) > 0 {
			round = slices.Repeat(round[:1], 5)
		}
	}
	if got := w.outcome(); !slices.Equal(got, []string{"running a"}) {
		t.Errorf("imports: %v", got)
	}
	w.sent = nil
	w.settled(events...) // a late copy, when the import runs
	if i := w.only(); len(w.sent) != 0 {
		t.Errorf("a late event sent %d messages for an import that is %s", len(w.sent), i.State)
	}
}

// atOnce has a planner of its own work on each message, all at once.
func (w *world) atOnce(msgs []message.Message) {
	w.t.Helper()
	var wg sync.WaitGroup
	for _, m := range msgs {
		wg.Go(func() {
			err := w.planner().Do(w.t.Context(), m)
			if later, ok := errors.AsType[*message.Later](err); ok {
				w.t.Logf("%s: %s", m.Kind, later.Why)
				_ = w.Send(w.t.Context(), m)
			} else if err != nil {
				w.t.Errorf("%s: %v", m.Kind, err)
			}
		})
	}
	wg.Wait()
}

// TestNamesOfFiles drops files whose names need care in URLs, events and tables.
func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"percent":          "100%25 of 50%.csv",
		"plus_and_spaces":  "a+b c/ d .csv",
		"reserved":         "q?x=1&y#z;[1]@'\"~.csv",
		"unicode":          "Gäste/список/名簿 🎉.csv",
		"blobs_in_it":      "x/blobs/y/blobs/z.csv",
		"a_thousand_signs": strings.Repeat("folder/", 145) + "guests.cs",
		"no_suffix":        "guests",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storages(t, func(t *testing.T, w *world) {
				w.put(path, version("b"))
				w.settled(w.events(path)...)
				if i := w.only(); i.Path != path || !slices.Equal(w.outcome(), []string{"running b"}) {
					t.Errorf("path %q: %v", i.Path, w.outcome())
				}
			})
		})
	}
}

// TestEventsThatNeedCare posts events whose blob is not there, not yet there, or not for Guestlist.
func TestEventsThatNeedCare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		api, kind string
		container string
		want      []string
	}{
		"dropped_by_SFTP":     {"SftpCommit", "BlockBlob", "", []string{"running b"}},
		"flushed":             {"FlushWithClose", "BlockBlob", "", []string{"running b"}},
		"copied":              {"CopyBlob", "BlockBlob", "", []string{"running b"}},
		"in_blocks":           {"PutBlockList", "BlockBlob", "", []string{"running b"}},
		"SFTP_empty_first":    {"SftpCreate", "BlockBlob", "", nil},
		"SFTP_part_of_it":     {"SftpWrite", "BlockBlob", "", nil},
		"data_lake_empty":     {"CreateFile", "BlockBlob", "", nil},
		"append_blob":         {"PutBlob", "AppendBlob", "", []string{"rejected file.not-block-blob"}},
		"page_blob":           {"PutBlob", "PageBlob", "", []string{"rejected file.not-block-blob"}},
		"container_config":    {"PutBlob", "BlockBlob", "config", nil},
		"container_of_nobody": {"PutBlob", "BlockBlob", "inbox-Not_A_Source", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.allow(nil)
			e := w.put("a.csv", version("b"))
			raw := strings.Replace(string(e.Event), `"api":"PutBlob"`, fmt.Sprintf(`"api":%q,"blobType":%q`, c.api, c.kind), 1)
			if c.container != "" {
				raw = strings.Replace(raw, w.inbox, c.container, 1)
			}
			e.Event = json.RawMessage(raw)
			w.settled(e, e)
			var got []string
			for _, i := range w.imports() {
				got = append(got, string(i.State)+" "+i.Code+w.versions(i))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("imports %v, want %v", got, c.want)
			}
			if strings.HasPrefix(name, "append") && w.different(message.Report) == 0 {
				t.Error("nobody is told of the rejected file")
			}
		})
	}
}

// TestEventWithoutETagMeansThePresentVersion: nothing is lost for want of a property.
func TestEventWithoutETagMeansThePresentVersion(t *testing.T) {
	t.Parallel()
	storages(t, func(t *testing.T, w *world) {
		known := w.put("a.csv", version("b"))
		w.settled(w.event("SftpCommit", "a.csv", ""), known, w.event("SftpCommit", "gone.csv", ""))
		if got := w.outcome(); !slices.Equal(got, []string{"running b"}) {
			t.Errorf("imports: %v", got)
		}
	})
}

// refusing is a blob store that refuses uploads for a while.
type refusing struct {
	plan.Blobs
	inbox string
	times int
	err   error
}

func (r *refusing) refuse(container string) error {
	if container != r.inbox || r.times == 0 {
		return nil
	}
	r.times--
	return fmt.Errorf("open %s: %w", container, r.err)
}

func (r *refusing) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	if err := r.refuse(container); err != nil {
		return nil, blobstore.Info{}, err
	}
	return r.Blobs.Open(ctx, container, path, etag)
}

func (r *refusing) Stat(ctx context.Context, container, path string) (blobstore.Info, error) {
	if err := r.refuse(container); err != nil {
		return blobstore.Info{}, err
	}
	return r.Blobs.Stat(ctx, container, path)
}

// TestFileThatCannotBeReadYet: the event comes before a copy has its content, or the file lies in the archive tier, or
// storage is away. The file waits, status says for what, and it is imported once it can be read. A copy that has ended has
// another ETag.
func TestFileThatCannotBeReadYet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err         error
		says        string
		etagChanges bool
	}{
		"copy_before_content": {blobstore.ErrPending, "still being copied", true},
		"archived":            {blobstore.ErrArchived, "archive tier", false},
		"storage_away":        {errors.New("connection refused"), "blob storage cannot be reached", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storages(t, func(t *testing.T, w *world) {
				w.write(w.inbox, "a.csv", version("b"))
				e := w.event("CopyBlob", "a.csv", w.etag("a.csv"))
				w.plan.Blobs = &refusing{Blobs: w.blobs, inbox: w.inbox, times: 3, err: c.err}
				w.must(w.one(e))
				w.must(w.one(w.queue[0])) // puts itself off
				v, err := status.Find(t.Context(), w.ledger, w.only().ID)
				if err != nil || v.State != "staging" || v.Code != "stage.waiting" || !strings.Contains(v.Text, c.says) {
					t.Errorf("status says %+v, %v", v, err)
				}
				want := []string{"running b"}
				if c.etagChanges {
					w.touch("a.csv")
					want = append(want, "superseded file.changed")
				}
				w.queue = w.queue[1:]
				w.rest()
				if got := w.outcome(); !slices.Equal(got, want) {
					t.Errorf("imports: %v", got)
				}
			})
		})
	}
}

// TestArchivedFileIsReadWhenItIsBack moves a real blob into the archive and out of it.
func TestArchivedFileIsReadWhenItIsBack(t *testing.T) {
	t.Parallel()
	w := newAzurite(t)
	w.allow(nil)
	e := w.put("a.csv", version("b"))
	c := w.raw("a.csv")
	_, err := c.SetTier(t.Context(), blob.AccessTierArchive, nil)
	w.must(err)
	w.must(w.one(e))
	w.must(w.one(w.queue[0]))
	if i := w.only(); !strings.Contains(i.Text, "archive tier") {
		t.Errorf("import: %+v", i)
	}
	_, err = c.SetTier(t.Context(), blob.AccessTierHot, nil)
	w.must(err)
	w.rest()
	if got := w.outcome(); !slices.Equal(got, []string{"running b"}) {
		t.Errorf("imports: %v", got)
	}
}
