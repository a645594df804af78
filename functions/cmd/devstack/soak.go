package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"guestlist/functions/cmd/devstack/internal/deployed"
	"guestlist/functions/cmd/devstack/internal/oracle"
	"guestlist/functions/cmd/devstack/internal/soak"
)

// soakOptions are the flags of "devstack soak".
type soakOptions struct {
	minutes                      float64
	rows, kills, round, handlers int
	seed                         uint64
	faults, dedup                string
	lag, skew, patience          time.Duration
	plan                         bool
	root, staged, env            string
}

func parseSoak(args []string, stderr io.Writer) (soakOptions, error) {
	var o soakOptions
	fs := flag.NewFlagSet("devstack soak", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Float64Var(&o.minutes, "minutes", 0, "drop files for so long, whatever -rows and -kills say; 0: until both are reached")
	fs.IntVar(&o.rows, "rows", 50_000, "rows to import")
	fs.IntVar(&o.kills, "kills", 1000, "kills of handlers, hosts and connections to the broker, spread over the rows")
	fs.IntVar(&o.round, "round", 5000, "rows of one round: each begins with an empty tenant, and has a verdict of its own")
	fs.Uint64Var(&o.seed, "seed", rand.Uint64()>>1, "`SEED` of files, faults and clocks; the first round has it, the next one has one more")
	fs.IntVar(&o.handlers, "handlers", 3, "Functions hosts, each with a handler")
	fs.StringVar(&o.faults, "faults", "on", "on or off: what goes wrong beside kills")
	fs.StringVar(&o.dedup, "dedup", "turns", "on, off, or turns (odd rounds have it): duplicate detection of the queues")
	fs.DurationVar(&o.lag, "lag", 3*time.Second, "replication lag of the directory")
	fs.DurationVar(&o.skew, "skew", 10*time.Minute, "by how much clocks of handlers are wrong, at most; 0: they are right")
	fs.DurationVar(&o.patience, "patience", 8*time.Minute, "how long after the last fault everything has to have ended")
	fs.BoolVar(&o.plan, "plan", false, "print files and faults of the first round, and do nothing")
	fs.StringVar(&o.root, "root", ".", "`FOLDER` of the repository: the handler is built from it, with faults in its clock")
	fs.StringVar(&o.staged, "dist", "", "a staged Function App with such a handler, in place of building one")
	fs.StringVar(&o.env, "env", ".cache/soak.env", "write the settings that the guestlist command needs to `FILE`, and logs beside it")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	err := o.check(fs.Args())
	if err != nil {
		fmt.Fprintln(stderr, "devstack soak:", err)
	}
	return o, err
}

func (o soakOptions) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case o.rows < 1 || o.round < 1 || o.kills < 0 || o.handlers < 1 || o.minutes < 0:
		return errors.New("-rows, -round and -handlers are at least 1, -kills and -minutes at least 0")
	case o.faults != "on" && o.faults != "off":
		return fmt.Errorf("-faults is %q: use on or off", o.faults)
	case o.dedup != "on" && o.dedup != "off" && o.dedup != "turns":
		return fmt.Errorf("-dedup is %q: use on, off or turns", o.dedup)
	}
	return nil
}

// soakRun imports random files while processes are killed and services fail, and judges what is left. Its exit code is 0
// only if nothing is lost, nothing is there twice and nothing is stuck.
func soakRun(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parseSoak(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		return exitUsage
	}
	s := &soaking{soakOptions: o, getenv: getenv, console: &console{out: stdout, err: stderr, start: time.Now()}}
	if o.plan {
		s.next(o.rows, o.kills).Print(stdout)
		return exitDone
	}
	if err := s.stage(); err != nil {
		fmt.Fprintln(stderr, "devstack soak:", err)
		return exitError
	}
	defer s.unstage()
	if err := s.run(ctx); err != nil {
		fmt.Fprintln(stderr, "devstack soak:", err)
		return exitError
	}
	s.table(stdout)
	if len(s.violations) > 0 {
		return exitError
	}
	return exitDone
}

// soaking is a soak and what has come of it so far.
type soaking struct {
	soakOptions
	getenv  func(string) string
	console *console
	temp    string

	rounds     int
	total      figure
	violations []oracle.Violation
}

func (s *soaking) stage() (err error) {
	if s.staged != "" {
		return nil
	}
	if s.temp, err = os.MkdirTemp("", "guestlist-soak-"); err != nil {
		return err
	}
	s.staged = s.temp
	return deployed.Stage(s.root, s.temp, "faultbuild")
}

func (s *soaking) unstage() {
	if s.temp != "" {
		_ = os.RemoveAll(s.temp)
	}
}

// next makes the next round, of what is left to do.
func (s *soaking) next(rows, kills int) *soak.Round {
	n := min(s.round, rows)
	share := kills
	if rows > n {
		share = kills * n / rows
	}
	return soak.NewRound(s.seed+uint64(s.rounds), soak.Settings{Rows: n, Kills: share, Hosts: s.handlers, Faults: s.faults == "on", Skew: s.skew})
}

// rowsPerKill is how much work there should be for a kill.
const rowsPerKill = 50

func (s *soaking) run(ctx context.Context) error {
	s.console.say("soak with -seed %d: repeat it with the same flags", s.seed)
	s.total.count = map[soak.Kind]int{}
	var end time.Time
	if s.minutes > 0 {
		end = time.Now().Add(time.Duration(s.minutes * float64(time.Minute)))
	}
	for {
		rows, kills := s.rows-s.total.rows, max(0, s.kills-s.total.kills())
		if rows <= 0 && kills > 0 { // some were planned for when all had ended
			rows = min(s.round, rowsPerKill*kills)
		}
		if rows <= 0 || !end.IsZero() && time.Now().After(end) {
			return nil
		}
		if err := s.oneRound(ctx, s.next(rows, kills), end); err != nil {
			return fmt.Errorf("round %d with seed %d: %w", s.rounds+1, s.seed+uint64(s.rounds), err)
		}
		s.rounds++
		if s.kills-s.total.kills() == kills && s.rows <= s.total.rows {
			return nil // nothing could be killed
		}
	}
}

// oneRound runs a round on a stack of its own, and tells its verdict. The log of a round without a violation is removed.
func (s *soaking) oneRound(ctx context.Context, plan *soak.Round, end time.Time) error {
	r, err := s.startRound(ctx, plan, end)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.run(ctx); err != nil {
		return err
	}
	bad, err := r.verdict(ctx)
	if err != nil {
		return err
	}
	s.violations = append(s.violations, bad...)
	s.total.add(r.figure)
	for _, v := range bad[:min(len(bad), 100)] {
		s.console.say("VIOLATION, seed %d: %s", plan.Seed, v)
	}
	if len(bad) == 0 {
		s.console.say("round %d, seed %d: %d rows and %d guests as they should be", s.rounds+1, plan.Seed, r.figure.rows, r.figure.guests)
		return os.Remove(r.stack.logPath())
	}
	s.console.say("round %d, seed %d: %d violations; the log is %s; repeat the round with: %s", s.rounds+1, plan.Seed, len(bad), r.stack.logPath(), r.again())
	return nil
}

// roundEnv is where the settings of a round are written.
func (s *soaking) roundEnv() string {
	ext := filepath.Ext(s.env)
	return fmt.Sprintf("%s-%d%s", s.env[:len(s.env)-len(ext)], s.rounds+1, ext)
}
