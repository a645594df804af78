package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"guestlist/.ci/internal/testevent"
)

// verdict is how a mutation fared.
type verdict struct {
	caught  bool
	by      []string // tests that failed
	problem string   // why it was not caught
	took    time.Duration
}

// try runs the tests without a change first, since a test that fails anyway catches nothing, and then every mutation.
func try(ctx context.Context, o options, all []mutation, getenv func(string) string, stdout, stderr io.Writer) int {
	start, t := time.Now(), tester{options: o, goflags: getenv("GOFLAGS")}
	if failed := t.unchanged(ctx, all, o.parallel); len(failed) > 0 {
		for _, line := range failed {
			fmt.Fprintln(stderr, "mutations: fails without a mutation:", line)
		}
		return 1
	}
	fmt.Fprintf(stdout, "%7.1f s  the same tests pass without a mutation\n", time.Since(start).Seconds())
	var mu sync.Mutex
	bad := 0
	each(o.parallel, all, func(m mutation) {
		v := t.mutated(ctx, m)
		mu.Lock()
		defer mu.Unlock()
		if v.caught {
			fmt.Fprintf(stdout, "%7.1f s  %s: caught by %s\n", v.took.Seconds(), m.Name, strings.Join(v.by, ", "))
			return
		}
		bad++
		fmt.Fprintf(stdout, "%7.1f s  %s: %s\n", v.took.Seconds(), m.Name, v.problem)
	})
	fmt.Fprintf(stdout, "%d mutations, %d caught, %d not, %.0f s\n", len(all), len(all)-bad, bad, time.Since(start).Seconds())
	if bad > 0 {
		return 1
	}
	return 0
}

// each calls do for all of them, at most n at a time.
func each[T any](n int, all []T, do func(T)) {
	var wg sync.WaitGroup
	places := make(chan struct{}, max(1, n))
	for _, one := range all {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			do(one)
		})
	}
	wg.Wait()
}

// tester runs go test in the module.
type tester struct {
	options
	goflags string
}

// tests returns the package of the tests to try with a mutation, and their pattern.
func (t tester) tests(m mutation) (pkg, pattern string) {
	if t.pkg != "" {
		return t.pkg, t.pattern
	}
	return m.Package, m.pattern()
}

// unchanged returns the tests of the mutations that fail without any, or are not there. Tests that stand beside each other
// run together.
func (t tester) unchanged(ctx context.Context, all []mutation, parallel int) []string {
	type group struct{ pkg, above string }
	leaves := map[group][]string{}
	for _, m := range all {
		pkg, pattern := t.tests(m)
		i := strings.LastIndex(pattern, "/") + 1
		if g := (group{pkg, pattern[:i]}); !slices.Contains(leaves[g], pattern[i:]) {
			leaves[g] = append(leaves[g], pattern[i:])
		}
	}
	var mu sync.Mutex
	var failed []string
	each(parallel, slices.Collect(maps.Keys(leaves)), func(g group) {
		pattern := g.above + strings.Join(leaves[g], "")
		if len(leaves[g]) > 1 {
			pattern = g.above + "(" + strings.Join(leaves[g], "|") + ")"
		}
		r := t.test(ctx, "", g.pkg, pattern)
		if !r.failed && r.ran >= len(leaves[g]) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		failed = append(failed, fmt.Sprintf("%s -run '%s': %d tests began\n%s", g.pkg, pattern, r.ran, r.rest))
	})
	return failed
}

// mutated tries one mutation.
func (t tester) mutated(ctx context.Context, m mutation) verdict {
	start := time.Now()
	v := t.judge(ctx, m)
	v.took = time.Since(start)
	return v
}

func (t tester) judge(ctx context.Context, m mutation) verdict {
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return verdict{problem: err.Error()}
	}
	defer os.RemoveAll(dir)
	overlay, err := t.overlay(dir, m)
	if err != nil {
		return verdict{problem: "does not apply: " + err.Error()}
	}
	// A test that builds a program by itself would take a build that fails for a catch.
	build := t.command(ctx, overlay, "build", "-o", os.DevNull, "./"+filepath.Dir(m.File)) // a program would be left in the tree otherwise
	if out, err := build.CombinedOutput(); err != nil {
		return verdict{problem: fmt.Sprintf("does not compile: %v\n%s", err, out)}
	}
	pkg, pattern := t.tests(m)
	r := t.test(ctx, overlay, pkg, pattern)
	switch {
	case ctx.Err() != nil:
		return verdict{problem: "interrupted"}
	case r.broken:
		return verdict{problem: "does not compile:\n" + r.rest}
	case !r.failed && r.ran == 0:
		return verdict{problem: fmt.Sprintf("no test of %s matches %s", pkg, pattern)}
	case !r.failed:
		return verdict{problem: fmt.Sprintf("SURVIVED %s -run '%s'", pkg, pattern)}
	case len(r.tests) == 0:
		return verdict{problem: "no test failed, but go test did:\n" + r.rest}
	}
	return verdict{caught: true, by: r.tests}
}

// overlay writes the changed file and the file that tells the go command to read it in place of the other.
func (t tester) overlay(dir string, m mutation) (string, error) {
	text, err := m.apply(t.root)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, filepath.Base(m.File))
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		return "", err
	}
	raw, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(t.root, m.File): changed}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, raw, 0o600)
}

// command is a go command under an overlay. It travels in the environment, so that a build by the test itself sees it too.
func (t tester) command(ctx context.Context, overlay string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = t.root
	flags := t.goflags
	if overlay != "" {
		flags = strings.TrimSpace(flags + " '-overlay=" + overlay + "'")
	}
	cmd.Env = append(os.Environ(), "GOFLAGS="+flags)
	return cmd
}

// result is what go test did.
type result struct {
	failed, broken bool     // broken: it does not compile
	ran            int      // tests that began
	tests          []string // that failed, or were under way when a panic or the time limit ended all
	rest           string   // for people, where no test can be blamed
}

func (t tester) test(ctx context.Context, overlay, pkg, pattern string) result {
	cmd := t.command(ctx, overlay, "test", "-json", "-vet=off", "-count=1", "-timeout="+t.timeout.String(), "-run="+pattern, pkg)
	out, err := cmd.Output()
	r := result{failed: err != nil}
	var rest strings.Builder
	open, failed := map[string]bool{}, map[string]bool{}
	testevent.Read(bytes.NewReader(out), &rest, func(e testevent.Event) {
		switch {
		case e.Action == "build-fail":
			r.broken = true
		case e.Action == "build-output", e.Action == "output":
			rest.WriteString(e.Output)
		case e.Test == "":
		case e.Action == "run":
			r.ran++
			open[e.Test] = true
		case e.Action == "fail":
			failed[e.Test] = true
			delete(open, e.Test)
		case e.Action == "pass", e.Action == "skip":
			delete(open, e.Test)
		}
	})
	if err != nil && len(failed) == 0 {
		failed = open
	}
	r.tests, r.rest = innermost(slices.Sorted(maps.Keys(failed))), rest.String()
	return r
}

// innermost leaves out tests of which a subtest is in the list.
func innermost(sorted []string) []string {
	return slices.DeleteFunc(slices.Clone(sorted), func(name string) bool {
		return slices.ContainsFunc(sorted, func(other string) bool { return strings.HasPrefix(other, name+"/") })
	})
}
