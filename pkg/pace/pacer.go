package pace

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/wait"
)

const (
	// DefaultReserve is the Reserve of a new Pacer.
	DefaultReserve = 45 * time.Second
	// longWait is a wait after which the row is read again before the call goes: another process may have been throttled.
	longWait = 2 * time.Second
	// patience is how long an invitation waits to be booked. Handing its message back at once would have the next one in the
	// queue fare the same, many times a second, where several processes wait for one bucket.
	patience = 8 * time.Second
	// InvitationWait is about how long [Pacer.Invitation] may wait: to be booked, and for its time then.
	InvitationWait = patience + longestStep
	// again is the least time between two tries to book the same call.
	again = 250 * time.Millisecond
)

// Pacer books the calls of one process. All processes of a tenant share one ledger, and with it one pace. Its methods may
// be called from many goroutines; those that wait for their turn at the same moment are booked together.
type Pacer struct {
	// Reserve is what an act may take once its time has come: a call whose turn comes later than this before the end of its
	// context is not booked. Set it before the first call.
	Reserve time.Duration

	ledger   ledger.Tenants
	settings Settings

	mu        sync.Mutex
	queue     []*request            // not booked yet
	booking   bool                  // whether somebody books for all
	waiting   map[*request]struct{} // booked, their time has not come
	succeeded int                   // invitations that worked, to be written with the next booking
}

// request is one call that waits for its time.
type request struct {
	ctx        context.Context // of who waits; it may end before the booking does
	invitation bool
	latest     time.Time     // when it has to go, by the process's clock; zero if it may go at any time
	done       chan struct{} // closed when booked or refused
	void       chan struct{} // closed when a booking does not count any more: the row was halved after it

	booked time.Time     // when it was booked, by the ledger's clock
	wait   time.Duration // from then to its time
	since  time.Time     // the process's clock at booked
	err    error
	gone   bool // nobody waits for it any more
}

// New returns a pacer. A tenant's row that nobody has written yet is made with the settings.
func New(l ledger.Tenants, s Settings) *Pacer {
	return &Pacer{Reserve: DefaultReserve, ledger: l, settings: s, waiting: map[*request]struct{}{}}
}

// Write returns when one directory write may go that is no invitation. It may wait 20 s; if it would have to wait longer,
// or so long that too little of ctx's time is left to act, it returns at once with a [message.Later] and books nothing. It
// returns ctx's error if ctx ends first.
func (p *Pacer) Write(ctx context.Context) (*Call, error) { return p.wait(ctx, false) }

// Invitation does the same for a new invitation, which is a write too. It is booked 2 s ahead at most, so that assignments
// go first, and waits 8 s to be booked; under the ramp it may be booked 10 s ahead. The error is [Full] if ramp or cap is
// what limits it.
func (p *Pacer) Invitation(ctx context.Context) (*Call, error) { return p.wait(ctx, true) }

func (p *Pacer) wait(ctx context.Context, invitation bool) (*Call, error) {
	for start := time.Now(); ; {
		r, err := p.booked(ctx, invitation)
		if f, ok := errors.AsType[*far](err); ok && time.Since(start)+f.in < patience {
			if err := wait.For(ctx, max(f.in, again)+rand.N(again)); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		counts, err := p.await(ctx, r)
		if err != nil {
			return nil, err
		}
		if counts {
			return &Call{pacer: p, invitation: invitation, booked: r.booked}, nil
		}
	}
}

// booked returns when a call is booked, or the verdict on it if it cannot be.
func (p *Pacer) booked(ctx context.Context, invitation bool) (*request, error) {
	r := &request{ctx: ctx, invitation: invitation, done: make(chan struct{}), void: make(chan struct{})}
	if end, ok := ctx.Deadline(); ok {
		r.latest = end.Add(-p.Reserve)
	}
	p.enqueue(r)
	select {
	case <-r.done:
		return r, r.err
	case <-ctx.Done():
		p.forget(r)
		return nil, context.Cause(ctx)
	}
}

// await waits for the time of a booked call. False means that the booking does not count any more.
func (p *Pacer) await(ctx context.Context, r *request) (bool, error) {
	defer p.forget(r)
	timer := time.NewTimer(r.wait - time.Since(r.since))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.void:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	if r.wait > longWait {
		if t, err := p.ledger.Tenant(ctx); err == nil {
			p.learn(t)
		}
	}
	select {
	case <-r.void:
		return false, nil
	default:
		return true, nil
	}
}

func (p *Pacer) forget(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.gone = true
	delete(p.waiting, r)
}
