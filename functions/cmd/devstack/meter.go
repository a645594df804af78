package main

import (
	"fmt"
	"time"

	"guestlist/pkg/local/entra"
)

// meter watches what a directory is asked, second by second.
type meter struct {
	entra  *entra.Server
	window time.Duration
	ended  chan struct{}
	over   chan struct{}
	start  time.Time
	before entra.Stats
	all    []sample
}

// sample is the counts at a time since the first write.
type sample struct {
	at                time.Duration
	writes, throttled int
}

// figures are what is measured.
type figures struct {
	took                     time.Duration
	writes, throttled, reads int
	mailedTwice              int
	steady                   float64 // writes per second from one window after the first write on, as long as there were enough
	steadyThrottled          float64 // share of requests answered 429 in that time
	hasSteady                bool
}

const sampleEvery = 250 * time.Millisecond

// watch begins to measure.
func watch(e *entra.Server, window time.Duration) *meter {
	m := &meter{entra: e, window: window, ended: make(chan struct{}), over: make(chan struct{}), start: time.Now(), before: e.Stats()}
	go m.sample()
	return m
}

func (m *meter) sample() {
	defer close(m.over)
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	var first time.Time
	for {
		select {
		case <-m.ended:
			return
		case <-tick.C:
		}
		s := m.entra.Stats()
		writes := s.Writes - m.before.Writes
		if writes == 0 {
			continue
		}
		if first.IsZero() {
			first = time.Now()
		}
		m.all = append(m.all, sample{time.Since(first), writes, s.Throttled - m.before.Throttled})
	}
}

// stop ends the measurement.
func (m *meter) stop() figures {
	close(m.ended)
	<-m.over
	s := m.entra.Stats()
	f := figures{took: time.Since(m.start), writes: s.Writes - m.before.Writes, throttled: s.Throttled - m.before.Throttled,
		reads: s.Reads - m.before.Reads, mailedTwice: len(s.DuplicateMails) - len(m.before.DuplicateMails)}
	f.settle(m.all, m.window)
	return f
}

// last is the part of all writes that is left out of the steady time: at the end of a file there is not enough to do.
const last = 0.02

// settle finds the steady time: from one window after the first write until almost all writes are done.
func (f *figures) settle(all []sample, window time.Duration) {
	var from, to *sample
	for i := range all {
		s := &all[i]
		if s.at < window {
			continue
		}
		if from == nil {
			from = s
		}
		if float64(s.writes) <= (1-last)*float64(f.writes) {
			to = s
		}
	}
	if from == nil || to == nil || to.at-from.at < window/2 {
		return
	}
	writes, throttled := to.writes-from.writes, to.throttled-from.throttled
	f.hasSteady = true
	f.steady = float64(writes) / (to.at - from.at).Seconds()
	f.steadyThrottled = float64(throttled) / float64(writes+throttled)
}

// limit is what the directory allows: 3,000 writes in 150 s.
const limit = 20.0

func (b *benchmark) heading() {
	fmt.Fprintf(b.out, "%d guests; steady: from second %.0f on\n\n", b.guests, b.limitWindow.Seconds())
	fmt.Fprintln(b.out, "| run | time | writes | writes per guest | steady writes/s | of the limit | steady 429 | all 429 | reads | mailed twice | outcome |")
	fmt.Fprintln(b.out, "|---|---|---|---|---|---|---|---|---|---|---|")
}

func (b *benchmark) line(what string, f figures, outcome string) {
	steady, share, throttled := "-", "-", "-"
	if f.hasSteady {
		steady, share, throttled = fmt.Sprintf("%.2f", f.steady), fmt.Sprintf("%.1f %%", 100*f.steady/limit), fmt.Sprintf("%.2f %%", 100*f.steadyThrottled)
	}
	fmt.Fprintf(b.out, "| %s | %s | %d | %.4f | %s | %s | %s | %d | %d | %d | %s |\n", what, f.took.Round(time.Second), f.writes,
		float64(f.writes)/float64(b.guests), steady, share, throttled, f.throttled, f.reads, f.mailedTwice, outcome)
}
