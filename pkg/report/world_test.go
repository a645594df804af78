package report_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/report"
	"guestlist/pkg/work"
)

var update = flag.Bool("update", false, "write the golden files anew")

const importID = "0123456789abcdef0123"

// world is one import whose entries have ended, with its work files.
type world struct {
	t      *testing.T
	now    time.Time
	ledger *memledger.Store
	blobs  *memblob.Store
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.FixedZone("CET", 3600))}
	clock := func() time.Time { return w.now }
	w.ledger, w.blobs = memledger.New(clock), memblob.New("acct", clock)
	return w
}

// imports adds the import, received at 08:00 UTC; it has run unless i says otherwise.
func (w *world) imports(i ledger.Import) {
	w.t.Helper()
	i.ID, i.Source, i.Path, i.ETag, i.Created, i.Run = importID, "partners", "2026/autumn fair.csv", "0x8D1", w.now, "1-abc"
	i.Revision = max(1, i.Revision)
	if i.State == "" {
		i.State = ledger.Running
	}
	if _, _, err := w.ledger.CreateImport(w.t.Context(), i); err != nil {
		w.t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
}

// files writes the work files of the import as a stage does.
func (w *world) files(header []string, rows ...work.Row) {
	w.t.Helper()
	out := work.NewWriter(w.t.Context(), w.blobs, w.get().Work())
	defer out.Abort()
	for _, r := range rows {
		if err := out.Add(r); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := out.Header(header); err != nil {
		w.t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) entries(all ...ledger.Entry) {
	w.t.Helper()
	for n := range all {
		all[n].Import, all[n].Notify.State = importID, ledger.Ended
	}
	if _, err := w.ledger.InsertEntries(w.t.Context(), all); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) change(change func(*ledger.Import)) {
	w.t.Helper()
	_, err := w.ledger.UpdateImport(w.t.Context(), importID, func(i *ledger.Import) error { change(i); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) get() ledger.Import {
	w.t.Helper()
	i, err := w.ledger.Import(w.t.Context(), importID)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

func ask() message.Message { return message.NewReport(message.Message{Import: importID}) }

// report does one report message.
func (w *world) report() {
	w.t.Helper()
	if err := (&report.Step{Ledger: w.ledger, Blobs: w.blobs}).Do(w.t.Context(), ask()); err != nil {
		w.t.Fatal(err)
	}
}

// results returns the blobs of container results by path.
func (w *world) results() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for b, err := range w.blobs.List(w.t.Context(), report.Container, "") {
		if err != nil {
			w.t.Fatal(err)
		}
		r, _, err := w.blobs.Open(w.t.Context(), b.Container, b.Path, "")
		if err != nil {
			w.t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			w.t.Fatal(err)
		}
		all[b.Path] = string(raw)
	}
	return all
}

// one returns the one result whose path ends so.
func (w *world) one(suffix string) string {
	w.t.Helper()
	var hits []string
	for path, content := range w.results() {
		if strings.HasSuffix(path, suffix) {
			hits = append(hits, content)
		}
	}
	if len(hits) != 1 {
		w.t.Fatalf("%d results end with %s, want one", len(hits), suffix)
	}
	return hits[0]
}

// golden compares all results with testdata/name.
func (w *world) golden(name string) {
	w.t.Helper()
	var got strings.Builder
	for _, suffix := range []string{".result.csv", ".failed.csv", ".summary.json"} {
		for path, content := range w.results() {
			if strings.HasSuffix(path, suffix) {
				fmt.Fprintf(&got, "== %s\n%s", path, content)
			}
		}
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o666); err != nil {
			w.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		w.t.Errorf("%s, -want +got:\n%s", file, diff)
	}
}

func group(id string, s ledger.Step) ledger.Target {
	return ledger.Target{Kind: ledger.Group, ID: id, Name: "Group " + id, Step: s}
}

func ended(o ledger.Outcome, why ...message.Failure) ledger.Step {
	s := ledger.Step{Generation: 1, State: ledger.Ended, Outcome: o}
	for _, f := range why {
		s.Code, s.Text, s.Request = f.Code, f.Text, f.Request
	}
	return s
}

// faulty is a store that fails to create or open some paths, or fails at Close.
type faulty struct {
	*memblob.Store
	write, read string // patterns of names
	err         error
}

func (f faulty) Create(ctx context.Context, container, path string) blobstore.Writer {
	w := f.Store.Create(ctx, container, path)
	if ok, _ := filepath.Match(f.write, filepath.Base(path)); ok {
		return faultyWriter{w, f.err}
	}
	return w
}

func (f faulty) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	if ok, _ := filepath.Match(f.read, filepath.Base(path)); ok {
		return nil, blobstore.Info{}, f.err
	}
	return f.Store.Open(ctx, container, path, etag)
}

type faultyWriter struct {
	blobstore.Writer
	err error
}

func (f faultyWriter) Close() error { f.Abort(); return f.err }
