package entra

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The limits (sources: page throttling-limits of 2026-02-06, and the include throttling-invitation-manager). Those of one
// application over all tenants are wider than what one tenant allows, and left out.
const (
	writesPerSecond       = 20.0 // 3,000 in 150 s, per application and tenant
	tenantWritesPerSecond = 60.0 // 18,000 in 300 s, per tenant, all applications together
	writeWindow           = 150 * time.Second
	invitationsPerSecond  = 30.0 // 150 in 5 s, per tenant, all applications together
	invitationWindow      = 5 * time.Second
	unitWindow            = 10 * time.Second // of resource units, per application and tenant
)

// unitsPerSecond is how many resource units an application may use, by the number of users: 3,500, 5,000 or 8,000 in 10 s.
func unitsPerSecond(users int) float64 {
	switch {
	case users < 50:
		return 350
	case users <= 500:
		return 500
	}
	return 800
}

// units is what q costs (source: page throttling-limits, table of resource units and its modifiers).
func (q *request) units(base int) int {
	if q.query.Has("$select") {
		base--
	}
	if n, err := strconv.Atoi(q.query.Get("$top")); err == nil && n < 20 {
		base--
	}
	return max(1, base)
}

// writeCost is how many writes q counts as. An invitation is one too, unless it is set apart.
func (c *call) writeCost(s Settings) int {
	switch {
	case !c.q.writes(), c.route.op == opMail, c.route.op == opInvite && s.InvitationsApart:
		return 0
	case c.q.Method == http.MethodPatch && s.PatchCost == "thirds":
		return max(1, (bytes.Count(c.q.body, []byte("://"))+2)/3)
	}
	return 1
}

// limits counts requests.
type limits struct {
	mu           sync.Mutex
	on           bool
	now          func() time.Time
	window       time.Duration
	applications map[string]*usage
	tenant       *window // writes of all applications
	invitations  *window
}

// usage is what one application used.
type usage struct{ writes, units *window }

func newLimits(on bool, w time.Duration, now func() time.Time) *limits {
	if w <= 0 {
		w = writeWindow
	}
	return &limits{on: on, now: now, window: w, applications: map[string]*usage{}, tenant: newWindow(tenantWritesPerSecond, 2*w),
		invitations: newWindow(invitationsPerSecond, min(invitationWindow, w))}
}

// charge is one request to count.
type charge struct {
	app   string
	op    string
	write int // as so many
	units int
	users int // in the tenant
}

// bound is one limit that a request counts against.
type bound struct {
	*window
	n             int
	scope, reason string
}

func (l *limits) bounds(c charge) []bound {
	u := l.applications[c.app]
	if u == nil {
		u = &usage{writes: newWindow(writesPerSecond, l.window), units: newWindow(unitsPerSecond(c.users), min(unitWindow, l.window))}
		l.applications[c.app] = u
	}
	u.units.limit = limitOf(unitsPerSecond(c.users), min(unitWindow, l.window))
	list := []bound{{u.units, c.units, "Tenant_Application/ReadWrite/" + c.app, "ResourceUnitLimitExceeded"}}
	if c.write > 0 {
		list = append(list, bound{u.writes, c.write, "Tenant_Application/ReadWrite/" + c.app, "WriteLimitExceeded"},
			bound{l.tenant, c.write, "Tenant/ReadWrite", "WriteLimitExceeded"})
	}
	if c.op == opInvite {
		list = append(list, bound{l.invitations, 1, "Tenant/ReadWrite", "RequestLimitExceeded"})
	}
	return list
}

// take counts a request, and refuses one that is over a limit. It also returns the headers of a request that passes.
func (l *limits) take(c charge, s Settings) (no answer, headers map[string]string, fine bool) {
	if !l.on {
		return answer{}, nil, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait time.Duration
	var worst bound
	used, now := 0.0, l.now()
	for _, b := range l.bounds(c) {
		if more := b.take(now, b.n); more > wait {
			wait, worst = more, b
		}
		used = max(used, float64(b.total)/float64(b.limit))
	}
	if wait > 0 {
		no = say(tooMany)
		no.header = retryAfter(s.RetryAfter, now, wait)
		no.header["x-ms-throttle-scope"], no.header["x-ms-throttle-information"] = worst.scope, worst.reason
		return no, nil, false
	}
	return answer{}, limitHeaders(s, c.units, used), true
}

// limitHeaders tells a caller how much it uses, if that is switched on (source: page throttling-limits: the percentage
// comes from 0.8 on, up to 1.8).
func limitHeaders(s Settings, units int, used float64) map[string]string {
	if !s.LimitHeaders {
		return nil
	}
	h := map[string]string{"x-ms-resource-unit": strconv.Itoa(units)}
	if used >= 0.8 {
		h["x-ms-throttle-limit-percentage"] = fmt.Sprintf("%.2f", min(used, 1.8))
	}
	return h
}

// retryAfter writes the header in the form that the settings ask for; clients must live with each of them.
func retryAfter(form string, now time.Time, wait time.Duration) map[string]string {
	h := map[string]string{}
	switch form {
	case "date":
		h["Retry-After"] = now.Add(wait + time.Second).UTC().Format(http.TimeFormat)
	case "wrong":
		h["Retry-After"] = "soon"
	case "zero":
		h["Retry-After"] = "0"
	case "none":
	default:
		h["Retry-After"] = strconv.Itoa(int(math.Ceil(wait.Seconds())))
	}
	return h
}

// with adds headers to a.
func (a answer) with(headers map[string]string) answer {
	if len(headers) > 0 {
		all := maps.Clone(headers)
		maps.Copy(all, a.header)
		a.header = all
	}
	return a
}
