package protocoltest_test

import (
	"flag"
	"testing"
	"time"
)

// settings are the worlds that are searched, each with the faults it may have.
var settings = map[string]rules{
	"Microsoft's mail":           {modes: [2]mode{microsoft, microsoft}},
	"own mail":                   {modes: [2]mode{own, own}},
	"own mail, then Microsoft's": {modes: [2]mode{own, microsoft}},
	"no mail, then own":          {modes: [2]mode{none, own}},
	"a guest of the directory":   {modes: [2]mode{own, microsoft}, existing: true},
}

// faulty gives a setting its faults: up to total of them together, of any kind. A worker stands still once at most: the
// uncertain wait has room for that.
func (r rules) faulty(total uint8) rules {
	r.may, r.mayTotal = [faults]uint8{crash: total, lost: total, refused: total, twice: total, stall: 1}, total
	return r
}

// many is how many faults may happen on one way. Each more takes some ten times as long.
var many = flag.Int("faults", 2, "faults on one way through the model")

func TestEveryOrderKeepsThePromises(t *testing.T) {
	t.Parallel()
	start, states := time.Now(), 0
	for name, r := range settings {
		t.Run(name, func(t *testing.T) { // one after the other: each takes some hundred megabytes
			r = r.faulty(uint8(*many))
			f := r.search(r.start(), nil)
			if f.broken != "" {
				t.Errorf("broken: %s\n%s\n%+v", f.broken, written(f.trace()), f.last())
			}
			t.Logf("%d states, %d steps without a fault", len(f.states), len(f.edges))
			states += len(f.states)
		})
	}
	t.Logf("%d states in %s", states, time.Since(start).Round(time.Millisecond))
}
