package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
)

// TestFault14TenantBlocked: on either text everything stops, nobody fails and nobody else is tried; when the tenant takes
// invitations again and the breaker is closed, all goes on.
func TestFault14TenantBlocked(t *testing.T) {
	t.Parallel()
	for gate, cause := range map[string]breaker.Cause{"blocked": breaker.Blocked, "disallowed": breaker.Refused} {
		t.Run(gate, func(t *testing.T) {
			inTrial(t, setup{procs: 2}, func(w *trial) {
				w.drop("first.csv", everybody(5))
				w.promised(time.Hour, allOf(5))
				w.must(w.entra.SetInvitations(gate))
				id := w.drop("blocked.csv", everybody(60))
				w.until(time.Hour, "the breaker opens", func() bool { return w.breaker().Open })
				time.Sleep(5 * time.Minute)
				tried := w.entra.Stats().Paths["POST /invitations"]
				time.Sleep(10 * time.Minute)
				row, tally := w.breaker(), w.tally(id)
				if row.Cause != string(cause) || tally.Waiting[ledger.WaitBreaker] == 0 || tally.Ended[ledger.Failed] > 0 || tried > 5+2*16 {
					w.t.Errorf("%d tried; breaker %+v; %+v", tried, row, tally)
				}
				if n := w.entra.Stats().Paths["POST /invitations"]; n > tried+1 || w.entra.Stats().UsersCreated != 5 {
					w.t.Errorf("%d more tried in ten minutes, %d users", n-tried, w.entra.Stats().UsersCreated)
				}
				for _, q := range message.Queues {
					if d := w.bus.Depth(q); d.DeadLettered > 0 {
						w.t.Errorf("dead letters: %+v", d)
					}
				}
				w.must(w.entra.SetInvitations("open"))
				_, err := breaker.New(w.ledger, breaker.DefaultWaits).Close(w.t.Context(), "case 4711: invitations are taken again")
				w.must(err)
				w.promised(12*time.Hour, allOf(60))
			})
		})
	}
}

// TestFault15DailyQuotaReached: who is beyond a day's number waits until midnight UTC, be the number ours or Microsoft's.
func TestFault15DailyQuotaReached(t *testing.T) {
	t.Parallel()
	t.Run("ours", func(t *testing.T) {
		inTrial(t, setup{procs: 2, env: map[string]string{"INVITE_CAP": "20"}}, func(w *trial) {
			time.Sleep(21 * time.Hour)
			id := w.drop("quota.csv", everybody(50))
			w.until(time.Hour, "the day is used up", func() bool { return w.tally(id).Waiting[ledger.WaitDay] == 30 })
			w.until(4*time.Hour, "the next day", func() bool { return w.entra.Stats().UsersCreated > 20 })
			if now := time.Now().UTC(); now.Hour() != 0 || now.Minute() > 3 {
				w.t.Errorf("it went on at %s", now)
			}
			w.promised(72*time.Hour, allOf(50))
		})
	})
	t.Run("microsofts", func(t *testing.T) {
		inTrial(t, setup{procs: 2}, func(w *trial) {
			time.Sleep(21 * time.Hour)
			w.must(w.entra.SetTenant(strings.NewReader(`{"dailyCap": 20}`)))
			id := w.drop("quota.csv", everybody(50))
			w.until(time.Hour, "the day is used up", func() bool { return w.entra.Stats().UsersCreated == 20 && w.tally(id).Ended[ledger.Done] == 20 })
			before := w.entra.Stats().Paths["POST /invitations"]
			time.Sleep(2 * time.Hour)
			if n := w.entra.Stats().Paths["POST /invitations"] - before; n > 200 {
				w.t.Errorf("%d invitations tried in two hours that could not work", n)
			}
			w.promised(96*time.Hour, allOf(50))
		})
	})
}

// TestFault16TokenExpiryAndIdentityFailure: tokens end in the midst of it, and the identity endpoint is down, throttled or
// broken for minutes.
func TestFault16TokenExpiryAndIdentityFailure(t *testing.T) {
	t.Parallel()
	t.Run("token_expired", func(t *testing.T) {
		inTrial(t, setup{procs: 2}, func(w *trial) {
			w.fault(entra.Fault{Operation: "*", Refusal: "token-expired", Rate: 0.2, Count: 10})
			w.drop("token.csv", everybody(30))
			w.promised(12*time.Hour, allOf(30))
			w.struck(5)
			if row := w.breaker(); !row.Opened.IsZero() {
				w.t.Errorf("breaker %+v", row)
			}
		})
	})
	for name, fail := range map[string]http.HandlerFunc{
		"down": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"throttled": func(rw http.ResponseWriter, _ *http.Request) {
			http.Error(rw, `{"message":"slow down"}`, http.StatusTooManyRequests)
		},
		"broken": func(rw http.ResponseWriter, _ *http.Request) {
			http.Error(rw, `{"message":"broken"}`, http.StatusInternalServerError)
		},
		"says_nothing": func(_ http.ResponseWriter, r *http.Request) { hang(r) },
	} {
		t.Run("identity_"+name, func(t *testing.T) {
			inTrial(t, setup{procs: 2}, func(w *trial) {
				until := time.Now().Add(10 * time.Minute)
				w.net.stands(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
					if r.URL.Path == "/msi/token" && time.Now().Before(until) {
						fail(rw, r)
						return
					}
					next.ServeHTTP(rw, r)
				})
				w.drop("identity.csv", everybody(30))
				w.promised(12*time.Hour, allOf(30))
				if n := w.entra.Stats().UsersCreated; n != 30 || time.Now().Before(until) {
					w.t.Errorf("%d users", n)
				}
			})
		})
	}
}
