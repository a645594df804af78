package ledgertest

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// importID is an id as [message.ImportID] makes them.
const importID = "0123456789abcdef0123"

// noon is a time with all nine digits of a second, in a zone of its own: an adapter must keep the instant exactly.
var noon = time.Date(2026, 3, 1, 13, 0, 0, 123456789, time.FixedZone("", 3600))

func address(n int) string { return fmt.Sprintf("guest%d@partner.example", n) }

func key(n int) string { return message.GuestKey(address(n)) }

// keys returns the keys of guests 0 to n-1.
func keys(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = key(i)
	}
	return all
}

// planned returns an entry as plan inserts it: one target, all planned.
func planned(n int) ledger.Entry {
	step := ledger.Step{Generation: 1, State: ledger.Planned}
	return ledger.Entry{
		Import: importID, Guest: key(n), Address: address(n), Lines: []int{n + 2}, Invite: step, Notify: step,
		Targets: []ledger.Target{{Kind: ledger.Group, ID: "group-1", Name: "Partners", Step: step}},
	}
}

func plannedEntries(n int) []ledger.Entry {
	all := make([]ledger.Entry, n)
	for i := range all {
		all[i] = planned(i)
	}
	return all
}

// full returns an entry with every field set and everything at its largest.
func full(n int) ledger.Entry {
	e := planned(n)
	e.DisplayName, e.RedirectURL, e.Language = "Zoë \"O'Hara\" \\ 张", "https://partner.example/a?b=c&d=%20#e", "de-DE"
	e.Text = strings.Repeat("Grüße, ", 1000) + "\r\n\ttab, \u2028, 😀"
	e.CC, e.UserID = "boss@partner.example", "9f0c5c5e-0000-4000-8000-000000000001"
	e.Lines = nil
	for line := range 500 {
		e.Lines = append(e.Lines, 1_000_000+line)
	}
	e.Invite = ledger.Step{Generation: 3, State: ledger.Ended, Outcome: ledger.Done, At: noon}
	e.Notify = ledger.Step{Generation: 1, State: ledger.Waiting, Wait: "breaker"}
	e.Targets = nil
	for t := range 50 {
		e.Targets = append(e.Targets, bigTarget(t))
	}
	return e
}

// bigTarget returns a target of about 2 KiB.
func bigTarget(n int) ledger.Target {
	return ledger.Target{
		Kind: ledger.Application, ID: fmt.Sprintf("application-%d", n), Object: "object", Role: "role", Name: "App \"ü\"",
		Step: ledger.Step{
			Generation: n, State: ledger.Ended, Outcome: ledger.Failed, Code: "target.refused",
			Text: strings.Repeat("x", 1800), Request: "request-id", At: noon.Add(time.Duration(n)),
		},
	}
}

// same fails the test unless got equals want but for the opaque version; nil and empty slices are equal, and so are times
// of the same instant.
func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	ignoreVersion := gocmp.FilterPath(func(p gocmp.Path) bool { return p.Last().String() == ".Version" }, gocmp.Ignore())
	if diff := gocmp.Diff(want, got, ignoreVersion, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// insert inserts entries that are all new.
func insert(t *testing.T, s ledger.Store, entries ...ledger.Entry) {
	t.Helper()
	n, err := s.InsertEntries(t.Context(), entries)
	must(t, err)
	if n != len(entries) {
		t.Fatalf("inserted %d of %d new entries", n, len(entries))
	}
}

// collect reads a list to its end.
func collect[T any](t *testing.T, list iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range list {
		must(t, err)
		all = append(all, v)
	}
	return all
}

// listAll returns all entries of the import, in order of part and key.
func listAll(t *testing.T, s ledger.Store) []ledger.Entry {
	t.Helper()
	var all []ledger.Entry
	for part := range ledger.Parts {
		all = append(all, collect(t, s.ListEntries(t.Context(), importID, part, ""))...)
	}
	return all
}

// sorted returns a sorted copy.
func sorted[T cmp.Ordered](all []T) []T { return slices.Sorted(slices.Values(all)) }

// together runs n functions at once and waits for them.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
