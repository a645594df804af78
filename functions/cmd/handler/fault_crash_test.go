package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
)

// modes are the two ways of mailing guests; with dedup on and off they are what the faults of processes and broker are
// tried in.
var modes = []string{"own", "microsoft"}

// inModes runs f in both mail modes, with duplicate detection on and off.
func inModes(t *testing.T, s setup, f func(w *trial)) {
	t.Parallel()
	for _, mode := range modes {
		for _, window := range []time.Duration{0, time.Hour} {
			s.mail, s.broker.DuplicateWindow = mode, window
			t.Run(fmt.Sprintf("%s_dedup_%t", mode, window > 0), func(t *testing.T) { inTrial(t, s, f) })
		}
	}
}

// dies waits until a process was killed, and starts another.
func (w *trial) dies(p *proc) {
	w.t.Helper()
	w.until(time.Hour, "the kill", p.dead.Load)
	w.start(0)
}

// TestFault01SplitterKilledAfterNOfMSends kills the process when n of its m invitations are sent, for every n.
func TestFault01SplitterKilledAfterNOfMSends(t *testing.T) {
	t.Parallel()
	const m = 5
	for n := range m + 1 {
		t.Run(fmt.Sprintf("%d_of_%d", n, m), func(t *testing.T) {
			inModes(t, setup{}, func(w *trial) {
				first := w.all()[0]
				var sent atomic.Int32
				w.meets(func(p *proc, a act, do func() error) error {
					if p != first || a.what != "send" || a.msgs[0].Kind != message.Invite && (a.msgs[0].Kind != message.Plan || sent.Load() < m) {
						return do()
					}
					if int(sent.Load()) == n { // all of them are sent, or the next one is not
						p.kill()
						return errKilled
					}
					sent.Add(int32(len(a.msgs)))
					return do()
				})
				w.drop("split.csv", everybody(m))
				w.until(time.Hour, "the kill", func() bool {
					return first.dead.Load() || w.tally(w.imports[0]).InviteSent+w.tally(w.imports[0]).Invited == m && int(sent.Load()) == m
				})
				first.kill() // after the last send, and before the plan says that it is done
				w.start(0)
				w.promised(12*time.Hour, allOf(m))
			})
		})
	}
}

// TestFault02AckLost: the broker takes each message and each dead letter, and the sender hears of a time-out, the first
// time for each: sends of the plan, of what follows an invitation, of copies for later, of reports, and dead-letterings.
func TestFault02AckLost(t *testing.T) {
	member := entra.User{ID: "99999999-0000-4000-8000-000000000001", Mail: "member@partner.example", UserType: "Member"}
	s := setup{procs: 2, entra: entra.Config{Lag: 20 * time.Second, Seed: entra.Seed{Users: []entra.User{member}}}}
	inModes(t, s, func(w *trial) {
		w.must(w.entra.SetFault(entra.Fault{Operation: "invite", Status: http.StatusTooManyRequests, RetryAfter: "2", Count: 3}))
		var mu sync.Mutex
		lost := map[string]int{}
		w.meets(func(_ *proc, a act, do func() error) error {
			err := do()
			key, kind := a.what, a.what
			if a.what == "send" {
				key, kind = a.msgs[0].ID(), string(a.msgs[0].Kind)
				if a.msgs[0].Kind == message.Report {
					key = "report of an import" // each has an id of its own, and not all of them are lost
				} else if a.msgs[0].Delay > 0 && a.msgs[0].Kind != message.Plan {
					kind = "later"
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil && (a.what == "send" || a.what == "bury") && lost[key] == 0 {
				lost[key]++
				lost[kind]++
				return fmt.Errorf("lost: %w", context.DeadlineExceeded)
			}
			return err
		})
		w.drop("acks.csv", everybody(10)+row("member@partner.example"))
		want := allOf(10)
		want["member@partner.example"] = "member.exists"
		w.promised(24*time.Hour, want)
		for _, kind := range []string{"stage", "plan", "invite", "assign", "later", "report", "bury"} {
			if lost[kind] == 0 {
				w.t.Errorf("no acknowledgement of %s was lost: %v", kind, lost)
			}
		}
	})
}

// TestFault06LockLostDuringGraphCall: each write to the directory and each mail takes longer than the lock, so that the
// message comes to a second worker while the first is about it.
func TestFault06LockLostDuringGraphCall(t *testing.T) {
	inModes(t, setup{procs: 2, broker: membus.Options{Lock: 10 * time.Second}}, func(w *trial) {
		var slow atomic.Int32
		w.net.stands(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if n := slow.Add(1); r.Method != http.MethodGet && n%2 == 0 {
				time.Sleep(14 * time.Second) // before the deed; the others after it
			}
			next.ServeHTTP(rw, r)
			if r.Method != http.MethodGet {
				time.Sleep(14 * time.Second)
			}
		})
		w.meets(func(_ *proc, a act, do func() error) error {
			if a.what == "mail" {
				time.Sleep(14 * time.Second)
			}
			return do()
		})
		w.drop("locks.csv", everybody(8))
		w.promised(48*time.Hour, allOf(8))
		if w.bus.Redelivered() == 0 {
			w.t.Error("no lock was lost")
		}
	})
}

// TestFault07DuplicateDeliveryToTwoWorkersAtOnce: every message is there twice, and two processes take them.
func TestFault07DuplicateDeliveryToTwoWorkersAtOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			inTrial(t, setup{procs: 2, mail: mode, entra: entra.Config{Lag: 10 * time.Second}}, func(w *trial) {
				w.meets(func(_ *proc, a act, do func() error) error {
					if a.what == "send" {
						if err := do(); err != nil {
							return err
						}
					}
					return do()
				})
				etag := w.put("twice.csv", []byte(everybody(20)))
				w.event("twice.csv", "PutBlob", etag)
				w.event("twice.csv", "PutBlob", etag)
				w.promised(24*time.Hour, allOf(20))
			})
		})
	}
}

// TestFault08WorkerKilledAfterInviteBeforeGroup kills the process at each act that follows its first invitation, counted
// from the invitation itself, until there is none left.
func TestFault08WorkerKilledAfterInviteBeforeGroup(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			n, grouped := 0, false
			for ; !grouped; n++ {
				try(t, setup{mail: mode}, func(w *trial) {
					first := w.all()[0]
					var mu sync.Mutex
					invited, after := false, 0
					w.meets(func(p *proc, a act, do func() error) error {
						if p != first {
							return do()
						}
						err := do()
						mu.Lock() // not around the act: what waits for a mutex stops the bubble's time
						defer mu.Unlock()
						if strings.HasPrefix(a.what, "PATCH") || strings.HasPrefix(a.what, "POST /v1.0/groups") {
							grouped = true
						}
						invited = invited || a.what == "POST /v1.0/invitations"
						if invited {
							if after++; after > n {
								p.kill()
							}
						}
						return err
					})
					w.drop("killed.csv", everybody(2))
					w.dies(first)
					w.promised(24*time.Hour, allOf(2))
				})
				if t.Failed() {
					t.Fatalf("killed %d acts after the invitation", n)
				}
			}
			if t.Logf("killed at each of %d acts", n); n < 5 {
				t.Error("the acts are not counted")
			}
		})
	}
}
