package entra

import (
	"math"
	"time"
)

// steps is how finely a window slides.
const steps = 50

// window is a sliding window of requests or units, counted in steps. Refused ones count too (source: concept page
// throttling: all requests accrue against the limits), so who does not wait waits longer.
type window struct {
	limit  int
	step   time.Duration
	counts [steps]int
	total  int
	at     int64 // number of the newest step
}

func newWindow(rate float64, w time.Duration) *window {
	return &window{limit: limitOf(rate, w), step: max(1, w/steps)}
}

func limitOf(rate float64, w time.Duration) int { return max(1, int(math.Round(rate*w.Seconds()))) }

// take counts n at now. It returns 0, or how long to wait before the next would pass.
func (w *window) take(now time.Time, n int) time.Duration {
	w.slide(now)
	over := w.total+n > w.limit
	w.counts[w.at%steps] += n
	w.total += n
	if !over {
		return 0
	}
	left := w.total
	for i := w.at - steps + 1; i <= w.at; i++ {
		if left -= w.counts[i%steps]; left < w.limit {
			return time.Unix(0, (i+steps)*int64(w.step)).Sub(now)
		}
	}
	return w.step * steps
}

// slide forgets the steps that have left the window.
func (w *window) slide(now time.Time) {
	at := now.UnixNano() / int64(w.step)
	for i := max(w.at+1, at-steps+1); i <= at; i++ {
		w.total -= w.counts[i%steps]
		w.counts[i%steps] = 0
	}
	w.at = max(w.at, at)
}
