package simtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/pkg/pace"
)

// TestASmallFileOvertakesABigOne: ten guests behind a hundred thousand have ended when the directory has taken no more than
// a minute's worth of writes.
func TestASmallFileOvertakesABigOne(t *testing.T) {
	if testing.Short() {
		t.Skip("it simulates a file of 100,000 guests")
	}
	simulate(t, 1, fast, func(t *testing.T, w *world) {
		big := w.drop("big", 100_000)
		w.until(time.Hour, "the big file has its window full", func() bool { return w.tally(big).Invited >= 1000 })
		before := w.dir.writes()
		small := w.drop("small", 10)
		took := w.reported(small, 10*time.Minute)
		if graph := time.Duration(float64(w.dir.writes()-before) / pace.Writes * float64(time.Second)); graph > time.Minute {
			t.Errorf("it took %s of Graph time (%s by the clock), want a minute at most", graph, took)
		} else {
			t.Logf("%s of Graph time, %s by the clock", graph, took)
		}
		if open := w.tally(big).Open; open < 90_000 {
			t.Errorf("the big file has %d guests open: it is no test", open)
		}
	})
}

// TestTwoHundredImportsAllMove: the queue is never longer than a window and a quarter for each process and one guest of each
// import (see pkg/window): at the limit about a minute, and less than fifty files that came first fit into it as a whole.
func TestTwoHundredImportsAllMove(t *testing.T) {
	for name, s := range map[string]pace.Settings{"at the limit": fast, "slowly": pace.Careful} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 2, s, func(t *testing.T, w *world) {
				var ids []string
				for n := range 200 {
					ids = append(ids, w.drop(fmt.Sprint("file", n), 20))
				}
				most := 90 * time.Second
				if s == pace.Careful {
					most = 2 * time.Hour
				}
				took := w.until(most, "every import has somebody invited", func() bool {
					time.Sleep(5 * time.Second)
					return !slices.ContainsFunc(ids, func(id string) bool { return w.tally(id).Invited == 0 })
				})
				ended := 0
				for _, id := range ids {
					if i, err := w.ledger.Import(t.Context(), id); err == nil && !i.Open() {
						ended++
					}
				}
				t.Logf("all move after %s; %d have ended", took, ended)
				if ended > 50 {
					t.Errorf("%d have ended before the last began", ended)
				}
			})
		})
	}
}
