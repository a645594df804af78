package main

import (
	"math/rand/v2"
	"testing"
)

// TestOutageAnswersLost: storage does what it is asked, and then the connection ends instead of the answer coming: for a tenth
// of the writes at random and, of the tables, now and then for four in a row, which is as often as the SDK tries. (A stage
// writes some fifty blobs in one go, so with one of them lost for good it would never end. A plan goes on where it was.) What was written must
// not be taken for another's, done a second time or counted twice.
func TestOutageAnswersLost(t *testing.T) {
	t.Parallel()
	w, l := wiredWorld(t, nil)
	l.blobs.meet(losesAnswers(func(int) bool { return rand.N(10) == 0 }))
	l.tables.meet(losesAnswers(func(n int) bool { return n%50 < 4 || rand.N(10) == 0 }))
	w.through(36, 0, 1, 1, func(d *drop) { w.reaches(d, 60) })
	t.Logf("%d answers lost of blobs, %d of tables", l.blobs.strikes(), l.tables.strikes())
	if l.tables.strikes() < 30 {
		t.Error("too few answers were lost")
	}
}
