package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"guestlist/.ci/internal/testevent"
)

type result struct {
	name    string
	seconds float64
}

// summary turns events into text as they come: a package that passes is one line, a failure is shown in full.
type summary struct {
	out     io.Writer
	held    map[string][]string // output that is shown only on failure, by package and test
	broken  map[string]bool     // packages with a failed test
	elapsed map[string]float64  // seconds of every test
	slow    []result

	passed, failed, skipped int
	failures                []string
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, held: map[string][]string{}, broken: map[string]bool{}, elapsed: map[string]float64{}}
}

func (s *summary) add(e testevent.Event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		io.WriteString(s.out, e.Output)
	case "output":
		s.held[key] = append(s.held[key], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(e)
		}
		delete(s.held, key)
	}
}

func (s *summary) endTest(e testevent.Event) {
	switch e.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped++
	case "fail":
		s.failed++
		s.broken[e.Package] = true
		s.failures = append(s.failures, e.Package+" "+e.Test)
		s.show(e.Package + " " + e.Test)
	}
	s.slow = append(s.slow, result{e.Package + " " + e.Test, e.Elapsed})
	s.elapsed[e.Package+" "+e.Test] = e.Elapsed
}

// withinParent reports whether the test's time is in that of its parent already. The time of a parent whose subtests run
// in parallel is not: it ends before they begin.
func (s *summary) withinParent(r result) bool {
	i := strings.LastIndex(r.name, "/")
	return i > strings.LastIndex(r.name, " ") && s.elapsed[r.name[:i]] >= r.seconds
}

// endPackage prints the one line of a package that passed, and everything that one which failed wrote. A package that
// fails without a failing test (it does not build, it panics, it times out) counts as one failure, and the output of
// the tests that were under way belongs to it.
func (s *summary) endPackage(e testevent.Event) {
	if e.Action != "fail" {
		for _, line := range s.held[e.Package+" "] {
			if strings.HasPrefix(line, "ok") || strings.HasPrefix(line, "?") {
				io.WriteString(s.out, line)
			}
		}
		return
	}
	if !s.broken[e.Package] {
		s.failed++
		s.failures = append(s.failures, e.Package)
	}
	for _, key := range slices.Sorted(maps.Keys(s.held)) {
		if strings.HasPrefix(key, e.Package+" ") && key != e.Package+" " {
			s.show(key)
		}
	}
	s.show(e.Package + " ")
}

func (s *summary) show(key string) {
	for _, line := range s.held[key] {
		io.WriteString(s.out, line)
	}
	delete(s.held, key)
}

// finish prints what is left over, the slowest n tests, the names of what failed and the counts.
func (s *summary) finish(n int) {
	for _, key := range slices.Sorted(maps.Keys(s.held)) {
		s.show(key) // go test ended in the middle of these
	}
	slices.SortFunc(s.slow, func(a, b result) int {
		return cmp.Or(cmp.Compare(b.seconds, a.seconds), strings.Compare(a.name, b.name))
	})
	s.slow = slices.DeleteFunc(s.slow, s.withinParent)
	fmt.Fprintf(s.out, "\nslowest tests\n")
	for _, r := range s.slow[:min(n, len(s.slow))] {
		fmt.Fprintf(s.out, "%8.2fs  %s\n", r.seconds, r.name)
	}
	if len(s.failures) > 0 {
		fmt.Fprintf(s.out, "\nfailed\n")
	}
	for _, name := range s.failures {
		fmt.Fprintf(s.out, "  %s\n", name)
	}
	if s.skipped > 0 {
		fmt.Fprintf(s.out, "\n%d skipped\n", s.skipped)
	}
	fmt.Fprintf(s.out, "\n%d passed, %d failed\n", s.passed, s.failed)
}
