package mailbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// The kinds of fault.
const (
	Greylist = "greylist" // the first attempt for a recipient is answered 451, until Delay has passed
	Slow     = "slow"     // the answer to the mail's data comes after Delay
	Reject   = "reject"   // the recipient is refused with 550
	Defer    = "defer"    // the recipient is refused with 450, as often as the fault applies
	Drop     = "drop"     // the connection breaks after the mail's data; the mail was taken
	Lose     = "lose"     // the connection breaks after the mail's data; the mail was not taken
)

// Fault is something that goes wrong. It applies to recipients whose address contains Address (all, if it is empty), to a
// part of Rate of the attempts (all, if it is 0), and Count times (always, if it is 0).
type Fault struct {
	Kind    string   `json:"kind"`
	Address string   `json:"address,omitempty"`
	Rate    float64  `json:"rate,omitempty"`
	Count   int      `json:"count,omitempty"`
	Delay   Duration `json:"delay,omitzero"`
	Text    string   `json:"text,omitempty"` // of the answer, in place of the usual words
	met     int
}

// Duration is a time.Duration that JSON writes as 250ms or 5m.
type Duration time.Duration

// MarshalText writes the duration as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

func (f Fault) check() error {
	if !slices.Contains([]string{Greylist, Slow, Reject, Defer, Drop, Lose}, f.Kind) {
		return fmt.Errorf("mailbox: %q is no kind of fault: use greylist, slow, reject, defer, drop or lose", f.Kind)
	}
	if f.Rate < 0 || f.Rate > 1 {
		return fmt.Errorf("mailbox: a rate of %g is not between 0 and 1", f.Rate)
	}
	return nil
}

// faults decides what goes wrong. It is used from many goroutines.
type faults struct {
	mu   sync.Mutex
	rand *rand.Rand
	list []Fault
	seen map[string]time.Time // when a recipient was first greylisted
}

func (f *faults) set(list []Fault) error {
	for _, one := range list {
		if err := one.check(); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list, f.seen = slices.Clone(list), nil
	return nil
}

func (f *faults) add(one Fault) error {
	if err := one.check(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, one)
	return nil
}

func (f *faults) all() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

// next returns the first fault of one of the kinds that this attempt for the recipients meets.
func (f *faults) next(now time.Time, recipients []string, kinds ...string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.list {
		one := &f.list[n]
		if !slices.Contains(kinds, one.Kind) || one.Count > 0 && one.met >= one.Count {
			continue
		}
		i := slices.IndexFunc(recipients, func(a string) bool { return strings.Contains(strings.ToLower(a), strings.ToLower(one.Address)) })
		if i < 0 || one.Kind == Greylist && !f.grey(recipients[i], now, *one) {
			continue
		}
		if one.Kind != Greylist && one.Rate > 0 && f.rand.Float64() >= one.Rate {
			continue
		}
		one.met++
		return *one, true
	}
	return Fault{}, false
}

// grey reports whether a recipient is to be put off. Who meets the rate is decided at the first attempt.
func (f *faults) grey(recipient string, now time.Time, one Fault) bool {
	if f.seen == nil {
		f.seen = map[string]time.Time{}
	}
	first, known := f.seen[recipient]
	if !known {
		f.seen[recipient] = now
		if one.Rate > 0 && f.rand.Float64() >= one.Rate {
			f.seen[recipient] = time.Time{}
			return false
		}
		return true
	}
	return now.Sub(first) < time.Duration(one.Delay)
}
