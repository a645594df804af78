package tableledger

import (
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	// freshFor is how long the clock runs on by itself before the service is asked.
	freshFor = 30 * time.Second
	// drift is how far two quartz clocks may part per second: 100 ppm, twice what is usual.
	drift = 100 * time.Microsecond
)

// clock estimates the service's time from the Date headers of its answers. A header has whole seconds, so one answer
// tells the time to a second and the time of the request; several narrow it down. Leases depend on it: workers' own
// clocks may be minutes apart, their estimates of one clock less than a second.
type clock struct {
	local func() time.Time
	start time.Time

	mu        sync.Mutex
	low, high time.Time // the service's time at start lies in between
	at        time.Time // of the latest answer; zero before the first
	last      time.Time // what now returned last
}

func newClock(local func() time.Time) *clock { return &clock{local: local, start: local()} }

// Do is the policy that looks at every answer.
func (c *clock) Do(req *policy.Request) (*http.Response, error) {
	sent := c.local()
	res, err := req.Next()
	if err == nil {
		if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
			c.observe(sent, c.local(), date)
		}
	}
	return res, err
}

// observe narrows the estimate: at some moment between sent and received the service's time was between date and a
// second later. An answer that contradicts the estimate replaces it: one of the clocks was set, or the machine slept.
func (c *clock) observe(sent, received, date time.Time) {
	low, high := date.Add(-received.Sub(c.start)), date.Add(time.Second-sent.Sub(c.start))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() {
		slack := time.Duration(received.Sub(c.at).Seconds() * float64(drift))
		c.low, c.high = later(c.low.Add(-slack), low), earlier(c.high.Add(slack), high)
	}
	if c.at.IsZero() || c.high.Before(c.low) {
		c.low, c.high = low, high
	}
	c.at = received
}

// fresh reports whether an answer has come lately, by the wall clock too: the monotonic one stops while a machine sleeps.
func (c *clock) fresh() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.local()
	return !c.at.IsZero() && now.Sub(c.at) < freshFor && now.Round(0).Sub(c.at.Round(0)).Abs() < freshFor
}

// now returns the middle of the estimate, but never an earlier time than before: a narrower estimate may have an earlier
// middle.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	middle := c.low.Add(c.high.Sub(c.low) / 2)
	c.last = later(c.last, middle.Add(c.local().Sub(c.start)).UTC())
	return c.last
}

// estimate is now, or the local time before the first answer.
func (c *clock) estimate() time.Time {
	c.mu.Lock()
	asked := !c.at.IsZero()
	c.mu.Unlock()
	if asked {
		return c.now()
	}
	return c.local().UTC()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
