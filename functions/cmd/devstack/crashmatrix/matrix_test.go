package crashmatrix

import (
	"context"
	"flag"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"guestlist/functions/cmd/devstack/internal/deployed"
	"guestlist/pkg/local/azurite"
)

var (
	only = flag.String("cells", "", "run the cells whose name matches this `REGEXP`, instead of one in eight; \"make matrix\" runs all")
	busy = flag.Int("at-once", 24, "run so many cells at once; they mostly wait")
	many = flag.Int("repeat", 1, "run each cell so often, to look into one that fails now and then")
)

const (
	// patience is what one cell may take. On an idle machine none takes 40 s.
	patience = 4 * time.Minute
	// share is the part of the cells that "make test" runs: one in so many, others every day.
	share = 8
)

// always are the cells that every test run has: the invitation that Microsoft mails.
var always = regexp.MustCompile("^mail-by-Microsoft/inviteguest/graph")

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := staged(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// staged builds the Function App with the test build of the handler, once.
var staged = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "guestlist-faultbuild-")
	if err != nil {
		return "", err
	}
	return dir, deployed.Stage(root, dir, "faultbuild")
})

// point is where a process dies.
type point struct {
	scenario *scenario
	act      string
	n        int // which of the acts of that name, from 1
	after    bool
}

// String names the point as CRASH_AT does.
func (p point) String() string {
	place := "before"
	if p.after {
		place = "after"
	}
	return fmt.Sprintf("%s#%d:%s", p.act, p.n, place)
}

// cell is one run in which a process dies.
type cell struct {
	point
	workers int
	dedup   bool
}

// String names the cell.
func (c cell) String() string {
	dedup := "off"
	if c.dedup {
		dedup = "on"
	}
	return fmt.Sprintf("%s/%s/workers-%d/dedup-%s", strings.ReplaceAll(c.scenario.name, " ", "-"), c.point, c.workers, dedup)
}

// combinations are the ways in which each point is run.
func combinations(p point) []cell {
	return []cell{{p, 1, true}, {p, 2, false}, {p, 1, false}, {p, 2, true}}
}

// bench is what all runs share.
type bench struct {
	*testing.T
	app     string
	storage *azurite.Server
	dir     string

	mu       sync.Mutex
	accounts []string // not used yet
	shown    map[*allowance]bool
	moved    int
}

// accounts bounds how many runs one test may have, calm ones and repetitions included.
const accounts = 2000

func newBench(t *testing.T) *bench {
	app, err := staged()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, app: app, dir: t.TempDir(), shown: map[*allowance]bool{}}
	for i := range accounts {
		b.accounts = append(b.accounts, fmt.Sprintf("cell%d", i))
	}
	if b.storage, err = azurite.Start(t.Context(), azurite.Config{Accounts: b.accounts}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.storage.Close() })
	return b
}

// account returns a storage account that nobody has used.
func (b *bench) account() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := b.accounts[0]
	b.accounts = b.accounts[1:]
	return name
}

// run lets a scenario happen, and shows what it left to check. died says whether a process was killed.
func (b *bench) run(c cell, crash bool, check func(w *world, err error)) {
	account := b.account()
	dir := filepath.Join(b.dir, account)
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Error(err)
		return
	}
	w, err := newWorld(ctx, c.scenario, b.storage.Connection(account), dir, c.dedup)
	if err != nil {
		b.Errorf("%s: %v", c, err)
		return
	}
	defer w.close()
	faults := map[string]string{"CRASH_RECORD": w.file("record")}
	if crash {
		maps.Copy(faults, map[string]string{"CRASH_AT": c.point.String(), "CRASH_COUNT": w.file("count"), "CRASH_ONCE": w.file("once")})
	}
	check(w, w.happen(b.app, c.workers, faults))
}

