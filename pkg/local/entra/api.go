package entra

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// State returns what the directory holds.
func (s *Server) State() State {
	g := s.world().graph
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.snapshot()
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	w := s.world()
	w.graph.mu.Lock()
	defer w.graph.mu.Unlock()
	return w.graph.stats(w.counters.snapshot())
}

// AddUser adds a user that is replicated at once, and reports whether it did: one whose id is there already stays as it is.
func (s *Server) AddUser(u User) (bool, error) {
	g := s.world().graph
	g.mu.Lock()
	defer g.mu.Unlock()
	it, err := u.complete(g.initial)
	if err == nil && g.users[it.ID] == nil {
		_, err = g.putUser(u)
		return err == nil, wrap("add user", err)
	}
	return false, wrap("add user", err)
}

// AddGroup adds a group, and reports whether it did: one whose id is there already stays as it is, with its members.
func (s *Server) AddGroup(it Group) (bool, error) {
	g := s.world().graph
	g.mu.Lock()
	defer g.mu.Unlock()
	full, err := it.complete()
	if err == nil && g.groups[full.ID] == nil {
		_, err = g.putGroup(it)
		return err == nil, wrap("add group", err)
	}
	return false, wrap("add group", err)
}

// AddApplication adds an application, and reports whether it did: one whose appId is there already stays as it is, with
// its assignments.
func (s *Server) AddApplication(a Application) (bool, error) {
	g := s.world().graph
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.appIDs[strings.ToLower(a.AppID)] != nil {
		return false, nil
	}
	_, err := g.putApp(a)
	return err == nil, wrap("add application", err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// SetFault adds a fault; those before it are asked first.
func (s *Server) SetFault(f Fault) error { return s.world().faults.add(f) }

// SetRates replaces the rates of the faults by chance; zero rates end them.
func (s *Server) SetRates(r Rates) error {
	for _, v := range []float64{r.Before, r.AfterWrite, r.Reset, r.Throttle, r.Slow} {
		if v < 0 || v > 1 {
			return fmt.Errorf("set rates: %v is not between 0 and 1", v)
		}
	}
	f := s.world().faults
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rates = r
	return nil
}

// SetInvitations opens the tenant for invitations ("open"), or answers them all with the anti-abuse block ("blocked") or
// with the refusal of a tenant that takes no guests ("disallowed").
func (s *Server) SetInvitations(state string) error {
	return s.SetTenant(strings.NewReader(`{"invitations":` + strconv.Quote(state) + `}`))
}

// SetTenant changes those of the [Settings] that are given in JSON, as POST /tenant does.
func (s *Server) SetTenant(settings io.Reader) error {
	g := s.world().graph
	g.mu.Lock()
	defer g.mu.Unlock()
	return wrap("set tenant", g.mendSettings(settings))
}

// Tenant returns the settings as they are.
func (s *Server) Tenant() Settings {
	g := s.world().graph
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.settings
}
