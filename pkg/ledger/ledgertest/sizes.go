package ledgertest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

var sizes = []test{
	{"LargestAllowedEntryIsKept", sizeLargest},
	{"LargestAllowedTargetsAreKept", sizeTargets},
	{"InsertRefusesWhatIsTooLargeAlone", sizeInsert},
	{"UpdateRefusesWhatWouldBeTooLarge", sizeUpdate},
	{"UpdatesOfOthersGoOnBesideARefusal", sizeUpdates},
	{"TooManyTargetsAreTooLarge", sizeCount},
	{"ImportThatIsTooLargeIsRefused", sizeImport},
}

// tooMuch is a text that nothing can hold.
var tooMuch = strings.Repeat("ü", ledger.MaxUnits)

// checkRefusal fails the test unless err says for ever, by code, key and advice, and without an address.
func checkRefusal(t *testing.T, err error, what string) {
	t.Helper()
	f, ok := errors.AsType[*message.Failure](err)
	if !errors.Is(err, message.ErrNever) || !ok {
		t.Fatalf("error %v", err)
	}
	want := ledger.TooLarge(what, "")
	if f.Code != "ledger.too-large" || f.Text != want.Text || !strings.Contains(f.Text, what) || !strings.Contains(f.Text, "report") {
		t.Errorf("failure %+v, want %+v", f, want)
	}
	if strings.Contains(err.Error(), "@") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

// grow lengthens text by as many times unit as check allows, to within one.
func grow(text *string, unit string, check func() error) {
	least, most := 0, ledger.MaxUnits
	for least < most {
		n := (least + most + 1) / 2
		if *text = strings.Repeat(unit, n); check() == nil {
			least = n
		} else {
			most = n - 1
		}
	}
	*text = strings.Repeat(unit, least)
}

// sizeLargest stores entries that hold as much as may be, of characters that take different room in memory, in a row and
// in a request.
func sizeLargest(t *testing.T, h Harness) {
	for n, unit := range []string{"x", "ü", "😀", "\"", "\n", "\u2028", "\x00"} {
		want := full(n)
		grow(&want.Text, unit, func() error { return ledger.CheckEntry(&want) })
		insert(t, h.Store, want)
		got, err := h.Store.Entry(t.Context(), importID, key(n))
		must(t, err)
		same(t, fmt.Sprintf("entry full of %q", unit), want, got)
	}
}

func sizeTargets(t *testing.T, h Harness) {
	want := planned(1)
	for len(want.Targets) < ledger.MaxTargets {
		want.Targets = append(want.Targets, bigTarget(len(want.Targets)))
	}
	insert(t, h.Store, want)
	grow(&want.Targets[7].Text, "\"", func() error { return ledger.CheckEntry(&want) })
	got, _, err := h.Store.UpdateEntry(t.Context(), importID, key(1), func(e *ledger.Entry) error {
		e.Targets = want.Targets
		return nil
	})
	must(t, err)
	same(t, "returned", want, got)
	got, err = h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "read", want, got)
}

func sizeInsert(t *testing.T, h Harness) {
	all := plannedEntries(20)
	all[7].Text = tooMuch
	n, err := h.Store.InsertEntries(t.Context(), all)
	checkRefusal(t, err, "guest "+key(7))
	same(t, "inserted", 19, n)
	same(t, "listed", 19, len(listAll(t, h.Store)))
	checkTally(t, h.Store)
}

func sizeUpdate(t *testing.T, h Harness) {
	insert(t, h.Store, planned(1))
	_, _, err := h.Store.UpdateEntry(t.Context(), importID, key(1), func(e *ledger.Entry) error {
		e.Notify.Text = tooMuch
		return nil
	})
	checkRefusal(t, err, "guest "+key(1))
	got, err := h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "entry", planned(1), got)
	checkTally(t, h.Store)
}

func sizeUpdates(t *testing.T, h Harness) {
	insert(t, h.Store, plannedEntries(30)...)
	altered, err := h.Store.UpdateEntries(t.Context(), importID, keys(30), func(e *ledger.Entry) error {
		e.Invite.Send(noon)
		if e.Guest == key(5) {
			e.Text = tooMuch
		}
		return nil
	})
	checkRefusal(t, err, "guest "+key(5))
	same(t, "altered", 29, len(altered))
	tally, err := h.Store.Tally(t.Context(), importID)
	must(t, err)
	if tally.InviteSent != 29 || tally.InvitePlanned != 1 {
		t.Errorf("tally %+v", tally)
	}
	checkTally(t, h.Store)
}

func sizeCount(t *testing.T, h Harness) {
	e := planned(1)
	for len(e.Targets) <= ledger.MaxTargets {
		e.Targets = append(e.Targets, e.Targets[0])
	}
	n, err := h.Store.InsertEntries(t.Context(), []ledger.Entry{e})
	checkRefusal(t, err, "guest "+key(1))
	same(t, "inserted", 0, n)
}

func sizeImport(t *testing.T, h Harness) {
	_, _, err := h.Store.CreateImport(t.Context(), ledger.Import{ID: importID, Ask: tooMuch})
	checkRefusal(t, err, "import "+importID)
	want := ledger.Import{ID: importID, Source: "partners", Revision: 1}
	grow(&want.Ask, "ü", func() error { return ledger.CheckImport(want) })
	create(t, h.Store, want)
	_, err = h.Store.UpdateImport(t.Context(), importID, func(i *ledger.Import) error {
		i.Ask += "12345678901"
		return nil
	})
	checkRefusal(t, err, "import "+importID)
	got, err := h.Store.Import(t.Context(), importID)
	must(t, err)
	same(t, "import", want, got)
}
