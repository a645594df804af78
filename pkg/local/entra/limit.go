package entra

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The limits (sources: page throttling-limits of 2026-02-06, and the include throttling-invitation-manager).
const (
	writesPerSecond      = 20.0 // 3,000 in 150 s, per application and tenant
	writeWindow          = 150 * time.Second
	invitationsPerSecond = 30.0 // 150 in 5 s, per tenant, all applications together
	invitationWindow     = 5 * time.Second
)

// limits counts writes and invitations. An invitation counts as a write too: whether it does in the real directory is not
// documented, so the emulator takes the stricter reading. Resource units, which bound reads, are left out.
type limits struct {
	mu          sync.Mutex
	on          bool
	now         func() time.Time
	window      time.Duration
	writes      map[string]*window // by application
	invitations *window
}

func newLimits(on bool, w time.Duration, now func() time.Time) *limits {
	if w <= 0 {
		w = writeWindow
	}
	return &limits{on: on, now: now, window: w, writes: map[string]*window{},
		invitations: newWindow(invitationsPerSecond, min(invitationWindow, w))}
}

// take counts a request, and refuses one that is over a limit.
func (l *limits) take(app, op string) (answer, bool) {
	if !l.on {
		return answer{}, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.writes[app]
	if w == nil {
		w = newWindow(writesPerSecond, l.window)
		l.writes[app] = w
	}
	now := l.now()
	wait, scope, reason := w.take(now), "Tenant_Application/ReadWrite/"+app, "WriteLimitExceeded"
	if op == opInvite {
		if more := l.invitations.take(now); more > wait {
			wait, scope, reason = more, "Tenant/ReadWrite", "RequestLimitExceeded"
		}
	}
	if wait == 0 {
		return answer{}, true
	}
	no := refuse(http.StatusTooManyRequests, tooMany, "Too many requests.")
	no.header = map[string]string{"Retry-After": strconv.Itoa(int(math.Ceil(wait.Seconds()))), "x-ms-throttle-scope": scope, "x-ms-throttle-information": reason}
	return no, false
}

// steps is how finely a window slides.
const steps = 50

// window is a sliding window of requests, counted in steps. Refused ones count too (source: concept page throttling: all
// requests accrue against the limits), so who does not wait waits longer.
type window struct {
	limit  int
	step   time.Duration
	counts [steps]int
	total  int
	at     int64 // number of the newest step
}

func newWindow(rate float64, w time.Duration) *window {
	return &window{limit: max(1, int(math.Round(rate*w.Seconds()))), step: max(1, w/steps)}
}

// take counts one request at now. It returns 0, or how long to wait before the next would pass.
func (w *window) take(now time.Time) time.Duration {
	w.slide(now)
	over := w.total >= w.limit
	w.counts[w.at%steps]++
	w.total++
	if !over {
		return 0
	}
	left := w.total
	for i := w.at - steps + 1; i <= w.at; i++ {
		if left -= w.counts[i%steps]; left < w.limit {
			return time.Unix(0, (i+steps)*int64(w.step)).Sub(now)
		}
	}
	return w.step * steps
}

// slide forgets the steps that have left the window.
func (w *window) slide(now time.Time) {
	at := now.UnixNano() / int64(w.step)
	for i := max(w.at+1, at-steps+1); i <= at; i++ {
		w.total -= w.counts[i%steps]
		w.counts[i%steps] = 0
	}
	w.at = max(w.at, at)
}
