package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/.ci/internal/testevent"
)

// summarise reads lines of go test -json and returns what is printed.
func summarise(lines string) (string, *summary) {
	var out bytes.Buffer
	s := newSummary(&out)
	testevent.Read(strings.NewReader(lines), &out, s.add)
	s.finish(2)
	return out.String(), s
}

func TestAPassingPackageIsOneLine(t *testing.T) {
	t.Parallel()
	got, _ := summarise(`{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.5}
{"Action":"pass","Package":"p","Test":"TestB/sub","Elapsed":2}
{"Action":"pass","Package":"p","Test":"TestB","Elapsed":2}
{"Action":"pass","Package":"p","Test":"TestC","Elapsed":0.1}
{"Action":"output","Package":"p","Output":"-test.shuffle 1\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t2.7s\n"}
{"Action":"pass","Package":"p","Elapsed":2.7}
`)
	want := "ok  \tp\t2.7s\n\nslowest tests\n    2.00s  p TestB\n    0.50s  p TestA\n\n4 passed, 0 failed\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFailureIsShownInFull(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		lines  string
		want   []string
		failed int
	}{
		"failing test": {`{"Action":"output","Package":"p","Test":"TestA","Output":"a_test.go:3: no\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p"}
`, []string{"a_test.go:3: no\n", "FAIL\n", "  p TestA\n"}, 1},
		"broken build": {`{"ImportPath":"p","Action":"build-output","Output":"p/a.go:1: syntax error\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
`, []string{"syntax error\n", "[build failed]\n", "  p\n"}, 1},
		"panic in a test under way": {`{"Action":"output","Package":"p","Test":"TestA","Output":"panic: boom\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`, []string{"panic: boom\n", "FAIL\tp\t0.1s\n"}, 1},
		"a run cut short": {`{"Action":"output","Package":"p","Test":"TestA","Output":"half a line"}
not JSON
`, []string{"half a line", "not JSON\n"}, 0},
	}
	for name, c := range cases {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			got, s := summarise(c.lines)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("output lacks %q:\n%s", want, got)
				}
			}
			if s.failed != c.failed {
				t.Errorf("failed = %d, want %d", s.failed, c.failed)
			}
		})
	}
}

func TestTheExitCodeIsThatOfGoTest(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{"": 0, `t.Fatal("no")`: 1} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "go.mod"), "module sample\n\ngo 1.26\n")
		write(t, filepath.Join(dir, "a_test.go"), "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { _ = t; "+body+" }\n")
		var out bytes.Buffer
		code, err := run(dir, []string{"./..."}, &out)
		if code != want || err != nil {
			t.Errorf("run(%q) = %d, %v; want %d\n%s", body, code, err, want, &out)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
