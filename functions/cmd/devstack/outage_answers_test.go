package main

import (
	"math/rand/v2"
	"testing"
)

// TestOutageAnswersLost: storage does what it is asked, and then the connection ends instead of the answer coming: for every
// seventh write, or for a fifth of them at random. What was written must not be taken for another's, done a second time or
// counted twice.
func TestOutageAnswersLost(t *testing.T) {
	t.Parallel()
	for name, pick := range map[string]func(int) bool{
		"every_seventh":     func(n int) bool { return n%7 == 0 },
		"a_fifth_at_random": func(int) bool { return rand.N(5) == 0 },
		"four_in_a_row":     func(n int) bool { return n%40 < 4 }, // more than the SDK tries
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, l := wiredWorld(t, nil)
			l.blobs.meet(losesAnswers(pick))
			l.tables.meet(losesAnswers(pick))
			w.through(50, 0, 2, 2, func(d *drop) {
				w.progress(d, 100)
				t.Logf("%d answers lost of blobs, %d of tables", l.blobs.strikes(), l.tables.strikes())
			})
		})
	}
}
