package report_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/work"
)

// TestRowsOfABrokenPlanSayWhyItBroke: no operator cancelled them.
func TestRowsOfABrokenPlanSayWhyItBroke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{State: ledger.Broken, Code: "attempts.exhausted", Text: "The plan could not be sent.", Rows: 1})
	w.files(header, row(2, "ana", nil))
	w.report()
	got := w.one(".result.csv")
	if strings.Contains(got, "cancelled") || !strings.Contains(got, "attempts.exhausted: The plan could not be sent.") {
		t.Errorf("result:\n%s", got)
	}
	if sum := w.summary(); sum.State != "failed" || sum.Outcomes[ledger.Failed] != 1 || sum.Reasons["attempts.exhausted"] != 1 {
		t.Errorf("summary %+v, want one failed row", sum)
	}
}

func TestNoFileToCorrectIfThereIsNothingToCorrect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{Rows: 1})
	w.files(header, row(2, "ana", nil))
	w.entries(entry("ana", []int{2}, ended(ledger.Done)))
	w.report()
	if n := len(w.results()); n != 2 {
		t.Errorf("%d results, want result and summary", n)
	}
	if sum := w.summary(); sum.ToCorrect != "" || w.results()[sum.Result] == "" || sum.Guests != 1 {
		t.Errorf("summary %+v", sum)
	}
}

func TestRowsOfAllPartsComeInTheOrderOfTheUpload(t *testing.T) {
	t.Parallel()
	const rows = 2000
	w := newWorld(t)
	w.imports(ledger.Import{Rows: rows})
	var all []work.Row
	var entries []ledger.Entry
	for line := 2; line < rows+2; line++ {
		if line%7 == 0 {
			all = append(all, work.Row{Line: line, Cells: []string{fmt.Sprint("line ", line)}, Problems: []message.Failure{{Code: "email.invalid"}}})
			continue
		}
		name := fmt.Sprint("guest", line)
		r := row(line, name, nil)
		r.Cells[0] = fmt.Sprint("line ", line)
		all, entries = append(all, r), append(entries, entry(name, []int{line}, ended(ledger.Done)))
	}
	w.files(header[:1], all...)
	w.entries(entries...)
	w.report()
	records, err := csv.NewReader(strings.NewReader(w.one(".result.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != rows+1 {
		t.Fatalf("%d records, want %d", len(records), rows+1)
	}
	for n, r := range records[1:] {
		if want := "line " + strconv.Itoa(n+2); r[0] != want {
			t.Fatalf("record %d is of %s, want %s", n, r[0], want)
		}
	}
	sum := w.summary()
	if sum.Outcomes[ledger.Rejected] != 285 || sum.Outcomes[ledger.Done] != 1715 || sum.Reasons["email.invalid"] != 285 {
		t.Errorf("summary %+v", sum)
	}
}

// TestResultsCanBeDroppedAgain reads the files as an upload, twice: the second time with the columns of two results.
func TestResultsCanBeDroppedAgain(t *testing.T) {
	t.Parallel()
	w := mixture(t)
	w.report()
	for suffix, want := range map[string]int{".result.csv": 13, ".failed.csv": 6} {
		names, cells := readAgain(t, w.one(suffix))
		if len(cells) != want {
			t.Errorf("%s: %d rows, want %d", suffix, len(cells), want)
		}
		for _, r := range cells {
			if strings.Contains(r[0], "HYPERLINK") && r[0] != `=HYPERLINK("http://evil")` {
				t.Errorf("%s: the cell came back as %s", suffix, r[0])
			}
		}
		again := newWorld(t)
		again.imports(ledger.Import{Rows: 1})
		r := row(2, "ana", nil)
		r.Cells = cells[0]
		again.files(names, r)
		again.entries(entry("ana", []int{2}, ended(ledger.Failed, refuse)))
		again.report()
		readAgain(t, again.one(".result.csv"))
		readAgain(t, again.one(".failed.csv"))
	}
}

func readAgain(t *testing.T, content string) (names []string, cells [][]string) {
	t.Helper()
	r, err := csvfile.NewReader(strings.NewReader(content))
	if err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header(), cells
		}
		if err != nil {
			t.Fatal(err)
		}
		cells = append(cells, row.Cells)
	}
}
