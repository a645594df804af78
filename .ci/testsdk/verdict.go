package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"guestlist/.ci/internal/testevent"
)

//go:embed listed.txt
var listedText string

// parseList reads lines "package Test reason". What is left of a line after # is a comment.
func parseList(text string) (map[string]string, error) {
	listed := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 3 {
			return nil, fmt.Errorf("listed.txt:%d: %q is no package, test and reason", i+1, line)
		}
		name := fields[0] + " " + fields[1]
		if listed[name] != "" {
			return nil, fmt.Errorf("listed.txt:%d: %s is there twice", i+1, name)
		}
		listed[name] = strings.Join(fields[2:], " ")
	}
	return listed, nil
}

// result is what is known of a top-level test.
type result struct {
	action string // run, then pass, fail or skip
	output strings.Builder
}

// verdict collects results by "package Test". It is safe for concurrent use.
type verdict struct {
	listed  map[string]string
	mu      sync.Mutex
	results map[string]*result
}

func newVerdict(listed map[string]string) *verdict {
	return &verdict{listed: listed, results: map[string]*result{}}
}

// expect finds the live tests: those that skip where there is no service.
func (v *verdict) expect(ctx context.Context, packages []testPackage, filter *regexp.Regexp) error {
	for _, p := range packages {
		live, ended := 0, false
		err := p.run(ctx, nil, ".", func(e testevent.Event) {
			test, _, _ := strings.Cut(e.Test, "/")
			ended = ended || test == "" && (e.Action == "pass" || e.Action == "fail")
			if e.Action != "skip" || test == "" {
				return
			}
			live++
			if filter.MatchString(test) {
				v.results[p.name+" "+test] = &result{}
			}
		})
		if err != nil {
			return err
		}
		if live == 0 || !ended {
			return fmt.Errorf("package %s: %d tests skip without a service, and the run came to its end: %v", p.name, live, ended)
		}
	}
	if len(v.results) == 0 {
		return errors.New("no live test matches")
	}
	for name := range v.listed {
		if _, test, _ := strings.Cut(name, " "); v.results[name] == nil && filter.MatchString(test) {
			v.results[name] = &result{} // it will be reported as one that did not run
		}
	}
	return nil
}

// pending returns the tests of a package that have not run, in a fixed order.
func (v *verdict) pending(p testPackage) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(v.results)) {
		if test, ours := strings.CutPrefix(name, p.name+" "); ours && v.results[name].action == "" {
			names = append(names, test)
		}
	}
	return names
}

// add takes in an event of a package's tests. A test in which something was skipped was not run.
func (v *verdict) add(p testPackage, e testevent.Event) {
	test, sub, _ := strings.Cut(e.Test, "/")
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.results[p.name+" "+test]
	switch {
	case r == nil:
	case e.Action == "output":
		r.output.WriteString(e.Output)
	case e.Action == "skip", sub == "" && (e.Action == "fail" || e.Action == "run"),
		sub == "" && e.Action == "pass" && r.action == "run":
		r.action = e.Action
	}
}

// ended takes in the end of a process: a test that was under way took it down. Why it could not do better is err.
func (v *verdict) ended(j job, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, test := range j.tests {
		r := v.results[j.name+" "+test]
		if r.action == "run" {
			r.action = "fail"
		}
		if err != nil {
			fmt.Fprintln(&r.output, err)
		}
	}
}

// wrong says what is wrong with a test's result, or "".
func (v *verdict) wrong(name string) string {
	action, reason := v.results[name].action, v.listed[name]
	switch {
	case action == "":
		return "did not run to its end"
	case action == "skip":
		return "was skipped"
	case action == "pass" && reason != "":
		return "passed, although listed.txt has it for: " + reason
	case action == "fail" && reason == "":
		return "failed"
	}
	return ""
}

// report prints the verdict and returns the exit code.
func (v *verdict) report(out io.Writer, verbose bool) int {
	var wrong []string
	passed, asListed := 0, map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(v.results)) {
		reason, what := v.listed[name], v.wrong(name)
		if what != "" || verbose && reason != "" {
			fmt.Fprintf(out, "\n%s\n%s", name, &v.results[name].output)
		}
		switch {
		case what != "":
			wrong = append(wrong, name+" "+what)
		case reason != "":
			asListed[reason] = append(asListed[reason], name)
		default:
			passed++
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(asListed)) {
		fmt.Fprintf(out, "\nfailed as listed, %s (%d)\n  %s\n", reason, len(asListed[reason]), strings.Join(asListed[reason], "\n  "))
	}
	if len(wrong) > 0 {
		fmt.Fprintf(out, "\nfailed\n  %s\n", strings.Join(wrong, "\n  "))
	}
	fmt.Fprintf(out, "\n%d passed, %d failed\n", passed, len(wrong))
	return min(len(wrong), 1)
}
