package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"guestlist/functions/cmd/devstack/internal/oracle"
	"guestlist/functions/cmd/devstack/internal/soak"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
)

// round is one round of a soak while it runs.
type round struct {
	*soaking
	plan  *soak.Round
	end   time.Time // when nothing more is dropped; zero: never
	stack *stack
	fleet *fleet
	woe   *affliction

	start   time.Time
	work    int
	pending []int           // files that are not dropped yet
	drops   map[int]*landed // by number of the file
	faults  []soak.Fault    // that are still to come
	events  []*again
	told    time.Time // of the last line of progress
	figure  figure
}

// startRound starts a stack with an empty tenant, and a fleet.
func (s *soaking) startRound(ctx context.Context, plan *soak.Round, end time.Time) (*round, error) {
	r := &round{soaking: s, plan: plan, end: end, start: time.Now(), work: plan.Work(), drops: map[int]*landed{}, faults: plan.Faults}
	for n := range plan.Files {
		r.pending = append(r.pending, n)
	}
	if err := r.up(ctx); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *round) up(ctx context.Context) error {
	seed, err := json.Marshal(r.plan.Tenant())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.env), 0o755); err != nil {
		return err
	}
	directory := r.roundEnv() + ".directory.json"
	if err := os.WriteFile(directory, seed, 0o600); err != nil {
		return err
	}
	defer os.Remove(directory)
	o := options{dir: r.staged, seed: directory, source: "soak", env: r.roundEnv(), ports: "auto", faults: r.soakOptions.faults, limits: "off", dedup: r.detects(),
		lag: r.lag, random: r.plan.Seed}
	r.stack = &stack{options: o, console: r.console}
	if _, err := r.stack.startServices(ctx); err != nil {
		return err
	}
	sources := &plan.Sources{Ledger: r.stack.services.Ledger, Blobs: r.stack.services.Blobs, Bus: r.stack.services.Bus}
	for _, p := range r.plan.Policies() {
		if _, err := sources.Add(ctx, p); err != nil {
			return err
		}
	}
	dir, err := filepath.Abs(r.staged)
	if err != nil {
		return err
	}
	log, err := filepath.Abs(r.stack.logPath())
	if err != nil {
		return err
	}
	settings := r.stack.settings(r.getenv)
	settings["STALE_AFTER"] = "45s" // the sweep's patience is part of the test, and production's is longer than a round
	r.fleet = newFleet(ctx, r.handlers, hostOrder{Dir: dir, Log: log, Settings: settings}, r.plan.Skews, r.console)
	base := entra.Rates{}
	if r.soakOptions.faults == "on" {
		base = entra.Rates{Before: 0.01, AfterWrite: 0.01, Reset: 0.005} // as the directory's own, which cannot be asked for
	}
	r.woe = newAffliction(r.stack, r.fleet, r.plan.Seed, base)
	r.woe.change(func() {})
	return nil
}

// detects says whether this round's queues detect duplicates.
func (r *round) detects() string {
	if r.dedup == "turns" {
		return []string{"on", "off"}[r.rounds%2]
	}
	return r.dedup
}

// again are the flags that plan this round again, as the first of a soak.
func (r *round) again() string {
	return fmt.Sprintf("-seed %d -rows %d -round %d -kills %d -handlers %d -faults %s -dedup %s -lag %s -skew %s", r.plan.Seed, r.plan.Rows(), r.plan.Rows(), r.plan.Kills(),
		r.handlers, r.soakOptions.faults, r.detects(), r.lag, r.skew)
}

func (r *round) close() {
	if r.woe != nil {
		r.woe.over()
	}
	if r.fleet != nil {
		r.fleet.end()
	}
	if r.stack != nil {
		r.stack.close()
	}
}

// beat is how often a round looks what is to be done.
const beat = 100 * time.Millisecond

