package status_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/status"
)

var update = flag.Bool("update", false, "write the golden files anew")

// mixture inserts guests in every state and returns them in the order of their lines.
func mixture(t *testing.T) []status.Guest {
	t.Helper()
	l := newLedger(t, ledger.Import{ID: "a"}, ledger.Import{ID: "b"})
	group := func(name string, s ledger.Step) ledger.Target {
		return ledger.Target{Kind: ledger.Group, ID: "id-of-" + name, Name: name, Step: s}
	}
	app := func(name string, s ledger.Step) ledger.Target {
		return ledger.Target{Kind: ledger.Application, ID: "app-" + name, Step: s}
	}
	refused := ledger.Step{State: ledger.Ended, Outcome: ledger.Failed, Code: "group.unknown", Text: "Make the group.", Request: "req-1"}
	all := []ledger.Entry{
		entry("a", "ana", ended(ledger.Done), group("Readers", ended(ledger.Done)), group("Writers", ended(ledger.Already)), app("Portal", ended(ledger.Done))),
		entry("a", "bo", ended(ledger.Already), group("Readers", refused), group("Writers", ended(ledger.Done))),
		entry("a", "cy", ledger.Step{State: ledger.Sent}, group("Readers", ledger.Step{State: ledger.Planned}), app("Portal", ledger.Step{State: ledger.Planned})),
		entry("a", "di", ledger.Step{State: ledger.Waiting, Wait: "rate"}),
		entry("a", "ed", ended(ledger.Cancelled)),
		entry("a", "flo", ended(ledger.None), group("Readers", ledger.Step{State: ledger.Ended, Outcome: ledger.Rejected, Code: "target.forbidden", Text: "Not\nallowed\there."})),
		entry("a", "gus", ended(ledger.Done)),
	}
	for n := range all {
		all[n].Lines = []int{n + 2}
	}
	all[6].Lines, all[0].UserID = []int{8, 9, 10, 11, 12, 13, 14}, "user-1"
	all[6].Targets = []ledger.Target{{Kind: ledger.Group, ID: "no-name", Step: ended(ledger.Done)}}
	insert(t, l, append(all, entry("b", "other", ended(ledger.Done)))...)
	var guests []status.Guest
	for g, err := range status.Guests(t.Context(), l, "a") {
		if err != nil {
			t.Fatal(err)
		}
		guests = append(guests, g)
	}
	slices.SortFunc(guests, func(a, b status.Guest) int { return a.Lines[0] - b.Lines[0] })
	return guests
}

func TestGuestsSayWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	guests := mixture(t)
	if len(guests) != 7 {
		t.Fatalf("%d guests, want the 7 of this import", len(guests))
	}
	want := status.Guest{Address: "bo@partner.example", Lines: []int{3}, Invite: ledger.Already, State: "ended",
		Groups: []status.Access{{Name: "Readers", ID: "id-of-Readers", State: "ended", Outcome: ledger.Failed},
			{Name: "Writers", ID: "id-of-Writers", State: "ended", Outcome: ledger.Done}},
		Outcome: ledger.Partial, Code: "group.unknown", Text: "Make the group.", Request: "req-1"}
	if diff := cmp.Diff(want, guests[1]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if g := guests[0]; g.UserID != "user-1" || len(g.Applications) != 1 || len(g.Groups) != 2 || g.Outcome != ledger.Done {
		t.Errorf("guest %+v", g)
	}
}

func TestGoldenTableOfGuests(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := status.PrintGuests(&got, mixture(t)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "guests.golden")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s, -want +got:\n%s", file, diff)
	}
}

// TestWhatCouldSteerATerminalIsNotPrinted: texts of services and names of groups come from others.
func TestWhatCouldSteerATerminalIsNotPrinted(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	err := status.PrintGuests(&got, []status.Guest{{Address: "a@b.example", Lines: []int{2}, Code: "c", Text: "one\r\ntwo\tthree\x1b[2J\u202e",
		Groups: []status.Access{{Name: "G\n\x1b]0;x\x07roup\v", Outcome: ledger.Done}}}})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(got.String(), "\n"); n != 3 || strings.ContainsAny(got.String(), "\x1b\x07\r\v\t\u202e") {
		t.Errorf("%d lines: %q; want titles, guest and reason without control characters", n, got.String())
	}
}

func TestGuestsMayBeReadInPart(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	insert(t, l, entry("a", "ana", ended(ledger.Done)), entry("a", "bo", ended(ledger.Done)))
	n := 0
	for range status.Guests(t.Context(), l, "a") {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d guests, want 1", n)
	}
}
