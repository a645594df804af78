package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/azurite"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
	"guestlist/pkg/report"
	"guestlist/pkg/status"
	"guestlist/pkg/work"
)

var (
	roleMissing = message.Failure{Code: "application.role-missing", Text: `Application "Supplier Portal" (8c47b2d6-6f1e-4935-8a0c-3e5d9b7f2a13) declares app roles, so one must be chosen: Supplier, Auditor. Name it as "role" of the application in the source's policy.`}
	groupAddr   = message.Failure{Code: "invite.address-refused", Text: "Microsoft Graph answered: Group email address is not supported. The address belongs to a group or distribution list. Use the person's own address."}
)

// people are three guests: all granted, partly refused, not invited.
func people() []ledger.Entry {
	group := func(s ledger.Step) ledger.Target {
		return target(ledger.Group, "3b0c2f5e-8d41-4f6a-9c1e-6a7d5b2e1f01", "Partner Engineers", s)
	}
	app := func(s ledger.Step) ledger.Target {
		return target(ledger.Application, "8c47b2d6-6f1e-4935-8a0c-3e5d9b7f2a13", "", s)
	}
	return []ledger.Entry{
		{Address: "ana.prieto@partner.example", Lines: []int{2, 3, 4}, UserID: "u1", Invite: over(ledger.Done),
			Targets: []ledger.Target{group(over(ledger.Done)), target(ledger.Application, "1f6d8c3a-4e72-4a95-b0d1-5c8e2f7a9b11", "Timesheets", over(ledger.Done))}, Notify: over(ledger.None)},
		{Address: "elif.kaya@supplier.example", Lines: []int{8}, UserID: "u2", Invite: over(ledger.Already),
			Targets: []ledger.Target{group(over(ledger.Done)), app(refusal(ledger.Rejected, roleMissing))}, Notify: over(ledger.None)},
		{Address: "ben.okafor@partner.example", Lines: []int{5}, Invite: refusal(ledger.Failed, groupAddr),
			Targets: []ledger.Target{group(refusal(ledger.Failed, groupAddr))}, Notify: refusal(ledger.Failed, groupAddr)},
	}
}

// finished adds an import that has run, with results and two rejected rows.
func (w *world) finished(id, source string) {
	w.t.Helper()
	base := source + "/march.csv/20260302T093015Z-" + id
	i := w.imports(ledger.Import{ID: id, Source: source, Path: "march.csv", Run: "r3", Rows: 7, RowsRejected: 2, Reported: 1, Finished: received.Add(time.Minute),
		Results: base + ".summary.json"}, people()...)
	w.blob(report.Container, base+".summary.json", report.Summary{Import: id, Result: base + ".result.csv", ToCorrect: base + ".failed.csv"})
	rows := work.NewWriter(w.t.Context(), w.services.Blobs, i.Work())
	w.must(rows.Header([]string{"Email"}))
	w.must(rows.Add(work.Row{Line: 6, Address: "farid+x@supplier.example", Problems: []message.Failure{
		{Code: "email.forbidden-character", Text: "Microsoft refuses addresses with a plus sign (name+tag@domain) as guests: use the address without the tag"}}}))
	w.must(rows.Add(work.Row{Line: 12, Problems: []message.Failure{
		{Code: "email.missing", Text: "the row has no address"}, {Code: "redirect.invalid", Text: "not a link"}}}))
	w.must(rows.Close())
}

func TestAnEmptyInstallationSaysWhereToBegin(t *testing.T) {
	t.Parallel()
	own, err := azurite.Start(t.Context(), azurite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() })
	w := worldOn(t, own.ConnectionString())
	w.run("", "status")
	w.run("", "source", "list")
	w.run("", "deadletters", "list")
	for _, args := range [][]string{{"status"}, {"source", "list"}, {"deadletters", "list"}} {
		if r := w.run("", append(args, "-json")...); r.out != "[]\n" {
			t.Errorf("%v -json prints %q, want an empty list", args, r.out)
		}
	}
	w.held("11aa4c0d000000000001", "bravo", policy.Ask{Rows: 3, Guests: 2})
	w.imports(ledger.Import{ID: "5b2e1f010000000000ab", Source: "partners", Path: "photo.csv", State: ledger.Refused, Code: "file.not-csv",
		Text: "the file is a picture", Reported: 1})
	w.finished("5b2e1f020000000000cd", "partners")
	w.blob("config", policy.File("partners"), policy.Policy{Version: 1, Source: "partners", MaxGuests: 20,
		Domains: []string{"partner.example", "supplier.example"}, Groups: []policy.Group{{ID: "3b0c2f5e-8d41-4f6a-9c1e-6a7d5b2e1f01"}}}.JSON())
	w.blob("config", policy.File("broken"), []byte(`{"version": 1, "sauce": "broken"}`))
	w.run("", "status")
	w.run("", "source", "list")
	decode[[]listed](t, w.run("", "source", "list", "-json"))
	w.golden("list")
}

