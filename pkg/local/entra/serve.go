package entra

import (
	"net"
	"net/http"
	"strings"
	"time"
)

// call is one request on its way through token check, route, faults and limits.
type call struct {
	*Server
	world *world
	q     *request
	route route
}

// servePublic serves the three things on the public port.
func (s *Server) servePublic(w http.ResponseWriter, r *http.Request) {
	c := &call{Server: s, world: s.world(), q: newRequest(r)}
	switch {
	case r.URL.Path == "/msi/token":
		c.route = route{method: r.Method, path: []string{"msi", "token"}, op: opToken}
		c.world.counters.count(func(s *Stats) { s.Tokens++ })
		c.run(w, func() answer { return s.tokens.identity(r) })
	case r.URL.Path == "/redeem":
		c.world.graph.redeem(w, r)
	case strings.HasPrefix(r.URL.Path, "/v1.0/") || r.URL.Path == "/v1.0":
		c.serveGraph(w)
	default:
		s.log.Warn("unknown path", "method", r.Method, "path", r.URL.Path)
		refuse(http.StatusNotFound, "ResourceNotFound", "The emulator serves /v1.0, /msi/token and /redeem.").write(w, c.q)
	}
}

// serveGraph checks token and route, as Microsoft Graph does before anything else.
func (c *call) serveGraph(w http.ResponseWriter) {
	app, why := c.tokens.check(c.q.Request)
	if why != "" {
		no := refuse(http.StatusUnauthorized, noAuth, why)
		no.header = map[string]string{"WWW-Authenticate": `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"`}
		no.write(w, c.q)
		return
	}
	c.q.app = app
	no, fine := c.q.read()
	if fine {
		c.route, no, fine = pick(c.routes, c.q)
	}
	if !fine {
		c.log.Warn("refused before the directory", "method", c.q.Method, "path", c.q.URL.Path, "status", no.status)
		c.world.counters.request(c.q.writes())
		no.write(w, c.q)
		return
	}
	c.world.counters.count(func(s *Stats) { s.Paths[c.route.name()]++ })
	c.run(w, c.work)
}

// work applies the limits and carries the request out.
func (c *call) work() answer {
	if c.q.writes() {
		if no, fine := c.world.limits.take(c.q.app, c.route.op); !fine {
			c.world.counters.count(func(s *Stats) { s.Throttled++ })
			return no
		}
	}
	c.world.counters.request(c.q.writes())
	g := c.world.graph
	g.mu.Lock()
	defer g.mu.Unlock()
	return c.route.handler(g, c.q)
}

// run lets the faults decide before and after the work. What is struck after the work counts as done.
func (c *call) run(w http.ResponseWriter, work func() answer) {
	e := event{op: c.route.op, method: c.q.Method, about: c.about}
	f := c.world.faults.strike(e)
	if f != nil && (f.Status != 0 || f.Reset) {
		if c.route.op != opToken {
			c.world.counters.request(c.q.writes())
		}
		c.fail(w, f)
		return
	}
	if f != nil {
		c.wait(f)
	}
	a := work()
	c.log.Debug("request", "method", c.q.Method, "path", c.q.URL.Path, "status", a.status, "request", c.q.id)
	if a.status < 300 {
		e.after = true
		if f := c.world.faults.strike(e); f != nil && c.fail(w, f) {
			return
		}
	}
	a.write(w, c.q)
}

// fail waits, then cuts the connection or answers with f's status; false if f is a delay only.
func (c *call) fail(w http.ResponseWriter, f *Fault) bool {
	c.wait(f)
	switch {
	case f.Reset:
		c.log.Info("fault: connection cut", "operation", c.route.op, "after", f.After)
		reset(w)
	case f.Status != 0:
		c.log.Info("fault: answered", "operation", c.route.op, "status", f.Status, "after", f.After)
		f.answer().write(w, c.q)
	default:
		return false
	}
	return true
}

// wait counts the fault and sleeps its delay, whether or not the client waits along: the real service goes on too.
func (c *call) wait(f *Fault) {
	c.world.counters.count(func(s *Stats) { s.Faults++ })
	if f.Delay <= 0 {
		return
	}
	t := time.NewTimer(time.Duration(f.Delay))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.done:
	}
}

// about reports whether the request concerns the user with an address.
func (c *call) about(address string) bool {
	g := c.world.graph
	g.mu.Lock()
	defer g.mu.Unlock()
	needles := []string{address}
	if u := g.owner(address); u != nil {
		needles = append(needles, u.ID)
	}
	return c.q.about(needles...)
}

// reset cuts the connection so that the client sees it reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's own way to cut a connection that cannot be taken over
	}
	if t, isTCP := conn.(*net.TCPConn); isTCP {
		_ = t.SetLinger(0) // closing then sends RST
	}
	_ = conn.Close()
}
