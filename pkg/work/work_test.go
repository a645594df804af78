package work_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/work"
)

const importID = "0123456789abcdef0123"

func newStore() *memblob.Store {
	return memblob.New("acct", func() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) })
}

// guestOf returns a guest key that lies in the part.
func guestOf(part int) string { return fmt.Sprintf("%02x", part<<2) + strings.Repeat("0", 30) }

func good(line, part int) work.Row { return work.Row{Line: line, Guest: guestOf(part)} }

func bad(line int) work.Row {
	return work.Row{Line: line, Problems: []message.Failure{{Code: "email.invalid", Text: "Correct it."}}}
}

// write writes the work files of an import as a stage does.
func write(t *testing.T, blobs work.Blobs, header []string, rows ...work.Row) {
	t.Helper()
	w := work.NewWriter(t.Context(), blobs, importID)
	defer w.Abort()
	for _, r := range rows {
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Header(header); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, blobs work.Blobs, part int) (all []work.Row) {
	t.Helper()
	for r, err := range work.Rows(t.Context(), blobs, importID, part) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// parts returns the numbers of the parts that have rows.
func parts(t *testing.T, blobs work.Blobs) (all []int) {
	t.Helper()
	has, err := work.Parts(t.Context(), blobs, importID)
	if err != nil {
		t.Fatal(err)
	}
	for n, ok := range has {
		if ok {
			all = append(all, n)
		}
	}
	return all
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	header := []string{"Email", "Anzeige\nname", "=HYPERLINK(1)"}
	full := work.Row{Line: 2, Cells: []string{"ana@partner.example", "“Ana” — Ünal\r\nzwei <b>&", ""}, Guest: guestOf(63),
		Address: "ana@partner.example", DisplayName: "Ana", Text: "one\ntwo\u2028three", RedirectURL: "https://apps.example/?a=1&b=<2>",
		CC: "bo@partner.example", Language: "pt-BR",
		Targets: []ledger.Target{
			{Kind: ledger.Group, ID: "g", Name: "Partners", Step: ledger.Step{State: ledger.Ended, Outcome: ledger.Rejected, Code: "target.forbidden", Text: "no"}},
			{Kind: ledger.Application, ID: "a", Object: "sp", Role: "role"}},
		Warnings: []message.Failure{{Code: "name.missing", Text: "There is none."}}}
	refused := work.Row{Line: 3, Cells: []string{"", "", "\x00"}, Problems: []message.Failure{{Code: "email.missing", Text: "Add it.", Request: "r"}},
		Warnings: []message.Failure{{Code: "w", Text: "x"}}}
	write(t, blobs, header, full, refused)

	got, err := work.Header(t.Context(), blobs, importID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(header, got); diff != "" {
		t.Errorf("header, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]work.Row{full}, read(t, blobs, 63)); diff != "" {
		t.Errorf("part 63, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]work.Row{refused}, read(t, blobs, work.Rejected)); diff != "" {
		t.Errorf("rejected rows, -want +got:\n%s", diff)
	}
}

func TestPartsKeepTheOrderOfTheUpload(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	want := map[int][]int{}
	var rows []work.Row
	for line := 2; line < 1500; line++ {
		part := line * 37 % (ledger.Parts + 1)
		r := bad(line)
		if part != work.Rejected {
			r = good(line, part)
		}
		rows, want[part] = append(rows, r), append(want[part], line)
	}
	write(t, blobs, nil, rows...)
	for part := range ledger.Parts + 1 {
		var got []int
		for _, r := range read(t, blobs, part) {
			got = append(got, r.Line)
		}
		if diff := cmp.Diff(want[part], got); diff != "" {
			t.Errorf("part %d, -want +got:\n%s", part, diff)
		}
	}
}

func TestPartsAreThoseWithGoodRows(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	if got := parts(t, blobs); got != nil {
		t.Errorf("before anything was written: %v", got)
	}
	write(t, blobs, nil, good(2, 63), bad(3), good(4, 0), good(5, 9), good(6, 63))
	if diff := cmp.Diff([]int{0, 9, 63}, parts(t, blobs)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestARepeatedStageLeavesOnlyItsOwnFiles(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	put(t, blobs, importID+"0/part-05.jsonl", "another import whose id begins alike")
	write(t, blobs, []string{"Email"}, good(2, 1), good(3, 2), bad(4))
	put(t, blobs, work.Path(importID, "report-r1-02.jsonl"), "{}")
	write(t, blobs, []string{"Email"}, good(3, 2), good(4, 3))
	var got []string
	for b, err := range blobs.List(t.Context(), work.Container, "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Path)
	}
	want := []string{importID + "/header.json", importID + "/part-02.jsonl", importID + "/part-03.jsonl", importID + "0/part-05.jsonl"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files after a second stage that judged otherwise, -want +got:\n%s", diff)
	}
	if n := len(read(t, blobs, 2)); n != 1 {
		t.Errorf("%d rows in part 2, want 1: files are overwritten, not appended to", n)
	}
}

func put(t *testing.T, blobs work.Blobs, path, content string) {
	t.Helper()
	b := blobs.Create(t.Context(), work.Container, path)
	if _, err := io.WriteString(b, content); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsVisibleBeforeClose(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	w := work.NewWriter(t.Context(), blobs, importID)
	for _, r := range []work.Row{good(2, 1), bad(3)} {
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, when := range []string{"written", "aborted"} {
		if got, rejected := parts(t, blobs), read(t, blobs, work.Rejected); got != nil || rejected != nil {
			t.Errorf("%s: parts %v, rejected %v; want nothing to be seen", when, got, rejected)
		}
		w.Abort()
	}
}

func TestAbortAfterCloseDoesNothing(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	write(t, blobs, []string{"Email"}, good(2, 7)) // write aborts at its end
	if got := parts(t, blobs); !cmp.Equal(got, []int{7}) {
		t.Errorf("parts %v, want [7]", got)
	}
}

func TestFilesThatAreMissingAreEmpty(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	header, err := work.Header(t.Context(), blobs, importID)
	if header != nil || err != nil {
		t.Errorf("header %v, %v; want none and no error", header, err)
	}
	for _, part := range []int{0, 63, work.Rejected} {
		if rows := read(t, blobs, part); rows != nil {
			t.Errorf("part %d: %v, want none", part, rows)
		}
	}
}

func TestReadingMayStopEarly(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	write(t, blobs, nil, good(2, 1), good(3, 1))
	n := 0
	for range work.Rows(t.Context(), blobs, importID, 1) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestDamagedFilesAreErrorsThatNameTheImport(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	put(t, blobs, work.Path(importID, "part-01.jsonl"), `{"line":2}`+"\n"+`{"line":3,"cel`)
	put(t, blobs, work.Path(importID, "header.json"), `["Email`)
	var lines []int
	var last error
	for r, err := range work.Rows(t.Context(), blobs, importID, 1) {
		if last = err; err == nil {
			lines = append(lines, r.Line)
		}
	}
	if !errors.Is(last, io.ErrUnexpectedEOF) || !strings.Contains(last.Error(), importID) || !cmp.Equal(lines, []int{2}) {
		t.Errorf("lines %v, then %v; want line 2, then an error with the import's id", lines, last)
	}
	if _, err := work.Header(t.Context(), blobs, importID); err == nil || !strings.Contains(err.Error(), importID) {
		t.Errorf("header: %v, want an error with the import's id", err)
	}
}

var errStorage = errors.New("503 server busy")

// broken is a store that fails to do some things.
type broken struct {
	*memblob.Store
	list, open, del bool
	write           string // path whose Close fails
}

func (b broken) List(ctx context.Context, container, prefix string) iter.Seq2[blobstore.Info, error] {
	if b.list {
		return func(yield func(blobstore.Info, error) bool) { yield(blobstore.Info{}, errStorage) }
	}
	return b.Store.List(ctx, container, prefix)
}

func (b broken) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	if b.open {
		return nil, blobstore.Info{}, errStorage
	}
	return b.Store.Open(ctx, container, path, etag)
}

func (b broken) Delete(ctx context.Context, container, path string) error {
	if b.del {
		return errStorage
	}
	return b.Store.Delete(ctx, container, path)
}

func (b broken) Create(ctx context.Context, container, path string) blobstore.Writer {
	w := b.Store.Create(ctx, container, path)
	if path == b.write {
		return brokenWriter{w}
	}
	return w
}

type brokenWriter struct{ blobstore.Writer }

func (brokenWriter) Close() error { return errStorage }

func TestStorageErrorsWhileReadingAreNotTakenForMissingFiles(t *testing.T) {
	t.Parallel()
	blobs := broken{Store: newStore(), list: true, open: true}
	if _, err := work.Parts(t.Context(), blobs, importID); !errors.Is(err, errStorage) {
		t.Errorf("Parts: %v", err)
	}
	if _, err := work.Header(t.Context(), blobs, importID); !errors.Is(err, errStorage) {
		t.Errorf("Header: %v", err)
	}
	n := 0
	for _, err := range work.Rows(t.Context(), blobs, importID, 1) {
		if n++; !errors.Is(err, errStorage) {
			t.Errorf("Rows: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("Rows yielded %d times, want once", n)
	}
}

// TestWritingAllAgainMendsAnError repeats a stage whose storage failed at each place in turn.
func TestWritingAllAgainMendsAnError(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]broken{
		"list": {list: true}, "delete": {del: true}, "part": {write: work.Path(importID, "part-02.jsonl")},
	} {
		store := newStore()
		write(t, store, []string{"Email"}, good(2, 1), bad(3))
		fault.Store = store
		w := work.NewWriter(t.Context(), fault, importID)
		if err := w.Add(good(2, 2)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); !errors.Is(err, errStorage) {
			t.Errorf("%s: Close: %v, want the storage's error", name, err)
		}
		w.Abort()
		write(t, store, []string{"Email"}, good(2, 2))
		if got := parts(t, store); !cmp.Equal(got, []int{2}) || read(t, store, work.Rejected) != nil {
			t.Errorf("%s: parts %v and rejected rows %v after writing again, want part 2 only", name, got, read(t, store, work.Rejected))
		}
	}
}

func TestHeaderThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	blobs := broken{Store: newStore(), write: work.Path(importID, "header.json")}
	if err := work.NewWriter(t.Context(), blobs, importID).Header([]string{"Email"}); !errors.Is(err, errStorage) {
		t.Errorf("got %v", err)
	}
}
