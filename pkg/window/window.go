// Package window says how much work may be on its way to Microsoft Graph at a time, for all imports together and for each.
// What is on its way lies in a queue, where a later file cannot overtake it; so queues hold less than a minute of work, and
// the rest waits in the ledger. pkg/plan sends what nobody has sent yet, pkg/sweep what waited.
//
// The window follows the rates at present ([pace.InviteRate], [pace.WriteRate]), and the imports that have something to send
// share it.
package window

import (
	"context"
	"fmt"
	"iter"
	"math"
	"sync"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/pace"
)

const (
	// planTime is how much time's worth of invitations plan keeps on its way. It looks every ten seconds, and whoever comes
	// after them waits that long and as long as an assignment takes.
	planTime = 20 * time.Second
	// sweepTime is how much the sweep sends at a time, once a minute, spread over that minute.
	sweepTime = time.Minute
	// targetTime is the same for assignments. They may queue longer: they go first at Microsoft Graph, and twenty of one
	// group go in one call.
	targetTime = 10 * time.Minute
	// least is how many invitations are on their way even while the ramp allows one each six seconds: most guests of many
	// files exist already, and to look them up is not slowed.
	least = 20
	// most bounds them where limits are off: 2,000 invitations are 20 s of what a process does.
	most, mostTargets = 2000, 12_000
	// believed is for how long the number of imports is believed.
	believed = 10 * time.Second
)

// Limits are how much may be on its way for all imports together.
type Limits struct {
	Plan, Sweep int // invitations, while plan and while the sweep adds to them
	Targets     int
	// Interval is the time between two new invitations at the present rate; Ramped says that the ramp limits it.
	Interval time.Duration
	Ramped   bool
	// Left is how many new invitations the day's cap leaves, if there is a cap.
	Left   int
	Capped bool
}

// At returns the limits by the tenant's row at a time; s are the settings of a row that nobody has written yet.
func At(t ledger.Tenant, s pace.Settings, now time.Time) Limits {
	t = s.Fill(t)
	perSecond, ramped := pace.InviteRate(t, now)
	l := Limits{Plan: calls(perSecond, planTime, most), Sweep: calls(perSecond, sweepTime, most),
		Targets: calls(pace.WriteRate(t, now), targetTime, mostTargets),
		Ramped:  ramped, Interval: time.Duration(float64(time.Second) / perSecond)}
	l.Left, l.Capped = pace.DayLeft(t.Ramp, now)
	return l
}

func calls(perSecond float64, d time.Duration, most int) int {
	return int(max(least, min(math.Floor(perSecond*d.Seconds()), float64(most))))
}

// Ledger is the part of the ledger that this package reads.
type Ledger interface {
	Now(ctx context.Context) (time.Time, error)
	Tenant(ctx context.Context) (ledger.Tenant, error)
	ListImports(ctx context.Context, openOnly bool) iter.Seq2[ledger.Import, error]
	Tally(ctx context.Context, importID string) (ledger.Tally, error)
}

// Breaker tells whether the circuit breaker is open; see pkg/breaker.
type Breaker interface {
	Open(ctx context.Context) (ledger.Breaker, bool, error)
}

// Window is one process's view of the window. It may be used by many goroutines.
type Window struct {
	Ledger   Ledger
	Settings pace.Settings
	Breaker  Breaker

	mu sync.Mutex
	// sent is how many invitations of each import that shares the window were on their way when it was last looked at: all at
	// the time at, each again when it asks for room.
	sent map[string]int
	at   time.Time
}

// Room is how many more invitations of one import may be sent now.
type Room struct {
	Invites int
	Why     string // if there are none: what is waited for
}

// Room returns what room an import has. There is none while the breaker is open, but for one guest of an import of which
// nobody waits for it yet: who waits is what the breaker is probed with. An import's share may be less than what
// it has on its way already, since others have come or the rate has fallen; it is at least one, so that all move.
func (w *Window) Room(ctx context.Context, importID string) (Room, error) {
	_, open, err := w.Breaker.Open(ctx)
	if err != nil {
		return Room{}, fmt.Errorf("look at the breaker: %w", err)
	}
	t, err := w.Ledger.Tally(ctx, importID)
	if err != nil {
		return Room{}, err
	}
	switch waiting := t.InviteSent + t.Waiting[ledger.WaitBreaker]; {
	case open && waiting == 0:
		return Room{Invites: 1}, nil
	case open:
		return Room{Why: "the circuit breaker is open"}, nil
	}
	l, err := w.Limits(ctx)
	if err != nil {
		return Room{}, err
	}
	sharers, sent, err := w.shared(ctx, importID, t.InviteSent)
	if err != nil {
		return Room{}, err
	}
	room := min(max(1, l.Plan/sharers)-t.InviteSent, l.Plan+l.Plan/4-sent)
	if t.InviteSent == 0 {
		room = max(1, room)
	}
	switch {
	case t.TargetsSent >= max(1, l.Targets/sharers):
		return Room{Why: "enough assignments are on their way"}, nil
	case room > 0:
		return Room{Invites: room}, nil
	}
	return Room{Why: "enough invitations are on their way"}, nil
}

// Limits returns the limits at present.
func (w *Window) Limits(ctx context.Context) (Limits, error) {
	t, err := w.Ledger.Tenant(ctx)
	if err != nil {
		return Limits{}, err
	}
	now, err := w.Ledger.Now(ctx)
	if err != nil {
		return Limits{}, err
	}
	return At(t, w.Settings, now), nil
}

// shared returns how many imports share the window, and how many invitations of all of them are on their way. An import that
// asks counts at once: many that come in the same moment would take the whole window each otherwise. What has been worked
// off since, and what other processes send, it may know ten seconds late: so there may be a quarter more than a window on
// its way, for each process, and one of each import.
func (w *Window) shared(ctx context.Context, importID string, sent int) (sharers, all int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock() // one count serves all that ask meanwhile
	if w.at.IsZero() || time.Since(w.at) >= believed {
		counted, err := w.count(ctx)
		if err != nil {
			return 0, 0, err
		}
		w.sent, w.at = counted, time.Now()
	}
	w.sent[importID] = sent
	for _, n := range w.sent {
		all += n
	}
	return len(w.sent), all, nil
}

// count looks at the imports that share the window: those with guests that were not sent yet or are on their way.
func (w *Window) count(ctx context.Context) (map[string]int, error) {
	sent := map[string]int{}
	for i, err := range w.Ledger.ListImports(ctx, true) {
		if err != nil {
			return nil, err
		}
		if i.Cancelled || i.State != ledger.Planning && i.State != ledger.Running {
			continue
		}
		t, err := w.Ledger.Tally(ctx, i.ID)
		if err != nil {
			return nil, err
		}
		if i.State == ledger.Planning || t.InvitePlanned+t.InviteSent+t.TargetsSent > 0 {
			sent[i.ID] = t.InviteSent
		}
	}
	return sent, nil
}
