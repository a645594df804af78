package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/graphscript"
)

// The targets that the files of the benchmark ask for.
const (
	benchGroup = "5a1d0c3e-7b42-4c8f-9a6d-2e9b8f1c4d01"
	benchApp   = "6b2e1d4f-8c53-4d9a-8b7e-3f0c9a2d5e02"
)

// benchRun is one line of the benchmark's table, or two: a file, and the same file again.
type benchRun struct {
	key, what string
	calm      bool // no faults and no lag
	app       bool // one application each, beside the group
	again     bool // the same file a second time
	handlers  int  // processes; 0 for a script
	workers   int  // of a script
}

var benchRuns = []benchRun{
	{key: "calm", what: "one group, no faults, no lag", calm: true, again: true, handlers: 1},
	{key: "default", what: "one group, defaults", handlers: 1},
	{key: "app", what: "one group, one application, no faults, no lag", calm: true, app: true, again: true, handlers: 1},
	{key: "three", what: "one group, three processes, no faults, no lag", calm: true, handlers: 3},
	{key: "three-default", what: "one group, three processes, defaults", handlers: 3},
	{key: "sequential", what: "a script, one after another, no faults, no lag", calm: true, workers: 1},
	{key: "concurrent", what: "a script, 20 at a time, no faults, no lag", calm: true, workers: 20},
	{key: "sequential-default", what: "a script, one after another, defaults", workers: 1},
	{key: "concurrent-default", what: "a script, 20 at a time, defaults", workers: 20},
}

// bench measures how many directory writes a guest costs and how near to Microsoft's limit they go, beside the scripts
// that people write. It prints a table in Markdown.
func bench(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	b := &benchmark{getenv: getenv, out: stdout, err: stderr}
	if err := b.parse(args); errors.Is(err, flag.ErrHelp) {
		return exitDone
	} else if err != nil {
		return exitUsage
	}
	dir, err := os.MkdirTemp("", "guestlist-bench-")
	if err != nil {
		fmt.Fprintln(stderr, "devstack:", err)
		return exitError
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	b.heading()
	for _, r := range b.runs {
		if err := b.run(ctx, r); err != nil {
			fmt.Fprintf(stderr, "devstack: bench %s: %v\n", r.key, err)
			return exitError
		}
	}
	return exitDone
}

// benchmark is the program's state.
type benchmark struct {
	getenv      func(string) string
	out, err    io.Writer
	dir         string // for files that come and go
	staged      string
	guests      int
	limitWindow time.Duration
	random      uint64
	runs        []benchRun
}

func (b *benchmark) parse(args []string) error {
	fs := flag.NewFlagSet("devstack bench", flag.ContinueOnError)
	fs.SetOutput(b.err)
	var keys []string
	for _, r := range benchRuns {
		keys = append(keys, r.key)
	}
	fs.StringVar(&b.staged, "dist", "dist/azure", "the staged Function App")
	fs.IntVar(&b.guests, "guests", 10_000, "guests in each file")
	fs.DurationVar(&b.limitWindow, "limit-window", 150*time.Second, "window of the write limit; a shorter one has the same rate")
	fs.Uint64Var(&b.random, "rand", 1, "seed of lag and faults")
	only := fs.String("only", strings.Join(keys, ","), "`RUNS` to make, separated by commas")
	if err := fs.Parse(args); err != nil {
		return err
	}
	for key := range strings.SplitSeq(*only, ",") {
		i := slices.Index(keys, key)
		if i < 0 || fs.NArg() > 0 || b.guests < 1 {
			err := fmt.Errorf("-only takes %s; -guests is at least 1; there are no other arguments", strings.Join(keys, ", "))
			fmt.Fprintln(b.err, "devstack:", err)
			return err
		}
		b.runs = append(b.runs, benchRuns[i])
	}
	return nil
}

func (b *benchmark) run(ctx context.Context, r benchRun) error {
	if r.handlers == 0 {
		return b.script(ctx, r)
	}
	return b.guestlist(ctx, r)
}

func (b *benchmark) config(r benchRun) entra.Config {
	c := entra.Config{Limits: true, LimitWindow: b.limitWindow, Faults: !r.calm, RandSeed: b.random}
	if !r.calm {
		c.Lag = entra.DefaultLag
	}
	return c
}

// guestlist runs the whole stack on a file.
func (b *benchmark) guestlist(ctx context.Context, r benchRun) error {
	c := b.config(r)
	faults := map[bool]string{true: "on", false: "off"}[c.Faults]
	o := options{dir: b.staged, source: "partners", env: filepath.Join(b.dir, r.key+".env"), ports: "auto", faults: faults, limits: "on", dedup: "on",
		lag: c.Lag, limitWindow: c.LimitWindow, random: c.RandSeed, handlers: r.handlers}
	s := &stack{options: o, console: &console{out: io.Discard, err: io.Discard, start: time.Now()}}
	defer s.close()
	if err := s.start(ctx, b.getenv); err != nil {
		return err
	}
	file, err := b.file(r)
	if err != nil {
		return err
	}
	if err := s.fillDirectory(file); err != nil {
		return err
	}
	if err := b.measure(ctx, s, r.what, file); err != nil || !r.again {
		return err
	}
	return b.measure(ctx, s, "the same file again", file)
}

func (b *benchmark) measure(ctx context.Context, s *stack, what, file string) error {
	m := watch(s.entra, b.limitWindow)
	d, err := s.upload(ctx, file, fmt.Sprintf("%d.csv", time.Now().UnixNano()))
	if err == nil {
		err = s.follow(ctx, []*drop{d})
	}
	figures := m.stop()
	if err != nil {
		return err
	}
	o, err := s.result(ctx, d)
	if err != nil {
		return err
	}
	b.line(what, figures, counts(o.Outcomes))
	return nil
}

func (b *benchmark) address(n int) string { return fmt.Sprintf("guest%06d@partner.example", n) }

func (b *benchmark) file(r benchRun) (string, error) {
	var text strings.Builder
	app := ""
	if r.app {
		app = benchApp
	}
	text.WriteString("Email,DisplayName,InvitedToApplications,InvitedToGroups\n")
	for n := range b.guests {
		fmt.Fprintf(&text, "%s,Guest %d,%s,%s\n", b.address(n), n, app, benchGroup)
	}
	path := filepath.Join(b.dir, r.key+".csv")
	return path, os.WriteFile(path, []byte(text.String()), 0o600)
}

// scriptRuns is how often a script is run again for the rows that failed.
const scriptRuns = 3

// script runs one of the scripts on a directory that is set up alike.
func (b *benchmark) script(ctx context.Context, r benchRun) error {
	c := b.config(r)
	c.Seed = entra.Seed{Groups: []entra.Group{{ID: benchGroup, DisplayName: "Partners"}}}
	e, err := entra.Serve(c)
	if err != nil {
		return err
	}
	defer e.Close()
	g := graphscript.Config{Graph: e.URL(), IdentityEndpoint: e.IdentityEndpoint(), IdentityHeader: e.IdentityHeader(), Group: benchGroup,
		Workers: r.workers, Runs: scriptRuns}
	for n := range b.guests {
		g.Addresses = append(g.Addresses, b.address(n))
	}
	m := watch(e, b.limitWindow)
	res, err := graphscript.Run(ctx, g)
	figures := m.stop()
	if err != nil {
		return err
	}
	b.line(r.what, figures, fmt.Sprintf("%d failed at first, %d in the end; run %d times", res.FailedFirst, res.Failed, res.Runs))
	return nil
}
