package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/.ci/internal/testevent"
)

func TestTheListIsWellFormed(t *testing.T) {
	t.Parallel()
	if listed, err := parseList(listedText); err != nil || len(listed) == 0 {
		t.Errorf("%d listed, %v", len(listed), err)
	}
	for text, want := range map[string]string{
		"# a comment\n\nadmin TestA topics and more # indeed": "",
		"admin TestA": "listed.txt:1:",
		"\nadmin TestA topics\nadmin TestA rules": "listed.txt:3: admin TestA is there twice",
	} {
		listed, err := parseList(text)
		if want == "" && (err != nil || listed["admin TestA"] != "topics and more") || want != "" && !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: %v, %v; want %q", text, listed, err, want)
		}
	}
}

// sample is a package with tests of every kind. They are live: without LIVE they skip.
const sample = `package sample

import ("os"; "testing")

func live(t *testing.T) { if os.Getenv("LIVE") == "" { t.Skip() } }

func TestA(t *testing.T) { live(t) }
func TestCrash(t *testing.T) { live(t); panic("boom") }
func TestFail(t *testing.T) { live(t); t.Error("no") }
func TestHalf(t *testing.T) { live(t); t.Run("ran", func(t *testing.T) {}); t.Run("not", func(t *testing.T) { t.Skip() }) }
func TestOdd(t *testing.T) { live(t); t.Error("odd") }
func TestStale(t *testing.T) { live(t) }
func TestUnit(t *testing.T) {}
func TestZ(t *testing.T) { live(t); t.Run("sub", func(t *testing.T) {}) }
`

func TestEveryKindOfResultIsJudged(t *testing.T) {
	t.Parallel()
	p := testPackage{name: "internal", dir: t.TempDir()}
	p.binary = filepath.Join(p.dir, "sample.test")
	for name, text := range map[string]string{"go.mod": "module sample\n\ngo 1.26\n", "a_test.go": sample} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "test", "-c", "-o", p.binary)
	build.Dir = p.dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	v := newVerdict(map[string]string{"internal TestOdd": "topics", "internal TestStale": "sessions", "internal TestGone": "rules"})
	if err := v.expect(t.Context(), []testPackage{p}, regexp.MustCompile("")); err != nil {
		t.Fatal(err)
	}
	runAll(t.Context(), []testPackage{p}, append(os.Environ(), "LIVE=1"), v)
	var out bytes.Buffer
	if code := v.report(&out, false); code != 1 {
		t.Errorf("exit code %d", code)
	}
	_, got, _ := strings.Cut(out.String(), "\nfailed as listed")
	want := `, topics (1)
  internal TestOdd

failed
  internal TestCrash failed
  internal TestFail failed
  internal TestGone did not run to its end
  internal TestHalf was skipped
  internal TestStale passed, although listed.txt has it for: sessions

2 passed, 5 failed
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s\n%s", d, &out)
	}
	if !strings.Contains(out.String(), "panic: boom") || strings.Contains(out.String(), "odd") {
		t.Errorf("the output of what failed is missing, or that of a listed test is there:\n%s", &out)
	}
	if err := newVerdict(nil).expect(t.Context(), []testPackage{p}, regexp.MustCompile("Nothing")); err == nil {
		t.Error("no test at all is no error")
	}
}

func TestARunThatBreaksOffFindsNoLiveTests(t *testing.T) {
	t.Parallel()
	p := testPackage{name: "admin", dir: t.TempDir()}
	p.binary = filepath.Join(p.dir, "admin.test")
	for script, want := range map[string]string{
		"echo panic: boom; exit 2": "0 tests skip",
		"printf '\\026=== RUN   TestA\\n\\026--- SKIP: TestA (0.00s)\\n\\026=== RUN   TestB\\npanic: boom\\n'; exit 2": "1 tests skip without a service, and the run came to its end: false",
	} {
		if err := os.WriteFile(p.binary, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := newVerdict(nil).expect(t.Context(), []testPackage{p}, regexp.MustCompile("")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
}

func TestWhatNamesQueuesBySecondRunsInOneLine(t *testing.T) {
	t.Parallel()
	v := newVerdict(nil)
	root, internal := testPackage{name: "azservicebus"}, testPackage{name: "internal"}
	for i := range chunk + 1 {
		v.results[fmt.Sprintf("azservicebus Test%02d", i)] = &result{}
	}
	v.results["azservicebus TestRenewLocks"] = &result{}
	v.results["internal TestB"] = &result{}
	v.results["internal TestA"] = &result{action: "pass"}
	serial, parallel := schedule([]testPackage{root, internal}, v)
	if d := cmp.Diff([]job{{root, []string{"TestRenewLocks"}}, {internal, []string{"TestB"}}}, serial, cmp.AllowUnexported(job{}, testPackage{})); d != "" {
		t.Error(d)
	}
	if len(parallel) != 2 || len(parallel[0].tests) != chunk || len(parallel[1].tests) != 1 {
		t.Errorf("%v", parallel)
	}
}

func TestAProcessThatCannotStartIsNoted(t *testing.T) {
	t.Parallel()
	p := testPackage{name: "admin", binary: filepath.Join(t.TempDir(), "none")}
	v := newVerdict(nil)
	v.results["admin TestA"] = &result{}
	runAll(context.Background(), []testPackage{p}, nil, v)
	if got := v.results["admin TestA"].output.String(); !strings.Contains(got, "none") || v.wrong("admin TestA") == "" {
		t.Errorf("output %q", got)
	}
	v.add(p, testevent.Event{Action: "pass", Test: "TestUnit"}) // not live: not counted
	if len(v.results) != 1 {
		t.Errorf("%d results", len(v.results))
	}
}
