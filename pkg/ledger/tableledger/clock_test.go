package tableledger

import (
	"testing"
	"time"
)

// watch is a local clock that the test moves, and the server's that runs beside it.
type watch struct {
	local  time.Time
	server time.Time
	clock  *clock
}

func newWatch(offset time.Duration) *watch {
	w := &watch{local: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.server = w.local.Add(offset)
	w.clock = newClock(func() time.Time { return w.local })
	return w
}

func (w *watch) pass(d time.Duration) { w.local, w.server = w.local.Add(d), w.server.Add(d) }

// answer is a request that takes 20 ms, answered in the middle.
func (w *watch) answer() {
	sent := w.local
	w.pass(10 * time.Millisecond)
	date := w.server.Truncate(time.Second)
	w.pass(10 * time.Millisecond)
	w.clock.observe(sent, w.local, date)
}

func (w *watch) wrong() time.Duration { return w.clock.now().Sub(w.server).Abs() }

func TestOneAnswerTellsTheTimeToHalfASecond(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{0, 999 * time.Millisecond, -time.Hour, 3*time.Minute + 500*time.Millisecond} {
		w := newWatch(offset)
		w.answer()
		if wrong := w.wrong(); wrong > 520*time.Millisecond {
			t.Errorf("offset %s: wrong by %s", offset, wrong)
		}
	}
}

func TestSeveralAnswersNarrowTheTime(t *testing.T) {
	t.Parallel()
	w := newWatch(1234 * time.Millisecond)
	for range 50 {
		w.answer()
		w.pass(93 * time.Millisecond)
	}
	if wrong := w.wrong(); wrong > 60*time.Millisecond {
		t.Errorf("wrong by %s after fifty answers", wrong)
	}
}

func TestClockFollowsAServerThatWasSet(t *testing.T) {
	t.Parallel()
	w := newWatch(0)
	for range 20 {
		w.answer()
		w.pass(93 * time.Millisecond)
	}
	w.server = w.server.Add(time.Hour)
	w.answer()
	if wrong := w.wrong(); wrong > 520*time.Millisecond {
		t.Errorf("wrong by %s", wrong)
	}
}

func TestNarrowingDoesNotTurnTheClockBack(t *testing.T) {
	t.Parallel()
	for _, between := range []time.Duration{7 * time.Millisecond, 290 * time.Millisecond, 900 * time.Millisecond} {
		w := newWatch(0)
		var last time.Time
		look := func() {
			now := w.clock.now()
			if now.Before(last) {
				t.Errorf("with %s between answers from %s back to %s", between, last, now)
			}
			last = now
		}
		for range 40 {
			w.answer()
			look()
			w.pass(between)
			look()
		}
	}
}

func TestClockIsFreshForAWhileAfterAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWatch(0)
	if w.clock.fresh() {
		t.Error("fresh before the first answer")
	}
	w.answer()
	w.pass(freshFor - time.Second)
	if !w.clock.fresh() {
		t.Error("not fresh in time")
	}
	w.pass(2 * time.Second)
	if w.clock.fresh() {
		t.Error("fresh for ever")
	}
}

func TestEstimateIsLocalUntilTheFirstAnswer(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		w := newWatch(offset)
		if got := w.clock.estimate(); !got.Equal(w.local) {
			t.Errorf("before the first answer %s, want the local %s", got, w.local)
		}
		w.answer()
		w.pass(time.Hour) // nobody asks for long
		if wrong := w.clock.estimate().Sub(w.server).Abs(); wrong > 520*time.Millisecond {
			t.Errorf("offset %s: wrong by %s", offset, wrong)
		}
	}
}
