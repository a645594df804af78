package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBench makes the benchmark's runs small: writes per guest do not depend on the machine, throughput does.
func TestBench(t *testing.T) {
	t.Parallel()
	dir, err := staged()
	if err != nil {
		t.Fatal(err)
	}
	var out, text bytes.Buffer
	code := run(t.Context(), []string{"bench", "-dist", dir, "-guests", "60", "-limit-window", "15s", "-only", "calm,three,concurrent"},
		func(string) string { return "" }, &out, &text)
	if code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), text.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")[4:]
	if len(lines) != 4 {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	for i, most := range []float64{1.2, 0, 1.5, 2.001} { // on a busy machine guests come slowly, and three processes fill fewer writes
		var perGuest float64
		fields := strings.Split(lines[i], "|")
		if _, err := fmt.Sscan(fields[4], &perGuest); err != nil || perGuest > most || most > 0 && perGuest < 1 {
			t.Errorf("%s: %v, want %.2f writes per guest at most", lines[i], err, most)
		}
		if want := []string{"60 done", "60 already", "60 done", "0 failed"}[i]; !strings.Contains(lines[i], want) {
			t.Errorf("%s: want %s", lines[i], want)
		}
	}
}

func TestSteadyTime(t *testing.T) {
	t.Parallel()
	var all []sample
	for s := range 401 { // 3,000 writes at once, none for a while, then 20 a second; the last of them slowly
		writes := 3000
		if s > 150 {
			writes += 20 * min(s-150, 240)
		}
		all = append(all, sample{time.Duration(s) * time.Second, writes, s / 10})
	}
	f := figures{writes: 3000 + 20*240}
	f.settle(all, 150*time.Second)
	if !f.hasSteady || f.steady < 19.9 || f.steady > 20.1 || f.steadyThrottled < 0.004 || f.steadyThrottled > 0.006 {
		t.Errorf("%+v", f)
	}
	short := figures{writes: 100}
	short.settle(all[:160], 150*time.Second)
	if short.hasSteady {
		t.Errorf("%+v; ten seconds tell nothing", short)
	}
}

func TestBenchRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-only", "fast"}, {"-guests", "0"}, {"file.csv"}, {"-nonsense"}} {
		var out, text bytes.Buffer
		if code := run(t.Context(), append([]string{"bench"}, args...), func(string) string { return "" }, &out, &text); code != exitUsage || text.Len() == 0 {
			t.Errorf("%v: exit code %d, %q", args, code, text.String())
		}
	}
}
