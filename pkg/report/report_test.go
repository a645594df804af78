package report_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/report"
	"guestlist/pkg/work"
)

var (
	header = []string{"Email", "DisplayName", "InvitationText", "InvitedToGroups"}
	gone   = message.Failure{Code: "group.unknown", Text: "The group is gone; make it, then replay.", Request: "7d1c-req"}
	refuse = message.Failure{Code: "invite.address-refused", Text: "Correct the address."}
	forbid = message.Failure{Code: "target.forbidden", Text: "The source may not use this group."}
	stop   = message.Failure{Code: "import.cancelled", Text: "An operator cancelled the import before this was done."}
)

// row returns a good row of a guest with targets.
func row(line int, name string, cells []string, targets ...ledger.Target) work.Row {
	address := name + "@partner.example"
	return work.Row{Line: line, Cells: append([]string{address}, cells...), Address: address, Guest: message.GuestKey(address), Targets: targets}
}

func entry(name string, lines []int, invite ledger.Step, targets ...ledger.Target) ledger.Entry {
	address := name + "@partner.example"
	e := ledger.Entry{Guest: message.GuestKey(address), Address: address, Lines: lines, Invite: invite, Targets: targets}
	if invite.Outcome == ledger.Done || invite.Outcome == ledger.Already {
		e.UserID = "id-of-" + name
	}
	return e
}

// mixture is an import with every outcome.
func mixture(t *testing.T) *world {
	w := newWorld(t)
	w.imports(ledger.Import{Rows: 13, RowsRejected: 2, GuestsPlanned: 9, ExpectedWhy: "new invitations begin slowly",
		Expected: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)})
	a, b := group("A", ledger.Step{}), group("B", ledger.Step{})
	refused := group("B", ended(ledger.Rejected, forbid))
	ana2 := row(3, "ana", []string{"Ana Other", "", "B"}, b)
	ana2.DisplayName, ana2.Warnings = "Ana Other", []message.Failure{{Code: "language.unknown", Text: "Language \"xx\" was left out."}}
	w.files(header,
		row(2, "ana", []string{"Ana", "", "A"}, a), ana2,
		row(4, "bo", []string{"“Bo” — Ünal’s", "two\nlines, \"quoted\"", "A B"}, a, b),
		work.Row{Line: 6, Cells: []string{"=HYPERLINK(\"http://evil\")", "+49 30", "-1", "@SUM(A1)"}, Problems: []message.Failure{{Code: "email.invalid", Text: "Correct the address."}},
			Warnings: []message.Failure{{Code: "name.missing", Text: "There is no name."}}},
		row(7, "cy", []string{"Cy", "", "A B"}, a, refused),
		row(8, "di", []string{"Di", "", "B"}, refused),
		row(9, "ed", []string{"Ed", "", "A"}, a),
		row(10, "flo", []string{"Flo", "", "A"}, a),
		row(11, "gus", []string{"Gus", "", ""}),
		row(12, "hal", []string{"Hal", "", "A"}, a),
		row(13, "never", []string{"Never", "", "A"}, a),
		work.Row{Line: 14, Cells: []string{"", "short"}, Problems: []message.Failure{{Code: "email.missing", Text: "Add the address."}}},
		row(15, "ivy", []string{"Ivy", "", "A"}, a))
	w.entries(
		withName(entry("ana", []int{2, 3}, ended(ledger.Done), group("A", ended(ledger.Done)), group("B", ended(ledger.Failed, gone))), "Ana"),
		entry("bo", []int{4}, ended(ledger.Done), group("A", ended(ledger.Done)), group("B", ended(ledger.Already))),
		entry("cy", []int{7}, ended(ledger.Done), group("A", ended(ledger.Done)), refused),
		entry("di", []int{8}, ended(ledger.None), refused),
		entry("ed", []int{9}, ended(ledger.Failed, refuse), group("A", ended(ledger.Failed, refuse))),
		entry("flo", []int{10}, ended(ledger.Already), group("A", ended(ledger.Already))),
		entry("gus", []int{11}, ended(ledger.Done)),
		entry("hal", []int{12}, ended(ledger.Cancelled, stop), group("A", ended(ledger.Cancelled, stop))),
		entry("ivy", []int{15}, ended(ledger.Already), group("A", ended(ledger.Repaired))))
	w.change(func(i *ledger.Import) { i.Cancelled = true })
	return w
}

func withName(e ledger.Entry, name string) ledger.Entry { e.DisplayName = name; return e }

func TestGoldenResultsOfAMixture(t *testing.T) {
	t.Parallel()
	w := mixture(t)
	w.report()
	w.golden("mixture.golden")
	i := w.get()
	if i.Reported != 1 || !i.Finished.Equal(w.now) || !strings.HasSuffix(i.Results, ".summary.json") || w.results()[i.Results] == "" {
		t.Errorf("import %+v; want it reported now, with the path of its summary", i)
	}
}

func TestReportsAreTheSameBytesEachTime(t *testing.T) {
	t.Parallel()
	w := mixture(t)
	w.report()
	first := w.results()
	// What is left by a process that died between writing and recording.
	w.change(func(i *ledger.Import) { i.Reported = 0 })
	w.now = w.now.AddDate(0, 0, 1)
	w.report()
	if diff := cmp.Diff(first, w.results()); diff != "" {
		t.Errorf("-first +second:\n%s", diff)
	}
	finished := w.get().Finished
	w.now = w.now.AddDate(0, 0, 1)
	w.report()
	if got := w.get().Finished; !got.Equal(finished) {
		t.Errorf("a report that is there already was written again: finished %s, want %s", got, finished)
	}
}

