package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"guestlist/pkg/local/eventgrid"
	"guestlist/pkg/message"
)

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
