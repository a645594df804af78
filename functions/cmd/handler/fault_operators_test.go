package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

// command is an operator's process; its acts are those of a process of the handler.
func (w *trial) command() (*proc, *replay.Replay) {
	p := &proc{trial: w}
	p.running, p.end = context.WithCancel(w.t.Context())
	p.taking, p.drain = context.WithCancel(p.running)
	p.drain() // it takes no messages
	w.mu.Lock()
	defer w.mu.Unlock()
	w.procs = append(w.procs, p)
	l := (&crashtest.Process{Around: func(do func() error) error { return p.act(act{what: "ledger"}, do) }}).Ledger(w.ledger)
	return p, &replay.Replay{Ledger: l, Bus: sent{p}, DeadLetters: sent{p}}
}

// refused imports n guests whose domain the tenant blocks, and then allows it.
func (w *trial) refused(n int) (id string, want map[string]string) {
	w.t.Helper()
	w.must(w.entra.SetTenant(strings.NewReader(`{"blockedDomains": ["partner.example"]}`)))
	id, want = w.drop("refused.csv", everybody(n)), map[string]string{}
	for i := range n {
		want[guestNo(i)] = "invite.domain-blocked"
	}
	w.promised(12*time.Hour, want)
	w.must(w.entra.SetTenant(strings.NewReader(`{"blockedDomains": []}`)))
	return id, allOf(n)
}

// TestFault22Replays: twice, while another runs, and broken off after each of its acts.
func TestFault22Replays(t *testing.T) {
	t.Parallel()
	const n = 6
	t.Run("twice", func(t *testing.T) {
		inTrial(t, setup{procs: 2}, func(w *trial) {
			id, want := w.refused(n)
			for range 2 {
				_, r := w.command()
				if _, err := r.Run(w.t.Context(), replay.Selection{Import: id}); err != nil && message.AsFailure(err, "").Code != "replay.nothing" {
					w.t.Error(err)
				}
			}
			w.promised(12*time.Hour, want)
		})
	})
	t.Run("during_a_replay", func(t *testing.T) {
		inTrial(t, setup{procs: 2}, func(w *trial) {
			id, want := w.refused(n)
			w.meets(func(_ *proc, _ act, do func() error) error {
				time.Sleep(70 * time.Millisecond) // every act of both takes its time
				return do()
			})
			var both sync.WaitGroup
			for i := range 3 {
				both.Go(func() {
					time.Sleep(time.Duration(i) * 100 * time.Millisecond)
					_, r := w.command()
					if _, err := r.Run(w.t.Context(), replay.Selection{Import: id}); err != nil && message.AsFailure(err, "").Code != "replay.nothing" {
						w.t.Error(err)
					}
				})
			}
			both.Wait()
			w.promised(12*time.Hour, want)
		})
	})
	for how, breakOff := range map[string]func(p *proc, cancel context.CancelFunc){
		"cancelled": func(_ *proc, cancel context.CancelFunc) { cancel() },
		"killed":    func(p *proc, _ context.CancelFunc) { p.kill() },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			acts, over := 0, false
			for ; !over && !t.Failed(); acts++ {
				try(t, setup{}, func(w *trial) {
					id, want := w.refused(n)
					p, r := w.command()
					ctx, cancel := context.WithCancel(w.t.Context())
					defer cancel()
					done := 0
					w.meets(func(who *proc, _ act, do func() error) error {
						err := do()
						if who == p {
							if done++; done > acts {
								breakOff(p, cancel)
							}
						}
						return err
					})
					_, err := r.Run(ctx, replay.Selection{Import: id})
					over = done <= acts
					w.meets(nil)
					if over != (err == nil) && done == acts+1 && err != nil && how == "killed" && ctx.Err() != nil {
						w.t.Errorf("after %d acts: %v", done, err)
					}
					_, again := w.command()
					if _, err := again.Run(w.t.Context(), replay.Selection{Import: id}); err != nil && message.AsFailure(err, "").Code != "replay.nothing" {
						w.t.Error(err)
					}
					w.promised(12*time.Hour, want)
				})
			}
			if t.Logf("broken off after each of %d acts", acts-1); acts < 4 {
				t.Error("the acts are not counted")
			}
		})
	}
}

// TestFault23ClockSkew: of two workers and an operator one is right and the others are ten minutes before or behind. It goes
// as well as with right clocks, and takes no more messages and requests: what waits, waits for as long as it should.
func TestFault23ClockSkew(t *testing.T) {
	t.Parallel()
	count := func(t *testing.T, skews ...time.Duration) (sent, reads int, took time.Duration) {
		try(t, setup{procs: -1, entra: entra.Config{Lag: 40 * time.Second, RandSeed: 1}, env: map[string]string{"INVITE_RATE": "40"}}, func(w *trial) {
			for _, skew := range skews {
				w.start(skew)
			}
			w.fault(entra.Fault{Operation: "invite", Status: http.StatusTooManyRequests, RetryAfter: "7", Count: 5})
			w.fault(entra.Fault{Operation: "*", Status: http.StatusServiceUnavailable, Rate: 0.1, Count: 25})
			start := time.Now()
			id := w.drop("skew.csv", everybody(60))
			w.until(12*time.Hour, "the results", func() bool { i, err := w.ledger.Import(w.t.Context(), id); return err == nil && !i.Open() })
			took = time.Since(start)
			w.promised(12*time.Hour, allOf(60))
			sent, reads = len(w.bus.Sent()), w.entra.Stats().Reads
		})
		return sent, reads, took
	}
	sent, reads, took := count(t, 0, 0)
	for _, skews := range [][]time.Duration{{0, -10 * time.Minute}, {0, 10 * time.Minute}, {-10 * time.Minute, 10 * time.Minute}} {
		s, r, d := count(t, skews...)
		if s > 2*sent || r > 2*reads || d > 2*took+5*time.Minute {
			t.Errorf("clocks %v: %d messages, %d reads, %s; with right clocks %d, %d, %s", skews, s, r, d, sent, reads, took)
		}
		t.Logf("clocks %v: %d messages, %d reads, %s; with right clocks %d, %d, %s", skews, s, r, d, sent, reads, took)
	}
}

// TestFault24DeployMidMessage replaces the processes one after the other while they work: stopped with what they have in
// hand brought to its end, and killed where the platform is in a hurry. The old and the new one work beside each other.
func TestFault24DeployMidMessage(t *testing.T) {
	t.Parallel()
	for how, end := range map[string]func(*proc){"stopped": (*proc).stop, "killed": (*proc).kill} {
		for _, mode := range modes {
			t.Run(fmt.Sprintf("%s_%s", how, mode), func(t *testing.T) {
				inTrial(t, setup{procs: 2, mail: mode, entra: entra.Config{Lag: 5 * time.Second}}, func(w *trial) {
					id := w.drop("deploy.csv", everybody(60))
					for n := range 12 {
						time.Sleep(time.Duration(300+n*170) * time.Millisecond)
						old := w.all()[n]
						w.start(0)
						end(old)
					}
					if i, err := w.ledger.Import(w.t.Context(), id); err != nil || !i.Open() && i.State == ledger.Running {
						w.t.Errorf("it had ended before the deploy: %v", err)
					}
					w.promised(24*time.Hour, allOf(60))
				})
			})
		}
	}
}
