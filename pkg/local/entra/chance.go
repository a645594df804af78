package entra

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Rates are the shares of requests that fail at random: Before with 503 or 504 and nothing done, AfterWrite with 504
// although the write is done, Reset with the connection cut, before or after, Throttle with 429 and nothing done (half of
// them without Retry-After), Slow with the answer a second late.
type Rates struct {
	Before     float64 `json:"before"`
	AfterWrite float64 `json:"afterWrite"`
	Reset      float64 `json:"reset"`
	Throttle   float64 `json:"throttle"`
	Slow       float64 `json:"slow"`
}

// defaultRates are those that Config.Faults switches on. They are far above those of the real service, so that short runs
// meet them.
func defaultRates() Rates { return Rates{Before: 0.01, AfterWrite: 0.01, Reset: 0.005} }

// faults decides which requests fail. Chance depends on the seed and on how many requests of that operation there were, so
// that the nth of each meets the same fate in every run.
type faults struct {
	mu     sync.Mutex
	list   []*Fault
	rates  Rates
	timing timing
	drawn  map[string]int
}

func newFaults(on bool, t timing) *faults {
	f := &faults{timing: t, drawn: map[string]int{}}
	if on {
		f.rates = defaultRates()
	}
	return f
}

func (f *faults) add(it Fault) error {
	if err := it.check(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, &it)
	return nil
}

// clear ends all faults, those by chance too.
func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list, f.rates = nil, Rates{}
}

// event is a request at the moment of a decision: before it is carried out, or after it succeeded.
type event struct {
	op, method string
	after      bool
	about      func(address string) bool
}

// strike returns the fault that e meets, or nil.
func (f *faults) strike(e event) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, it := range f.list {
		if !it.matches(e) || it.Rate > 0 && f.draw("fault", e) >= it.Rate {
			continue
		}
		hit := *it
		if it.Count > 0 {
			if it.Count--; it.Count == 0 {
				f.list = slices.Delete(f.list, i, i+1)
			}
		}
		return &hit
	}
	return f.byChance(e)
}

func (f *Fault) matches(e event) bool {
	return f.After == e.after && (f.Operation == opAny || f.Operation == e.op) && (f.Method == "" || f.Method == e.method) &&
		(f.Address == "" || e.about(f.Address))
}

// byChance applies the rates; tokens are spared, since the platform answers for them and not the directory.
func (f *faults) byChance(e event) *Fault {
	if e.op == opToken || f.rates == (Rates{}) {
		return nil
	}
	c, write := f.draw("chance", e), e.method != http.MethodGet
	answered, throttled, slow := f.rates.Before, f.rates.Throttle, 0.0
	if e.after {
		answered, throttled, slow = 0, 0, f.rates.Slow
		if write {
			answered = f.rates.AfterWrite
		}
	}
	hit := &Fault{Operation: e.op, After: e.after}
	// within takes the next share of the numbers from 0 to 1.
	within := func(share float64) bool { c -= share; return c < 0 }
	switch {
	case !e.after && within(answered/2):
		hit.Refusal = unavailable
	case !e.after && within(answered/2), e.after && within(answered):
		hit.Refusal = gatewayTimeout
	case within(f.rates.Reset / 2):
		hit.Reset = true
	case within(throttled / 2):
		hit.Refusal, hit.RetryAfter = tooMany, "1"
	case within(throttled / 2):
		hit.Refusal = tooMany
	case within(slow):
		hit.Delay = Duration(time.Second)
	default:
		return nil
	}
	_ = hit.name() // names of the catalogue
	return hit
}

// draw returns the next number in [0, 1) of e's series.
func (f *faults) draw(kind string, e event) float64 {
	series := kind + " " + e.op + " " + e.method + " " + strconv.FormatBool(e.after)
	f.drawn[series]++
	return f.timing.chance(series, strconv.Itoa(f.drawn[series]))
}
