package protocoltest_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

const (
	tickOf  = 40 * time.Second // a lease of 3 ticks is 120 s
	address = "ana@partner.example"
	userID  = "user-of-ana"
)

var (
	began     = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	guest     = message.GuestKey(address)
	importIDs = [2]string{"a", "b"}
	modeNames = [...]string{noMode: "", microsoft: invite.Microsoft, own: invite.Own, none: invite.None}
)

// real is the real code in a world that does one act at a time, when it is told to.
type real struct {
	t       *testing.T
	rules   rules
	ticks   atomic.Int64
	holders atomic.Int64
	ledger  *memledger.Store
	bus     *membus.Bus
	pacer   *pace.Pacer
	workers [2]*actor

	made, shown time.Time // of the directory's user
	users       int
	posts       int
	byMicrosoft int
	ours        []string // Message-IDs of the mails taken
	links       int
}

func (w *real) now() time.Time { return began.Add(time.Duration(w.ticks.Load()) * tickOf) }

func newReal(t *testing.T, r rules) *real {
	w := &real{t: t, rules: r}
	w.ledger, w.bus = memledger.New(w.now), membus.New(membus.Options{Now: w.now})
	w.pacer = pace.New(w.ledger, pace.Settings{Writes: pace.Unlimited, Invitations: pace.Unlimited})
	if r.existing {
		w.users, w.made, w.shown = 1, w.now(), w.now()
	}
	for i, id := range importIDs {
		w.plan(id, r.modes[i])
	}
	return w
}

func (w *real) plan(id string, m mode) {
	w.t.Helper()
	_, _, err := w.ledger.CreateImport(w.t.Context(), ledger.Import{ID: id, State: ledger.Running, Revision: 1, Created: w.now()})
	if err != nil {
		w.t.Fatal(err)
	}
	e := ledger.Entry{Import: id, Guest: guest, Address: address, Lines: []int{2}, RedirectURL: "https://apps.example/", Mail: modeNames[m],
		Invite: ledger.Step{Generation: 1, State: ledger.Sent, Due: w.now()}, Notify: ledger.Step{Generation: 1, State: ledger.Ended}}
	if m == own {
		e.Notify.State = ledger.Planned
	}
	if _, err := w.ledger.InsertEntries(w.t.Context(), []ledger.Entry{e}); err != nil {
		w.t.Fatal(err)
	}
}

// land makes the invitation in the directory, which may hide a new user for a while.
func (w *real) land(mails, slow bool) invite.Invited {
	if w.users == 0 {
		w.users, w.made, w.shown = 1, w.now(), w.now()
		if slow {
			w.shown = w.now().Add(lag * tickOf)
		}
	}
	if mails {
		w.byMicrosoft++
	}
	w.links++
	return invite.Invited{UserID: userID, RedeemURL: fmt.Sprint("https://redeem.example/", w.links)}
}
