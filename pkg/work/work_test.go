package work_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/work"
)

const folder = "0123456789abcdef0123/1-abc"

func newStore() *memblob.Store {
	return memblob.New("acct", func() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) })
}

// guestOf returns a guest key that lies in the part.
func guestOf(part int) string { return fmt.Sprintf("%02x", part<<2) + strings.Repeat("0", 30) }

func good(line, part int) work.Row { return work.Row{Line: line, Guest: guestOf(part)} }

func bad(line int) work.Row {
	return work.Row{Line: line, Problems: []message.Failure{{Code: "email.invalid", Text: "Correct it."}}}
}

// write writes the files of one reading as a stage does.
func write(t *testing.T, blobs work.Blobs, header []string, rows ...work.Row) {
	t.Helper()
	w := work.NewWriter(t.Context(), blobs, folder)
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
	for r, err := range work.Rows(t.Context(), blobs, folder, part) {
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
	has, err := work.Parts(t.Context(), blobs, folder)
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

	got, err := work.Header(t.Context(), blobs, folder)
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

func TestReadingsInFoldersOfTheirOwnDoNotMix(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	put(t, blobs, folder+"0/part-05.jsonl", "another reading whose name begins alike")
	write(t, blobs, []string{"Email"}, good(2, 1), good(3, 2))
	if diff := cmp.Diff([]int{1, 2}, parts(t, blobs)); diff != "" {
		t.Errorf("parts, -want +got:\n%s", diff)
	}
	for _, other := range []string{folder + "0", folder + "1"} {
		header, err := work.Header(t.Context(), blobs, other)
		if err != nil || header != nil {
			t.Errorf("header of %s: %v, %v; want none", other, header, err)
		}
	}
}

func TestWritingAgainReplacesTheRows(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	write(t, blobs, []string{"Email"}, good(2, 1), good(3, 1))
	write(t, blobs, []string{"Mail"}, good(3, 1))
	header, err := work.Header(t.Context(), blobs, folder)
	if got := read(t, blobs, 1); len(got) != 1 || got[0].Line != 3 || err != nil || !cmp.Equal(header, []string{"Mail"}) {
		t.Errorf("rows %v, header %v, %v; want those of the second writer only", got, header, err)
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
	w := work.NewWriter(t.Context(), blobs, folder)
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
	header, err := work.Header(t.Context(), blobs, folder)
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
	for range work.Rows(t.Context(), blobs, folder, 1) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}
