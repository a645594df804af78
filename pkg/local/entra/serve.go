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

// Handler serves what is on the public port, to callers in the same process: a test with a clock of its own cannot wait for
// a network.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.servePublic) }

// servePublic serves what is on the public port.
func (s *Server) servePublic(w http.ResponseWriter, r *http.Request) {
	c := &call{Server: s, world: s.world(), q: newRequest(r)}
	switch {
	case r.URL.Path == "/msi/token":
		c.route = route{method: r.Method, path: []string{"msi", "token"}, op: opToken}
		c.world.counters.count(func(s *Stats) { s.Tokens++ })
		c.run(w, func() answer { return s.tokens.identity(r, c.world.graph.id, c.world.graph.permissions) })
	case r.URL.Path == "/redeem":
		c.world.graph.redeem(w, r)
	case r.URL.Path == "/myapps":
		c.world.graph.myApps(w, r)
	case strings.HasPrefix(r.URL.Path, "/v1.0/") || r.URL.Path == "/v1.0":
		c.serveGraph(w)
	default:
		s.log.Warn("unknown path", "method", r.Method, "path", r.URL.Path)
		refuse(http.StatusNotFound, "ResourceNotFound", "The emulator serves /v1.0, /msi/token, /redeem and /myapps.").write(w, c.q)
	}
}

// serveGraph checks token, route, query and body, as Microsoft Graph does before anything else.
func (c *call) serveGraph(w http.ResponseWriter) {
	who, why := c.tokens.check(c.q.Request)
	if why != "" {
		say(why).write(w, c.q)
		return
	}
	c.q.app, c.q.roles = who.App, who.Roles
	if c.q.URL.Path == "/v1.0/$batch" {
		c.serveBatch(w)
		return
	}
	if no, fine := c.understand(); !fine {
		c.log.Warn("refused before the directory", "method", c.q.Method, "path", c.q.URL.Path, "status", no.status)
		c.world.counters.request(c.q.writes())
		no.write(w, c.q)
		return
	}
	c.world.counters.count(func(s *Stats) { s.Paths[c.route.name()]++ })
	c.run(w, c.work)
}

// understand reads the request; a refusal says what is wrong with it.
func (c *call) understand() (answer, bool) {
	no, fine := c.q.read()
	if fine {
		c.route, no, fine = pick(c.routes, c.q)
	}
	if fine {
		no, fine = c.q.allow(c.route.options)
	}
	if fine {
		no, fine = c.q.readBody(c.route.bodiless())
	}
	return no, fine
}

// work applies the limits and permissions and carries the request out.
func (c *call) work() answer {
	g := c.world.graph
	g.mu.Lock()
	defer g.mu.Unlock()
	no, headers, fine := c.world.limits.take(charge{app: c.q.app, op: c.route.op, write: c.writeCost(g.settings), units: c.q.units(c.route.units), users: len(g.users)}, g.settings)
	if !fine {
		c.world.counters.count(func(s *Stats) { s.Throttled++ })
		return no
	}
	c.world.counters.request(c.q.writes())
	if no, fine := permit(c.route, c.q); !fine {
		return no.with(headers)
	}
	return c.route.handler(g, c.q).with(headers)
}

// run answers, or cuts the connection.
func (c *call) run(w http.ResponseWriter, work func() answer) {
	a, cut := c.outcome(work)
	if cut {
		reset(w)
		return
	}
	a.write(w, c.q)
}

// outcome lets the faults decide before and after the work; cut means that the client gets no answer. What is struck after
// the work counts as done.
func (c *call) outcome(work func() answer) (a answer, cut bool) {
	e := event{op: c.route.op, method: c.q.Method, about: c.about}
	f := c.world.faults.strike(e)
	if f != nil && (f.Status != 0 || f.Reset) {
		if c.route.op != opToken {
			c.world.counters.request(c.q.writes())
		}
		return c.struck(f, answer{})
	}
	if f != nil {
		c.wait(f)
		c.q.vanish = f.Vanish
	}
	a = work()
	c.log.Debug("request", "method", c.q.Method, "path", c.q.URL.Path, "status", a.status, "request", c.q.id)
	if a.status < 300 {
		e.after = true
		if f := c.world.faults.strike(e); f != nil {
			return c.struck(f, a)
		}
	}
	return a, false
}

// struck waits, then says what the client gets: nothing, f's answer, or a if f is a delay only.
func (c *call) struck(f *Fault, a answer) (answer, bool) {
	c.wait(f)
	switch {
	case f.Reset:
		c.log.Info("fault: connection cut", "operation", c.route.op, "after", f.After)
		return answer{}, true
	case f.Status != 0:
		c.log.Info("fault: answered", "operation", c.route.op, "status", f.Status, "after", f.After)
		return f.answer(c.q.subject(), c.cfg.Now()), false
	}
	return a, false
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