func TestStatusShowsEveryGuestAndRejectedRowWithItsReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.finished("22aa0000000000000001", "status-one")
	w.run("", "status", "22aa")
	w.run("", "status", "22AA0000000000000001", "-watch")
	w.golden("status", clock)
	for line := range strings.Lines(w.run("", "status", "22aa").out) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > status.Width {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
}

// clock matches the time of day at the start of a line of -watch.
var clock = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\dZ`)

func TestStatusAsJSONIsWholeAndStable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.finished("22ab0000000000000001", "status-json")
	first := w.run("", "status", "22ab", "-json")
	if second := w.run("", "status", "22ab", "-json"); first.out != second.out {
		t.Errorf("two runs differ:\n%s\n%s", first.out, second.out)
	}
	if d := decode[details](t, first); len(d.Guests) != 3 || len(d.Rejected) != 2 || first.err != "" {
		t.Errorf("%d guests, %d rejected rows, on standard error %q", len(d.Guests), len(d.Rejected), first.err)
	}
	compare(t, "status-json", first.out)
}

func TestStatusOfAHeldFileShowsWhatItAsksForAndTheCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.held("33aa0000000000000001", "held-one", policy.Ask{Rows: 4, Guests: 3, Text: true,
		Groups:  policy.Wanted{List: []string{"3b0c2f5e-8d41-4f6a-9c1e-6a7d5b2e1f01", "Launch Team", "\x1b[2Jclear"}},
		Domains: policy.Wanted{List: []string{"partner.example"}, More: 2}, RedirectHosts: policy.Wanted{List: []string{"myapplications.microsoft.com"}}})
	w.run("", "status", "33aa")
	w.run("", "status", "33aa", "-watch")
	w.imports(ledger.Import{ID: "33ab0000000000000001", Source: "held-two", Path: "a.csv", State: ledger.Held, Code: "policy.invalid", Rows: 1,
		Text: `Nobody was invited, because the policy of source "held-two" cannot be used. Correct it and upload it with: guestlist source add held-two -file POLICY`})
	w.run("", "status", "33ab")
	w.golden("held", clock)
	if d := decode[details](t, w.run("", "status", "33aa", "-json")); !strings.HasSuffix(d.Text, "-from 33aa0000000000000001") {
		t.Errorf("the reason in JSON has no command to run: %s", d.Text)
	}
}

func TestStatusOfAnImportThatNeverRan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "44aa0000000000000001", Source: "never", Path: "a.csv", State: ledger.Refused, Code: "file.empty", Text: "The file has a header and no rows.", Reported: 1})
	w.imports(ledger.Import{ID: "44ab0000000000000001", Source: "never", Path: "b.csv", State: ledger.Broken, Code: "graph.forbidden", Text: "The directory may not be read.", Reported: 1})
	w.imports(ledger.Import{ID: "44ac0000000000000001", Source: "never", Path: "c.csv", State: ledger.Staging})
	for _, id := range []string{"44aa", "44ab", "44ac"} {
		w.run("", "status", id)
	}
	w.golden("never-ran")
}

func TestALongListShowsTroubleFirstAndSaysHowToSeeTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all []ledger.Entry
	for n := range 70 {
		e := ledger.Entry{Address: fmt.Sprintf("guest%02d@many.example", n), Lines: []int{n + 2}, UserID: "u", Invite: over(ledger.Done), Notify: over(ledger.None)}
		if n%20 == 19 {
			e.Invite, e.UserID = refusal(ledger.Failed, groupAddr), ""
		}
		all = append(all, e)
	}
	w.imports(ledger.Import{ID: "55aa0000000000000001", Source: "many", Path: "many.csv", Rows: 70, Reported: 1}, all...)
	short, long := w.run("", "status", "55aa"), w.run("", "status", "55aa", "-all")
	for _, r := range []result{short, long} {
		if n := strings.Count(r.out, "invite.address-refused"); n != 3 {
			t.Errorf("%d of 3 failures are listed", n)
		}
	}
	if n := strings.Count(short.out, "@many.example"); n != shown || !strings.Contains(short.err, "20 guests more, see them with: guestlist status 55aa0000000000000001 -all") {
		t.Errorf("%d guests are listed, want %d, and standard error says %s", n, shown, short.err)
	}
	if n := strings.Count(long.out, "@many.example"); n != 70 {
		t.Errorf("-all lists %d guests, want 70", n)
	}
}

func TestTextOfAFileCannotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "66aa0000000000000001", Source: "steer", Path: "x\x1b]0;owned\a.csv", Rows: 1}, ledger.Entry{Address: "a\u202eb@x.example", Lines: []int{2},
		Invite: refusal(ledger.Failed, message.Failure{Code: "c", Text: "one\x1b[31m\ntwo"}), Notify: over(ledger.None)})
	r := w.run("", "status", "66aa")
	if strings.ContainsAny(r.out+r.err, "\x1b\a\u202e") {
		t.Errorf("it prints %q", r.out)
	}
	if !strings.Contains(r.out, "one�[31m two") {
		t.Errorf("the reason does not stand on one line: %q", r.out)
	}
}

// watch starts -watch and returns its lines as they come; wait returns the exit code.
func (w *world) watch(ctx context.Context, args ...string) (lines *bufio.Scanner, wait func() int) {
	r, pipe := io.Pipe()
	code := make(chan int, 1)
	go func() {
		p := program{getenv: w.getenv, stdin: strings.NewReader(""), stdout: pipe, stderr: io.Discard, every: time.Millisecond}
		n := p.run(ctx, append([]string{"status", "-watch"}, args...))
		pipe.Close()
		code <- n
	}()
	return bufio.NewScanner(r), func() int { return <-code }
}

func TestWatchPrintsWhatChangesUntilTheImportHasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open := people()[:1]
	open[0].Targets[0].Step = ledger.Step{Generation: 1, State: ledger.Sent, Due: received}
	i := w.imports(ledger.Import{ID: "77aa0000000000000001", Source: "watched", Path: "a.csv", Rows: 3}, open...)
	lines, wait := w.watch(t.Context(), "77aa")
	var got []string
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text()[len("15:04:05Z  "):], "; expected end ")
		got = append(got, line)
		switch len(got) {
		case 1:
			_, _, err := w.services.Ledger.UpdateEntry(t.Context(), i.ID, open[0].Guest, func(e *ledger.Entry) error {
				e.Targets[0].Step = over(ledger.Done)
				return nil
			})
			w.must(err)
		case 2:
			_, err := w.services.Ledger.UpdateImport(t.Context(), i.ID, func(i *ledger.Import) error { i.Reported = 1; return nil })
			w.must(err)
		}
	}
	want := []string{"running: 1 guest, 1 in the directory, 1 open", "running: 1 guest, 1 in the directory, 0 open; 1 done", "finished: 1 guest, 1 in the directory, 0 open; 1 done"}
	if code := wait(); code != exitDone || !slices.Equal(got, want) {
		t.Errorf("exit %d, lines %q, want %q", code, got, want)
	}
}

func TestWatchEndsQuietlyWhenInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "77ab0000000000000001", Source: "watched", Path: "b.csv", State: ledger.Staging})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	lines, wait := w.watch(ctx, "77ab", "-json")
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), `{"import":"77ab0000000000000001"`) {
		t.Fatalf("the first line is %q", lines.Text())
	}
	interrupt()
	if lines.Scan() {
		t.Errorf("after the interrupt: %q", lines.Text())
	}
	if code := wait(); code != exitDone {
		t.Errorf("exit %d", code)
	}
}

func TestLookingNeedsNeitherServiceBusNorTheTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "dddd0000000000000001", Source: "looking", Path: "a.csv", Reported: 1})
	onlyStorage := lookup(map[string]string{"Storage": w.env["Storage"]})
	for _, line := range []string{"status", "status dddd", "source list"} {
		if r := runWith(t.Context(), onlyStorage, "", strings.Fields(line)...); r.code != exitDone {
			t.Errorf("guestlist %s: exit %d, %s", line, r.code, r.err)
		}
	}
	if r := runWith(t.Context(), onlyStorage, "", "deadletters", "list"); r.code != exitFailed || !strings.Contains(r.err, "ServiceBus") {
		t.Errorf("deadletters list: exit %d, %s", r.code, r.err)
	}

	fresh, err := azurite.Start(t.Context(), azurite.Config{}) // no handler has been here
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fresh.Close() })
	empty := lookup(map[string]string{"Storage": fresh.ConnectionString()})
	if r := runWith(t.Context(), empty, "", "status"); r.code != exitDone || !strings.Contains(r.err, "No file has arrived yet") {
		t.Errorf("status of a new installation: exit %d, %s%s", r.code, r.out, r.err)
	}
	if r := runWith(t.Context(), empty, "", "status", "dddd"); r.code != exitFailed || !strings.Contains(r.err, "import.unknown") {
		t.Errorf("status of an import of a new installation: exit %d, %s%s", r.code, r.out, r.err)
	}
}
