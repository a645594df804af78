package main

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"guestlist/pkg/status"
)

// control calls the directory's controls.
func (w *world) control(method, path string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, method, w.entra.ControlURL()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

// kills is how often the handler is killed in one import.
const kills = 10

// TestKillNineTenTimes kills the handler with SIGKILL ten times while it works on 200 rows, spread over the whole import:
// one kill whenever another eleventh of the guests has ended or been invited, the first while the file is read.
func TestKillNineTenTimes(t *testing.T) {
	t.Parallel()
	for _, dedup := range []string{"on", "off"} {
		t.Run("duplicate_detection_"+dedup, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *options) { o.dedup = dedup })
			d := w.put(w.file("two-hundred.csv", guests(200)), "two-hundred.csv")
			for n := range kills {
				w.progress(d, n*2*200/(kills+1))
				w.kill()
			}
			i := w.wait(d)[0]
			if len(w.killed) != kills {
				t.Errorf("%d different processes were killed, want %d", len(w.killed), kills)
			}
			if outcomesOf(i) != "200 done" {
				t.Errorf("outcomes: %s", outcomesOf(i))
			}
			if n := w.entra.Stats().UsersCreated; n != 200 {
				t.Errorf("%d users, want 200", n)
			}
			w.mailed(200)
			w.oracle(0, i)
		})
	}
}

// progress waits until invited and ended guests together are at least n, or the import has ended.
func (w *world) progress(d *drop, n int) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := w.settled(w.ctx, d); err != nil {
			w.t.Fatal(err)
		} else if ok {
			return
		}
		i, err := status.Find(w.ctx, w.services.Ledger, d.importID)
		if err == nil && i.State != "held" && i.Invited+i.Guests-i.Open >= n {
			return
		}
		select {
		case <-w.ctx.Done():
			w.t.Fatal(w.ctx.Err())
		case <-tick.C:
		}
	}
}

// kill kills the running handler. It waits for one to be there that it has not killed before: the host may take a while to
// notice that a handler is dead.
func (w *world) kill() {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if pid := w.platform.handlerPID(); pid > 0 && !w.killed[pid] && syscall.Kill(pid, syscall.SIGKILL) == nil {
			w.killed[pid] = true
			return
		}
		select {
		case <-w.ctx.Done():
			w.t.Fatal(w.ctx.Err())
		case <-tick.C:
		}
	}
}
