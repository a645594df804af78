package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"guestlist/functions/cmd/devstack/internal/soak"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/local/servicebus"
)

// affliction makes faults happen to a stack and its fleet, and counts them.
type affliction struct {
	stack *stack
	fleet *fleet
	seed  uint64
	base  entra.Rates // what the directory does all the time

	mu    sync.Mutex
	count map[soak.Kind]int
	bus   []*servicebus.Fault // what lasts at the moment
	mail  []*mailbox.Fault
	rates []*entra.Rates
	wg    sync.WaitGroup // faults that end by themselves

	storage sync.RWMutex // held while the storage stands still, and for reading by who must not be hit by that
}

func newAffliction(s *stack, f *fleet, seed uint64, base entra.Rates) *affliction {
	return &affliction{stack: s, fleet: f, seed: seed, base: base, count: map[soak.Kind]int{}}
}

// inflict begins a fault. A kill waits until there is something to kill; false means that ctx ended first.
func (a *affliction) inflict(ctx context.Context, f soak.Fault) bool {
	if !a.begin(ctx, f) {
		return false
	}
	a.mu.Lock()
	a.count[f.Kind]++
	a.mu.Unlock()
	return true
}

func (a *affliction) begin(ctx context.Context, f soak.Fault) bool {
	host := a.fleet.slots[f.Host%len(a.fleet.slots)]
	switch f.Kind {
	case soak.KillHandler:
		return try(ctx, host.killHandler)
	case soak.KillHost:
		return try(ctx, host.killHost)
	case soak.CutBroker:
		a.stack.bus.DropConnections()
	case soak.StopHost:
		return try(ctx, func() bool { return host.stopHost(f.For) })
	case soak.Freeze:
		a.freeze(f.For)
	case soak.BusFault:
		lasting(a, f.For, &a.bus, &f.Bus)
	case soak.GraphFault:
		lasting(a, f.For, &a.rates, &f.Rates)
	case soak.MailFault:
		lasting(a, f.For, &a.mail, &f.Mail[0])
	case soak.LoseAnswers:
		return a.stack.entra.SetFault(entra.Fault{Operation: "invite", After: true, Reset: true, Count: f.Count}) == nil
	case soak.Revoke:
		return a.revoke(ctx)
	case soak.HangUp:
		a.stack.mailbox.Hangup()
	}
	return true
}

// try does something again and again until it is done.
func try(ctx context.Context, do func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !do() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// freeze stops the storage's process for a while: connections stay, and nobody answers.
func (a *affliction) freeze(d time.Duration) {
	pid := a.stack.azurite.PID()
	a.wg.Go(func() {
		a.storage.Lock()
		defer a.storage.Unlock()
		if syscall.Kill(pid, syscall.SIGSTOP) == nil {
			time.Sleep(d)
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})
}

// lasting adds a fault to those of its kind that last, and takes it away after d. Several may last at once.
func lasting[T any](a *affliction, d time.Duration, all *[]*T, f *T) {
	a.change(func() { *all = append(*all, f) })
	a.wg.Go(func() {
		time.Sleep(d)
		a.change(func() { *all = slices.DeleteFunc(*all, func(g *T) bool { return g == f }) })
	})
}

// change changes what lasts, and tells the emulators. The faults were checked when they were made.
func (a *affliction) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	_ = a.stack.bus.SetFaults(a.seed, values(a.bus)...)
	_ = a.stack.mailbox.SetFaults(append(soak.Refusals(), values(a.mail)...)...)
	rates := a.base
	for _, r := range a.rates {
		rates.Before, rates.AfterWrite, rates.Reset = max(rates.Before, r.Before), max(rates.AfterWrite, r.AfterWrite), max(rates.Reset, r.Reset)
		rates.Throttle, rates.Slow = max(rates.Throttle, r.Throttle), max(rates.Slow, r.Slow)
	}
	_ = a.stack.entra.SetRates(rates)
}

func values[T any](all []*T) []T {
	var out []T
	for _, p := range all {
		out = append(out, *p)
	}
	return out
}

// revoke ends every token that the directory gave away.
func (a *affliction) revoke(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.stack.entra.ControlURL()+"/tokens/revoke", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode < 300
}

// over waits until every fault that lasts has ended.
func (a *affliction) over() { a.wg.Wait() }

// kills counts the kills so far, faults everything else.
func (a *affliction) counts() (kills, faults int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for kind, n := range a.count {
		if slices.Contains(soak.Kills, kind) {
			kills += n
		} else {
			faults += n
		}
	}
	return kills, faults
}
