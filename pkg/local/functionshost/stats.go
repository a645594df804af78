package functionshost

import (
	"maps"
	"sync"
	"time"
)

// The kinds of events.
const (
	HandlerStarted    = "handler started"
	HandlerReady      = "handler ready"
	HandlerExited     = "handler exited" // Err says how if it was not asked for
	InvocationStarted = "invocation started"
	InvocationEnded   = "invocation ended" // Err is nil for success
)

// Event is something that happened.
type Event struct {
	Time time.Time
	Kind string
	Text string // the same in words, with the reason
	PID  int    // of the handler

	Function, Invocation string // for invocations
	MessageID            string // of the message that started it, if any
	Duration             time.Duration
	Err                  error
}

// Counts are what one function did.
type Counts struct {
	Started, Succeeded, Failed int
	WouldHang                  int // answers that would have hung the real host; they are among the failed
	Completed, Abandoned       int // messages that the host settled
	LocksLost                  int // settlements that came too late, or after the handler's own
}

// Stats are counted from the start of the host on.
type Stats struct {
	HandlerStarts int
	Crashes       int // error events: exit codes other than 0 and 200, handlers that were not ready in time
	Timeouts      int // invocations longer than functionTimeout; each killed the handler
	InFlight      int
	Functions     map[string]Counts
}

// tally counts and tells.
type tally struct {
	report func(Event)

	mu    sync.Mutex
	stats Stats
}

// Stats is a copy of the counts.
func (h *Host) Stats() Stats {
	h.tally.mu.Lock()
	defer h.tally.mu.Unlock()
	s := h.tally.stats
	s.Functions = maps.Clone(s.Functions)
	return s
}

func (t *tally) count(change func(*Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.stats)
}

func (t *tally) function(name string, change func(*Counts)) {
	t.count(func(s *Stats) {
		if s.Functions == nil {
			s.Functions = map[string]Counts{}
		}
		c := s.Functions[name]
		change(&c)
		s.Functions[name] = c
	})
}

func (t *tally) tell(e Event) {
	if t.report != nil {
		e.Time, e.Text = time.Now(), e.words()
		t.report(e)
	}
}

func (e Event) words() string {
	text := e.Kind
	if e.Function != "" {
		text += ": " + e.Function
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}
