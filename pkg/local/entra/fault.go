package entra

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Fault makes requests of one operation fail. One with neither Count nor Rate strikes once.
type Fault struct {
	// Operation is invite, lookup (users), user (delete), group, member, application, approle, token, or * for all.
	Operation  string `json:"operation"`
	Method     string `json:"method,omitempty"`  // only this HTTP method
	Address    string `json:"address,omitempty"` // only requests about the user with this mail address
	Status     int    `json:"status,omitempty"`  // answered instead; 0 with Reset or Delay only
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	RetryAfter string `json:"retryAfter,omitempty"` // the header, in either of its forms
	// After: the request is carried out first, and only one that succeeded is struck.
	After bool     `json:"after,omitempty"`
	Reset bool     `json:"reset,omitempty"` // the connection is cut instead of an answer
	Delay Duration `json:"delay,omitempty"` // waits first; with After, between the work and the answer
	Count int      `json:"count,omitempty"` // strikes so often, then ends
	Rate  float64  `json:"rate,omitempty"`  // strikes this share of requests, from 0 to 1
}

// Duration is a time span that JSON writes as "2s".
type Duration time.Duration

// UnmarshalText reads what [time.ParseDuration] reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (f *Fault) check() error {
	known := []string{opInvite, opLookup, opUser, opGroup, opMember, opApplication, opAppRole, opToken, opAny}
	switch {
	case !slices.Contains(known, f.Operation):
		return fmt.Errorf("fault: operation %q is none of %v", f.Operation, known)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("fault of %s: status %d is no error", f.Operation, f.Status)
	case f.Status == 0 && !f.Reset && f.Delay == 0:
		return fmt.Errorf("fault of %s: needs a status, reset or delay", f.Operation)
	case f.Rate < 0 || f.Rate > 1 || f.Count < 0 || f.Delay < 0:
		return fmt.Errorf("fault of %s: rate, count or delay is out of range", f.Operation)
	}
	if f.Count == 0 && f.Rate == 0 {
		f.Count = 1
	}
	return nil
}

// answer is what a struck request gets.
func (f *Fault) answer() answer {
	code := f.Code
	if code == "" {
		code = map[int]string{http.StatusTooManyRequests: tooMany, http.StatusUnauthorized: noAuth, http.StatusForbidden: denied,
			http.StatusNotFound: notFound, http.StatusBadRequest: badRequest, http.StatusServiceUnavailable: unavailable}[f.Status]
	}
	if code == "" {
		code = "UnknownError"
	}
	a := refuse(f.Status, code, f.Message)
	if f.RetryAfter != "" {
		a.header = map[string]string{"Retry-After": f.RetryAfter}
	}
	return a
}

// Rates are the shares of requests that fail at random: Before with 503 or 504 and nothing done, AfterWrite with 504
// although the write is done, Reset with the connection cut, before or after.
type Rates struct {
	Before     float64 `json:"before"`
	AfterWrite float64 `json:"afterWrite"`
	Reset      float64 `json:"reset"`
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
	answered := f.rates.Before
	if e.after {
		answered = 0
		if write {
			answered = f.rates.AfterWrite
		}
	}
	hit := &Fault{Operation: e.op, After: e.after}
	switch {
	case c < answered/2 && !e.after:
		hit.Status, hit.Message = http.StatusServiceUnavailable, "The service is unavailable."
	case c < answered:
		hit.Status, hit.Message = http.StatusGatewayTimeout, "The gateway did not receive a response in time."
	case c < answered+f.rates.Reset/2:
		hit.Reset = true
	default:
		return nil
	}
	return hit
}

// draw returns the next number in [0, 1) of e's series.
func (f *faults) draw(kind string, e event) float64 {
	series := kind + " " + e.op + " " + e.method + " " + strconv.FormatBool(e.after)
	f.drawn[series]++
	return f.timing.chance(series, strconv.Itoa(f.drawn[series]))
}