// happen prepares, starts the handlers, drives, and waits until all is done.
func (w *world) happen(app string, workers int, faults map[string]string) error {
	if w.scenario.prepare != nil {
		if err := w.scenario.prepare(w); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
	}
	if err := w.hosts(app, workers, faults); err != nil {
		return err
	}
	if w.scenario.drive != nil {
		if err := w.scenario.drive(w); err != nil {
			return fmt.Errorf("drive: %w", err)
		}
	}
	return w.settle(w.scenario.letters)
}

// all does f for each of list, many at once.
func all[T any](list []T, f func(T)) {
	slots := make(chan struct{}, *busy)
	var wg sync.WaitGroup
	for _, v := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(v)
		})
	}
	wg.Wait()
}

// record lets every scenario happen without a crash, with one worker and with two, and returns how often each act is
// passed: the smaller number, since two workers divide what comes together. An act that only one of the two passed is left
// out: a cell could not count on it.
func (b *bench) record() map[*scenario]map[string]int {
	counts := map[*scenario]map[string]int{}
	var calm []cell
	for _, s := range scenarios {
		calm = append(calm, cell{point{scenario: s, act: "calm"}, 1, true}, cell{point{scenario: s, act: "calm"}, 2, false})
	}
	all(calm, func(c cell) {
		b.run(c, false, func(w *world, err error) {
			b.compare(c, w, err, allowed(c.point))
			n, err := w.recorded()
			if err != nil {
				b.Error(err)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			known, second := counts[c.scenario]
			counts[c.scenario] = n
			for act, times := range n {
				if second && known[act] == 0 {
					delete(n, act)
				} else if second {
					n[act] = min(times, known[act])
				}
			}
		})
	})
	return counts
}

// recorded records until every declared act was passed: on a busy machine two workers may divide the work so that an act is
// left out. What no recording passes has no case, which fails the test.
func (b *bench) recorded() map[*scenario]map[string]int {
	all := b.record()
	for range tries {
		wanted := missing(all)
		if len(wanted) == 0 {
			break
		}
		b.Logf("recording again: %v were not passed", wanted)
		for s, n := range b.record() {
			for _, act := range wanted { // and no more: what a busy machine happens to pass need not be passed again
				if n[act] > 0 {
					all[s][act] = n[act]
				}
			}
		}
	}
	return all
}

// missing returns the declared acts that no scenario passed.
func missing(counts map[*scenario]map[string]int) (list []string) {
	for function, acts := range declared {
		for _, act := range acts {
			name := function + "/" + act
			if !slices.ContainsFunc(scenarios, func(s *scenario) bool { return counts[s][name] > 0 }) {
				list = append(list, name)
			}
		}
	}
	return list
}

// points makes the matrix: for each act that a scenario is there for, its first, middle and last occurrence.
func (b *bench) points(counts map[*scenario]map[string]int) (list []point) {
	seen := map[string]bool{}
	for _, s := range scenarios {
		for _, act := range slices.Sorted(maps.Keys(counts[s])) {
			if strings.HasPrefix(act, "sweepledger/") && s.settings["SWEEP_SCHEDULE"] == "" {
				continue // it happens to sweep in time, or it does not
			}
			if seen[act] && !slices.ContainsFunc(s.also, func(word string) bool { return strings.HasPrefix(act, word) }) {
				continue
			}
			seen[act] = true
			for _, n := range occurrences(act, counts[s][act]) {
				list = append(list, point{s, act, n, false}, point{s, act, n, true})
			}
		}
	}
	b.compareActs(seen)
	return list
}

// occurrences are the first, the middle and the last one. A sweep that finds nothing to do is like the one before.
func occurrences(act string, n int) []int {
	if act == "sweepledger/host.Answer" {
		return []int{1}
	}
	return slices.Compact([]int{1, (n + 1) / 2, n})
}

// compareActs holds what was passed against what is declared.
func (b *bench) compareActs(seen map[string]bool) {
	known := map[string]bool{}
	for function, list := range declared {
		for _, act := range list {
			name := function + "/" + act
			if known[name] = true; !seen[name] {
				b.Errorf("act %s has no case: add a scenario that passes it", name)
			}
		}
	}
	for act := range seen {
		if !known[act] {
			b.Errorf("act %s is not declared: add it to the list, and to a scenario that says what a crash there may leave", act)
		}
	}
}

// cells gives each point its combinations: all of them to an act's first occurrence, to the others one after the other.
func cells(points []point) (list []cell) {
	turn := 0
	for _, p := range points {
		if p.n == 1 {
			list = append(list, combinations(p)...)
			continue
		}
		list = append(list, combinations(p)[turn%4])
		turn++
	}
	return list
}

// TestCrashMatrix kills a handler with SIGKILL before and after every act of every function.
func TestCrashMatrix(t *testing.T) {
	start, before := time.Now(), cpu()
	b := newBench(t)
	list := cells(b.points(b.recorded()))
	made := len(list)
	list = chosen(t, list)
	all(slices.Repeat(list, *many), b.crash)
	if len(list) == 0 {
		t.Errorf("no cell is called so: %s", *only)
	}
	if len(list) == made {
		b.compareAllowances()
	}
	_ = b.storage.Close() // so that its seconds are counted
	t.Logf("%d cells of %d, %d at another occurrence than planned, %d scenarios; %.0f s, %.0f s of CPU", len(list), made, b.moved, len(scenarios),
		time.Since(start).Seconds(), (cpu() - before).Seconds())
}

// chosen leaves out the cells that nobody asked for. Under the race detector few are enough: the handlers are no race build.
func chosen(t *testing.T, list []cell) []cell {
	if *only != "" {
		asked := regexp.MustCompile(*only)
		return slices.DeleteFunc(list, func(c cell) bool { return !asked.MatchString(c.String()) })
	}
	var some []cell
	turn := uint32(time.Now().YearDay() % share)
	for _, c := range list {
		if always.MatchString(c.String()) || !raceDetector && crc32.ChecksumIEEE([]byte(c.String()))%share == turn {
			some = append(some, c)
		}
	}
	t.Logf("the cells of %q and, without the race detector, of the others one in %d, by their names and the day of the year (%d); \"make matrix\" runs all",
		always, share, turn)
	return some
}

// tries is how often a cell's first occurrence may stay away: on a busy machine two workers may divide the work so that one
// of them never comes to it.
const tries = 5

// crash runs one cell. Where the act did not occur so often this time, the one before is taken. Every run must end well.
func (b *bench) crash(c cell) {
	for first, left := c.n, tries; left > 0; {
		died := false
		b.run(c, true, func(w *world, err error) {
			died = w.died()
			b.compare(c, w, err, allowed(c.point))
		})
		switch {
		case died && c.n != first:
			b.mu.Lock()
			b.moved++
			b.mu.Unlock()
			return
		case died:
			return
		case c.n > 1:
			c.n--
		default:
			left--
		}
	}
	b.Errorf("%s: no process died in %d runs", c, tries)
}

// compare holds what a run left against what it must leave.
func (b *bench) compare(c cell, w *world, err error, may []*allowance) {
	state, repeated, broken := "", []string(nil), error(nil)
	if err == nil {
		state, repeated, broken = w.state()
	}
	want := c.scenario.want
	for _, m := range may {
		state, repeated = b.except(m, want, state, repeated)
	}
	if err == nil && broken == nil && state == want && len(repeated) == 0 {
		return
	}
	said := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	// What is wrong comes last: who sees only the end of a long output sees that.
	b.Errorf("the last that the handlers said:\n%s\n%s: %v; %v; mailed twice: %v; %s", strings.Join(said[max(0, len(said)-60):], "\n"),
		c, err, broken, repeated, differ(want, state))
}

func differ(want, got string) string {
	if want == got {
		return "the state is as it must be"
	}
	return "want\n" + want + "\ngot\n" + got
}

// cpu is the processor time of this process and of its children that have ended.
func cpu() (sum time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		_ = syscall.Getrusage(who, &r) // never fails for these two
		sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return sum
}