func TestARevisionHasNamesOfItsOwn(t *testing.T) {
	t.Parallel()
	w := mixture(t)
	w.report()
	first := w.results()
	w.change(func(i *ledger.Import) { i.Revision = 2 })
	key := message.GuestKey("ana@partner.example")
	_, _, err := w.ledger.UpdateEntry(t.Context(), importID, key, func(e *ledger.Entry) error { e.Targets[1].End(ledger.Done, w.now); return nil })
	if err != nil {
		t.Fatal(err)
	}
	w.report()
	all := w.results()
	for path, content := range first {
		if all[path] != content {
			t.Errorf("%s of revision 1 was changed", path)
		}
	}
	base := "partners/2026/autumn fair.csv/20261124T080000Z-" + importID
	want := []string{base + ".failed.csv", base + ".r2.failed.csv", base + ".r2.result.csv", base + ".r2.summary.json", base + ".result.csv", base + ".summary.json"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(all))); diff != "" {
		t.Errorf("paths, -want +got:\n%s", diff)
	}
	if got := w.one(".r2.result.csv"); !strings.Contains(got, "ana@partner.example,Ana Other,,B,done,") {
		t.Errorf("revision 2 does not say that line 3 is done:\n%s", got)
	}
	if i := w.get(); i.Reported != 2 || i.Results != base+".r2.summary.json" {
		t.Errorf("reported %d, results %s", i.Reported, i.Results)
	}
}

func TestNothingIsWrittenBeforeAllHasEnded(t *testing.T) {
	t.Parallel()
	open := entry("ana", []int{2}, ledger.Step{Generation: 1, State: ledger.Sent})
	for name, c := range map[string]struct {
		i       ledger.Import
		entries []ledger.Entry
	}{
		"staging":             {i: ledger.Import{State: ledger.Staging}},
		"held":                {i: ledger.Import{State: ledger.Held}},
		"planning":            {i: ledger.Import{State: ledger.Planning}},
		"a guest is open":     {entries: []ledger.Entry{open}},
		"the plan broke off":  {i: ledger.Import{State: ledger.Broken}, entries: []ledger.Entry{open}},
		"reported already":    {i: ledger.Import{Reported: 1}},
		"reported and broken": {i: ledger.Import{State: ledger.Broken, Reported: 1}},
	} {
		w := newWorld(t)
		c.i.Rows = 1
		w.imports(c.i)
		w.files(header, row(2, "ana", nil))
		w.entries(c.entries...)
		before := w.get()
		w.report()
		if diff := cmp.Diff(before, w.get()); diff != "" || len(w.results()) != 0 {
			t.Errorf("%s: %d results, import:\n%s", name, len(w.results()), diff)
		}
	}
}

func TestReportOfAnImportThatWasPurgedEndsQuietly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.report()
	if got := w.results(); len(got) != 0 {
		t.Errorf("results %v, want none", got)
	}
}

func TestImportWithoutRowsHasASummaryOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{State: ledger.Refused, Code: "file.not-csv", Text: "The file is a spreadsheet; save it as CSV."})
	w.report()
	w.golden("rejected.golden")
	if i := w.get(); i.Reported != 1 || i.State != ledger.Refused {
		t.Errorf("import %+v", i)
	}
}

// TestHeldFileThatWasCancelledHasASummaryOnly: its rows were counted and never written down.
func TestHeldFileThatWasCancelledHasASummaryOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{State: ledger.Refused, Code: stop.Code, Text: stop.Text, Rows: 12, Cancelled: true})
	w.report()
	for path := range w.results() {
		if !strings.HasSuffix(path, ".summary.json") {
			t.Errorf("%s was written, an empty table", path)
		}
	}
	if sum := w.summary(); sum.Result != "" || sum.Rows != 12 || !sum.Cancelled || sum.State != "rejected" {
		t.Errorf("summary %+v", sum)
	}
}

func (w *world) summary() (sum report.Summary) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.one(".summary.json")), &sum); err != nil {
		w.t.Fatal(err)
	}
	return sum
}

// TestResultsOfALongNameHaveNamesThatFit: a blob's name has at most 1,024 characters and 254 segments, results' too.
func TestResultsOfALongNameHaveNamesThatFit(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"many folders":   strings.Repeat("a/", 253) + "guests.csv",
		"long folders":   strings.Repeat("folder/", 145) + "guests.csv",
		"long name":      strings.Repeat("x", 1020) + ".csv",
		"long signs":     strings.Repeat("🎉", 510) + ".csv",
		"just too short": strings.Repeat("y", 846) + ".csv",
	} {
		w := newWorld(t)
		w.imports(ledger.Import{State: ledger.Refused, Code: "file.not-csv", Text: "no"})
		w.change(func(i *ledger.Import) {
			i.Path, i.Revision, i.Source = file, 1000, strings.Repeat("s", 57)
		})
		w.report()
		for p := range w.results() {
			if n := len(utf16.Encode([]rune(p))); n > 1024 || strings.Count(p, "/") >= 254 || !strings.HasPrefix(p, w.get().Source+"/") {
				t.Errorf("%s: a name of %d characters and %d segments", name, n, strings.Count(p, "/")+1)
			}
		}
		if len(w.results()) == 0 {
			t.Errorf("%s: no results", name)
		}
	}
}
