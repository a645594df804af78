package report_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/report"
)

// counting calls back each time that the report counts the guests.
type counting struct {
	*memledger.Store
	after func()
}

func (c counting) Tally(ctx context.Context, id string) (ledger.Tally, error) {
	t, err := c.Store.Tally(ctx, id)
	c.after()
	return t, err
}

func TestReportThatIsOvertakenByANewerOneIsNotRecorded(t *testing.T) {
	t.Parallel()
	w := mixture(t)
	overtake := func() {
		w.change(func(i *ledger.Import) { i.Revision = 2 })
		w.report()
	}
	s := &report.Step{Blobs: w.blobs, Ledger: counting{w.ledger, func() {
		if overtake != nil {
			overtake()
			overtake = nil
		}
	}}}
	if err := s.Do(t.Context(), ask()); err != nil {
		t.Fatal(err)
	}
	if i := w.get(); i.Reported != 2 || !strings.HasSuffix(i.Results, ".r2.summary.json") {
		t.Errorf("reported %d, results %s; want those of revision 2", i.Reported, i.Results)
	}
}

func TestResultThatCannotBeWrittenIsAnErrorWithoutRowsToCorrectToo(t *testing.T) {
	t.Parallel()
	broken := errors.New("503 server busy")
	w := newWorld(t)
	w.imports(ledger.Import{Rows: 1})
	w.files(header, row(2, "ana", nil))
	w.entries(entry("ana", []int{2}, ended(ledger.Done)))
	err := (&report.Step{Ledger: w.ledger, Blobs: faulty{Store: w.blobs, write: "*.result.csv", err: broken}}).Do(t.Context(), ask())
	if !errors.Is(err, broken) || w.get().Reported != 0 {
		t.Errorf("%v, reported %d; want the storage's error and nothing recorded", err, w.get().Reported)
	}
}

func TestStorageErrorsRecordNothingAndAreMendedByARepeat(t *testing.T) {
	t.Parallel()
	broken := errors.New("503 server busy")
	for name, f := range map[string]faulty{
		"header": {read: "header.json"}, "a part": {read: "part-" + partOf("ana") + ".jsonl"}, "rejected rows": {read: "rejected.jsonl"},
		"a joined part": {read: "report-*-" + partOf("bo") + ".jsonl"}, "writing a joined part": {write: "report-*-" + partOf("bo") + ".jsonl"},
		"result": {write: "*.result.csv"}, "failed": {write: "*.failed.csv"}, "summary": {write: "*.summary.json"},
	} {
		calm := mixture(t)
		calm.report()
		w := mixture(t)
		f.Store, f.err = w.blobs, broken
		err := (&report.Step{Ledger: w.ledger, Blobs: f}).Do(t.Context(), ask())
		if _, later := errors.AsType[*message.Later](err); !later || !errors.Is(err, broken) || w.get().Reported != 0 {
			t.Errorf("%s: %v, reported %d; want a Later with the storage's error, and nothing recorded", name, err, w.get().Reported)
		}
		w.report()
		if diff := cmp.Diff(calm.results(), w.results()); diff != "" || w.get().Reported != 1 {
			t.Errorf("%s: after a repeat, -calm +got:\n%s", name, diff)
		}
	}
}

func partOf(name string) string {
	return fmt.Sprintf("%02d", ledger.PartOf(message.GuestKey(name+"@partner.example")))
}

func TestVerdictsOfAReportAreNotRecorded(t *testing.T) {
	t.Parallel()
	w := mixture(t)
	s := &report.Step{Ledger: w.ledger, Blobs: w.blobs}
	before := w.get()
	if err := errors.Join(s.Failed(t.Context(), ask(), &refuse), s.Postponed(t.Context(), ask(), w.now)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, w.get()); diff != "" {
		t.Errorf("the import changed, and no sweep would ask for its report:\n%s", diff)
	}
}