// run drops the files and inflicts the faults, each when as much of the work is done as the plan says, and returns when
// everything has ended or patience has.
func (r *round) run(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	var calm time.Time // since when nothing is left to drop and to inflict
	quiet := 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		share := r.share()
		if !r.end.IsZero() && time.Now().After(r.end) {
			r.pending, r.faults, share = nil, nil, math.Inf(1) // events are due: some are all that anybody hears of a file
		}
		r.look(ctx)
		if err := r.drop(ctx, share); err != nil {
			return err
		}
		r.repeat(ctx, share)
		r.suffer(ctx, share)
		r.progress()
		if len(r.pending)+len(r.faults)+len(r.events) > 0 {
			continue
		}
		if calm.IsZero() {
			r.woe.over()
			calm = time.Now()
		}
		if r.open() == 0 && r.idle() {
			quiet++
		} else {
			quiet = 0
		}
		if quiet > 20 || time.Since(calm) > r.patience {
			return nil
		}
	}
}

// share is how much of the round's work is done, as far as that can be seen from outside.
func (r *round) share() float64 {
	d := r.stack.entra.Stats()
	return float64(d.UsersCreated+d.MailsByMicrosoft+r.stack.mailbox.Stats().MessageIDs) / float64(r.work)
}

// suffer inflicts one fault that is due. Those that are left when all files have ended hurt nobody: they are counted apart.
func (r *round) suffer(ctx context.Context, share float64) {
	if len(r.faults) == 0 {
		return
	}
	idle := r.open() == 0 && len(r.pending) == 0
	if r.faults[0].At > share && !idle {
		return
	}
	f := r.faults[0]
	r.faults = r.faults[1:]
	if idle {
		r.figure.unhurt++
		return
	}
	limited, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if !r.woe.inflict(limited, f) {
		r.console.say("%s: there was nothing to hit for 20 s", f.Kind)
	}
}

// idle reports whether the broker delivers nothing, and holds back only what belongs to a guest: of that the ledger tells
// whether it still has something to do. What moves an import, such as a report that found all places taken, is waited for.
func (r *round) idle() bool {
	for _, q := range r.stack.bus.Stats() {
		if q.Active+q.Locked+q.Deferred > 0 || q.Scheduled > 0 && (q.Name == message.Uploads || q.Name == message.Reports) {
			return false
		}
	}
	return true
}

// verdict looks at what is left. The hosts run on meanwhile: copies that become due must end too.
func (r *round) verdict(ctx context.Context) ([]oracle.Violation, error) {
	stuck := r.open()
	read := oracle.Settled
	if stuck > 0 { // it has been waited for
		read = oracle.Read
	}
	w, err := read(ctx, r.stack.left())
	if err != nil {
		return nil, err
	}
	r.fleet.end()
	imports := map[int]string{}
	for n, d := range r.drops {
		imports[n] = d.importID
		r.figure.rows += len(r.plan.Files[n].Rows)
		r.figure.slowest = max(r.figure.slowest, d.took)
	}
	r.figure.imports, r.figure.guests, r.figure.took = len(r.drops), len(w.Guests), time.Since(r.start)
	r.figure.count, r.figure.scheduled, r.figure.repeated = r.woe.count, len(w.Scheduled), len(r.stack.mailbox.Stats().Repeated)
	bad := append(w.Check(), r.plan.Judge(w, imports)...)
	if stuck > 0 {
		r.console.say("%d imports had not ended %s after the last fault", stuck, r.patience)
	}
	return bad, nil
}

// progress prints a line each ten seconds.
func (r *round) progress() {
	if time.Since(r.told) < 10*time.Second {
		return
	}
	r.told = time.Now()
	dropped, ended, total := 0, 0, 0
	for n, f := range r.plan.Files {
		total += len(f.Rows)
		if d := r.drops[n]; d != nil {
			dropped += len(f.Rows)
			if d.took > 0 {
				ended += len(f.Rows)
			}
		}
	}
	kills, faults := r.woe.counts()
	r.console.say("round %d: %d of %d rows dropped, %d reported, %d imports open; %d kills, %d other faults; %.0f %% of the work done; %s", r.rounds+1, dropped, total, ended,
		r.open(), kills, faults, min(100, 100*r.share()), r.depths())
}

func (r *round) depths() string {
	active, locked, scheduled := 0, 0, 0
	for _, q := range r.stack.bus.Stats() {
		active, locked, scheduled = active+q.Active, locked+q.Locked, scheduled+q.Scheduled
	}
	return fmt.Sprintf("queues %d active, %d locked, %d scheduled", active, locked, scheduled)
}
