package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guestlist/functions/cmd/devstack/internal/deployed"
)

// go test ./functions/cmd/devstack -run TestSoak -args -soak-minutes 10 -soak-seed 123
var (
	soakMinutes = flag.Float64("soak-minutes", 0, "how long TestSoak drops files; 0: one, under the race detector 0.4")
	soakSeed    = flag.Uint64("soak-seed", 0, "seed of TestSoak; 0: a new one")
)

// TestSoak imports random files while handlers, hosts and connections die and everything else fails now and then. It takes
// about a minute more than it drops files, until all of them have ended. Under the race detector it is shorter: handlers are
// built without it, as they are deployed, so it would only watch the emulators; what it watches of the handler, other tests
// run in process.
func TestSoak(t *testing.T) {
	t.Parallel()
	minutes := *soakMinutes
	if minutes == 0 {
		minutes = 1
		if raced {
			minutes = 0.4
		}
	}
	staged, dir := t.TempDir(), t.TempDir()
	if err := deployed.Stage(root, staged, "faultbuild"); err != nil {
		t.Fatal(err)
	}
	seed := cmp.Or(*soakSeed, rand.Uint64()>>1)
	var out bytes.Buffer
	// One round that has more rows than there is time for: when time is over, no more files are dropped. Two hosts are
	// enough for work to be taken over, and leave something of the machine to the tests beside it.
	code := run(t.Context(), []string{"soak", "-dist", staged, "-env", filepath.Join(dir, "soak.env"), "-minutes", fmt.Sprint(minutes),
		"-rows", "1000", "-kills", "100", "-handlers", "2", "-seed", fmt.Sprint(seed)}, func(string) string { return "" }, &out, &out)
	t.Logf("repeat with: -args -soak-seed %d\n%s", seed, out.String())
	if code == exitDone {
		return
	}
	t.Errorf("exit code %d", code)
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, path := range logs {
		log, _ := os.ReadFile(path)
		t.Logf("last log lines:\n%s", log[max(0, len(log)-50_000):])
	}
}

// TestSoakPrintsItsPlan: the same seed and flags plan the same.
func TestSoakPrintsItsPlan(t *testing.T) {
	t.Parallel()
	var plans [3]bytes.Buffer
	for n, seed := range []string{"1", "1", "2"} {
		if code := run(t.Context(), []string{"soak", "-plan", "-rows", "300", "-kills", "20", "-seed", seed}, func(string) string { return "" }, &plans[n], &plans[n]); code != exitDone {
			t.Fatalf("exit code %d: %s", code, plans[n].String())
		}
	}
	if plans[0].String() != plans[1].String() || plans[0].String() == plans[2].String() || !strings.Contains(plans[0].String(), "kill host") {
		t.Errorf("plans of seeds 1, 1 and 2:\n%s\n%s\n%s", plans[0].String(), plans[1].String(), plans[2].String())
	}
}

func TestSoakRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-rows", "0"}, {"-faults", "some"}, {"-dedup", "perhaps"}, {"file.csv"}, {"-nonsense"}} {
		var out, text bytes.Buffer
		if code := run(t.Context(), append([]string{"soak"}, args...), func(string) string { return "" }, &out, &text); code != exitUsage || text.Len() == 0 {
			t.Errorf("%v: exit code %d, %q", args, code, text.String())
		}
	}
}
