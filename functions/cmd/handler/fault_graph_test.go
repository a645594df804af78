package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"guestlist/pkg/local/entra"
)

func (w *trial) fault(f entra.Fault) {
	w.t.Helper()
	w.must(w.entra.SetFault(f))
}

// struck fails the test if fewer requests than least met a fault.
func (w *trial) struck(least int) {
	w.t.Helper()
	if n := w.entra.Stats().Faults; n < least {
		w.t.Errorf("%d faults, want at least %d", n, least)
	}
}

// TestFault09ThrottlingStorm answers a third of the requests with 429, with each kind of Retry-After and without.
func TestFault09ThrottlingStorm(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{"seconds": "2", "none": "", "a_word": "soon", "zero": "0", "negative": "-5", "huge": "99999999999999999999",
		"a_fraction": "1.5", "a_date": "date:20s", "a_date_that_has_passed": "date:-1h"} {
		t.Run(name, func(t *testing.T) {
			inTrial(t, setup{}, func(w *trial) {
				w.fault(entra.Fault{Operation: "*", Status: http.StatusTooManyRequests, RetryAfter: after, Rate: 0.33, Count: 40})
				w.drop("storm.csv", everybody(30))
				w.promised(24*time.Hour, allOf(30))
				w.struck(30)
			})
		})
	}
}

// befalls puts a fault before the directory that strikes every third request, at most so often, and counts.
func (w *trial) befalls(most int, fault func(rw http.ResponseWriter, r *http.Request, next http.Handler)) *atomic.Int32 {
	var seen, struck atomic.Int32
	w.net.stands(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/v1.0") && seen.Add(1)%3 == 0 && struck.Add(1) <= int32(most) {
			fault(rw, r, next)
			return
		}
		next.ServeHTTP(rw, r)
	})
	return &struck
}

// TestFault10ServerErrors mixes the kinds of 5xx, before and after the deed, and breaks connections and answers.
func TestFault10ServerErrors(t *testing.T) {
	t.Parallel()
	cut := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	answer := func(next http.Handler, r *http.Request) *httptest.ResponseRecorder {
		res := httptest.NewRecorder()
		next.ServeHTTP(res, r)
		return res
	}
	head := func(rw http.ResponseWriter, res *httptest.ResponseRecorder) {
		for k, v := range res.Header() {
			rw.Header()[k] = v
		}
		rw.WriteHeader(res.Code)
	}
	faults := map[string]func(rw http.ResponseWriter, r *http.Request, next http.Handler){
		"reset_before": func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) { cut(rw) },
		"reset_after": func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			answer(next, r)
			cut(rw)
		},
		"byte_by_byte": func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			res := answer(next, r)
			head(rw, res)
			for _, b := range res.Body.Bytes() {
				if _, err := rw.Write([]byte{b}); err != nil || r.Context().Err() != nil {
					return
				}
				_ = http.NewResponseController(rw).Flush()
				time.Sleep(time.Second)
			}
		},
		"never_ends": func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			head(rw, answer(next, r))
			_ = http.NewResponseController(rw).Flush()
			hang(r)
		},
		"never_begins": func(_ http.ResponseWriter, r *http.Request, next http.Handler) {
			answer(next, r)
			hang(r)
		},
		"truncated": func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			res := answer(next, r)
			rw.Header().Set("Content-Length", fmt.Sprint(res.Body.Len()+1))
			head(rw, res)
			_, _ = rw.Write(res.Body.Bytes()[:res.Body.Len()/2])
			cut(rw)
		},
		"a_gateways_page": func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(rw, "<html>Bad gateway</html>")
		},
	}
	for name, fault := range faults {
		for _, mode := range modes {
			t.Run(name+"_"+mode, func(t *testing.T) {
				inTrial(t, setup{mail: mode}, func(w *trial) {
					struck := w.befalls(25, fault)
					w.drop("errors.csv", everybody(12))
					w.promised(48*time.Hour, allOf(12))
					if struck.Load() < 10 {
						w.t.Errorf("%d faults", struck.Load())
					}
				})
			})
		}
	}
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("mixed_after_%t", after), func(t *testing.T) {
			inTrial(t, setup{}, func(w *trial) {
				for _, status := range []int{500, 502, 503, 504, 507} {
					w.fault(entra.Fault{Operation: "*", Status: status, Rate: 0.07, Count: 12, After: after})
				}
				w.drop("mixed.csv", everybody(30))
				w.promised(48*time.Hour, allOf(30))
				w.struck(15)
			})
		})
	}
}

// TestFault11GatewayTimeoutAfterTheInviteSucceeded loses the answer to every second invitation.
func TestFault11GatewayTimeoutAfterTheInviteSucceeded(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			inTrial(t, setup{mail: mode, entra: entra.Config{Lag: 5 * time.Second}}, func(w *trial) {
				w.fault(entra.Fault{Operation: "invite", Refusal: "gateway-timeout", After: true, Rate: 0.5, Count: 15})
				w.drop("gateway.csv", everybody(30))
				w.promised(24*time.Hour, allOf(30))
				w.struck(10)
			})
		})
	}
}

// TestFault12ReplicationLag shows new users late.
func TestFault12ReplicationLag(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		for _, mode := range modes {
			t.Run(lag.String()+"_"+mode, func(t *testing.T) {
				inTrial(t, setup{mail: mode, entra: entra.Config{Lag: lag, RandSeed: 1}}, func(w *trial) {
					w.drop("lag.csv", everybody(40))
					w.promised(12*time.Hour, allOf(40))
				})
			})
		}
	}
}

// TestFault13AlreadyMemberAndAlreadyAssigned: some have all of it before the import, and for others somebody is quicker
// between look and write. All of them have succeeded.
func TestFault13AlreadyMemberAndAlreadyAssigned(t *testing.T) {
	seed := entra.Seed{}
	for i := range 10 {
		seed.Users = append(seed.Users, entra.User{ID: fmt.Sprintf("77777777-0000-4000-8000-0000000000%02d", i), Mail: guestNo(i), UserType: "Guest"})
	}
	inTrial(t, setup{entra: entra.Config{Seed: seed}}, func(w *trial) {
		w.net.stands(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			first := r.Method != http.MethodGet && (strings.HasPrefix(r.URL.Path, "/v1.0/groups/") || strings.HasSuffix(r.URL.Path, "appRoleAssignedTo"))
			if first { // somebody else writes the very same a moment earlier
				body, err := io.ReadAll(r.Body)
				w.must(err)
				again := r.Clone(r.Context())
				again.Body = io.NopCloser(strings.NewReader(string(body)))
				next.ServeHTTP(httptest.NewRecorder(), again)
				r.Body = io.NopCloser(strings.NewReader(string(body)))
			}
			next.ServeHTTP(rw, r)
		})
		w.drop("quicker.csv", everybody(20))
		w.promised(12*time.Hour, allOf(20))
		w.net.stands(nil)
		w.drop("again.csv", everybody(20)) // all of it is there
		w.promised(12*time.Hour, allOf(20))
		if n := w.entra.Stats().UsersCreated; n != 10 {
			w.t.Errorf("%d users were created", n)
		}
	})
}

// hang keeps a request without an answer for longer than anybody waits. A server hears of a client that has gone only
// once it has read the whole request.
func hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(10 * time.Minute):
	}
}
