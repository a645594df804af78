package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/azurite"
	"guestlist/pkg/status"
)

// lines are what lies between the programs of a stack and their services.
type lines struct {
	blobs, tables *front
	bus           *line
	away          bool // cut all when the hosts start
}

// wiredWorld is a world whose handler, host and Event Grid reach storage and Service Bus over lines that can be cut. The
// oracle looks past them.
func wiredWorld(t *testing.T, change func(*options)) (*world, *lines) {
	t.Helper()
	return wiredWorldOf(t, &lines{}, change)
}

func wiredWorldOf(t *testing.T, l *lines, change func(*options)) (*world, *lines) {
	t.Helper()
	w := newWorld(t, func(o *options) {
		calm(o)
		if change != nil {
			change(o)
		}
		o.reach = func(storage, serviceBus string) (string, string) {
			if l.bus == nil {
				part := func(text, from, to string) string {
					_, rest, _ := strings.Cut(text, from)
					value, _, _ := strings.Cut(rest, to)
					return value
				}
				l.blobs, l.tables = newFront(t, part(storage, "BlobEndpoint=", ";")), newFront(t, part(storage, "TableEndpoint=", ";"))
				l.bus = cable(t, part(serviceBus, "sb://", ";"))
			} else if l.away {
				l.cut()
			}
			storage = fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=http://%s/%[1]s;TableEndpoint=http://%[4]s/%[1]s;",
				azurite.Account, azurite.Key, l.blobs.address, l.tables.address)
			_, rest, _ := strings.Cut(serviceBus, ";")
			return storage, "Endpoint=sb://" + l.bus.address + ";" + rest
		}
	})
	return w, l
}

func (l *lines) cut()  { l.bus.cut(); l.blobs.cut(); l.tables.cut() }
func (l *lines) mend() { l.bus.mend(); l.blobs.mend(); l.tables.mend() }

// ends is how invocations ended, as the handler's log tells.
type ends struct {
	verdicts          map[string]int
	attempt, delivery int // the highest
}

func (w *world) ends() ends {
	w.t.Helper()
	log, err := os.ReadFile(strings.TrimSuffix(w.env, ".env") + ".log")
	if err != nil {
		w.t.Fatal(err)
	}
	e := ends{verdicts: map[string]int{}}
	for line := range bytes.Lines(log) {
		var l struct {
			Msg, Verdict      string
			Attempt, Delivery int
		}
		if !bytes.Contains(line, []byte(`"invocation ended"`)) || json.Unmarshal(line, &l) != nil {
			continue
		}
		e.verdicts[l.Verdict]++
		e.attempt, e.delivery = max(e.attempt, l.Attempt), max(e.delivery, l.Delivery)
	}
	return e
}

// spared checks that the outage cost no more attempts and deliveries than said, and that what the ledger counts is there.
func (w *world) spared(attempts, deliveries int, imports ...status.Import) {
	w.t.Helper()
	e := w.ends()
	w.t.Logf("highest attempt %d, highest delivery %d, verdicts %v", e.attempt, e.delivery, e.verdicts)
	if e.attempt > attempts || e.delivery > deliveries {
		w.t.Errorf("attempt %d and delivery %d were seen, want %d and %d at most", e.attempt, e.delivery, attempts, deliveries)
	}
	for _, i := range imports {
		w.recounted(i.ID)
	}
}

// recounted checks that an import's tally is what a recount of its entries gives.
func (w *world) recounted(id string) {
	w.t.Helper()
	var sum ledger.Tally
	for part := range ledger.Parts {
		for e, err := range w.services.Ledger.ListEntries(w.ctx, id, part, "") {
			if err != nil {
				w.t.Fatal(err)
			}
			sum = sum.Plus(1, ledger.Count(&e))
		}
	}
	tally, err := w.services.Ledger.Tally(w.ctx, id)
	if d := cmp.Diff(sum, tally, cmpopts.EquateEmpty()); d != "" || err != nil {
		w.t.Errorf("the tally is not what the entries give (%v), -recount +tally:\n%s", err, d)
	}
}

// during waits until so long has passed in which something is away.
func (w *world) during(d time.Duration) {
	w.t.Helper()
	end := time.Now().Add(d)
	w.until("the outage passes", func() bool { return !time.Now().Before(end) })
}

// reaches is progress that looks four times a second: an outage need not begin at an exact moment.
func (w *world) reaches(d *drop, n int) {
	w.t.Helper()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		i, err := status.Find(w.ctx, w.services.Ledger, d.importID)
		if err == nil && (i.Invited+i.Guests-i.Open >= n || i.Settled()) {
			return
		}
		select {
		case <-w.ctx.Done():
			w.t.Fatal(w.ctx.Err())
		case <-tick.C:
		}
	}
}

// through drops a file of n guests, lets something happen when some are on their way, and wants all of it done, once and
// soon: within most of the end of what happened.
func (w *world) through(n int, most time.Duration, attempts, deliveries int, happens func(d *drop)) {
	w.t.Helper()
	if _, err := w.allow(w.ctx, status.Import{}); err != nil { // the source, so that the file is not held
		w.t.Fatal(err)
	}
	d := w.put(w.file("guests.csv", guests(n)), "guests.csv")
	happens(d)
	end := time.Now()
	i := w.wait(d)[0]
	took := time.Since(end)
	w.t.Logf("done %s after the end", took.Round(time.Second))
	if outcomesOf(i) != fmt.Sprintf("%d done", n) {
		w.t.Errorf("outcomes: %s", outcomesOf(i))
	}
	if u := w.entra.Stats().UsersCreated; u != n {
		w.t.Errorf("%d users, want %d", u, n)
	}
	if most > 0 && took > most {
		w.t.Errorf("done %s after the end, want %s at most", took, most)
	}
	w.mailed(n)
	w.oracle(0, i)
	w.spared(attempts, deliveries, i)
}

// TestOutageStorage: storage is out of order in one way after the other, in the midst of an import: it refuses connections,
// says nothing, answers late, is busy, times out; at last only its tables are away, and only its blobs.
func TestOutageStorage(t *testing.T) {
	t.Parallel()
	w, l := wiredWorld(t, nil)
	both := func(m met) func() {
		return func() { l.blobs.meet(m); l.tables.meet(m) }
	}
	w.through(40, 4*time.Minute, 1, 2, func(d *drop) {
		for n, begins := range []func(){
			func() { l.blobs.cut(); l.tables.cut() },
			both(silent),
			both(slow(20 * time.Second)),
			both(refuses(http.StatusServiceUnavailable, "ServerBusy")),
			both(refuses(http.StatusInternalServerError, "OperationTimedOut")),
			l.tables.cut,
			l.blobs.cut,
		} {
			w.reaches(d, n*11)
			begins()
			w.during(9 * time.Second)
			both(nil)()
			l.blobs.mend()
			l.tables.mend()
		}
	})
}
