package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"guestlist/functions/cmd/devstack/internal/oracle"
	"guestlist/functions/cmd/devstack/internal/soak"
)

// figure is what one round, or all, did.
type figure struct {
	rows, guests, imports int
	count                 map[soak.Kind]int // of faults
	unhurt                int               // faults that were left when all had ended
	repeated, scheduled   int               // own mails that came again; messages that act on nothing
	took, slowest         time.Duration
}

func (f *figure) add(g figure) {
	f.rows, f.guests, f.imports = f.rows+g.rows, f.guests+g.guests, f.imports+g.imports
	f.unhurt, f.repeated, f.scheduled = f.unhurt+g.unhurt, f.repeated+g.repeated, f.scheduled+g.scheduled
	f.took, f.slowest = f.took+g.took, max(f.slowest, g.slowest)
	for kind, n := range g.count {
		f.count[kind] += n
	}
}

func (f figure) kills() (n int) {
	for _, kind := range soak.Kills {
		n += f.count[kind]
	}
	return n
}

// table prints what a soak did and found.
func (s *soaking) table(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(name string, v any) { fmt.Fprintf(w, "%s\t%v\n", name, v) }
	fmt.Fprintln(w)
	line("seed", s.seed)
	line("rounds", s.rounds)
	line("imports", s.total.imports)
	line("rows", s.total.rows)
	line("guests", s.total.guests)
	line("kills", s.total.kills())
	for _, kind := range slices.Sorted(maps.Keys(s.total.count)) {
		line("  "+string(kind), s.total.count[kind])
	}
	line("faults left when all had ended", s.total.unhurt)
	line("seconds", int(s.total.took.Seconds()))
	line("slowest import", s.total.slowest.Round(time.Second))
	line("own mails repeated, as a row says", s.total.repeated)
	line("scheduled messages that act on nothing", s.total.scheduled)
	found := map[string]int{}
	for _, v := range s.violations {
		found[v.Check]++
	}
	for _, check := range oracle.Checks {
		line(check, found[check])
	}
	_ = w.Flush()
}
