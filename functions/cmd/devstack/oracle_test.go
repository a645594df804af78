package main

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"guestlist/functions/cmd/devstack/internal/oracle"
	"guestlist/pkg/status"
)

// oracle is what must hold whatever went wrong on the way: no queue has a message left, nobody has two accounts, nobody
// was mailed twice, and every row of every import has one outcome.
func (w *world) oracle(deadLetters int, imports ...status.Import) {
	w.t.Helper()
	w.drained(deadLetters)
	left, err := oracle.Settled(w.ctx, w.left())
	if err != nil {
		w.t.Fatal(err)
	}
	left.Foreign = true // drained has counted all dead letters
	for _, v := range left.Check() {
		w.t.Error(v)
	}
	for _, i := range imports {
		if !slices.ContainsFunc(left.Imports, func(j oracle.Import) bool { return j.ID == i.ID && j.Summary != nil && j.Summary.Rows == i.Rows }) {
			w.t.Errorf("import %s has no results of its %d rows", i.ID, i.Rows)
		}
	}
	w.discreet()
	if strings.Contains(w.output.String(), "redeem?") {
		w.t.Error("a redeem link was printed")
	}
}

// discreet checks that no log line has an address: guests appear under a pseudonym only.
func (w *world) discreet() {
	w.t.Helper()
	log, err := os.ReadFile(strings.TrimSuffix(w.env, ".env") + ".log")
	if err != nil || !bytes.Contains(log, []byte("invocation ended")) {
		w.t.Errorf("no log of the handler: %v", err)
	}
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte("@")) || bytes.Contains(line, []byte("redeem?")) {
			w.t.Errorf("a log line with an address or a redeem link: %s", line)
			return
		}
	}
}

// mailed checks that so many guests were mailed, by Guestlist, and that what came more than once is said in the results.
func (w *world) mailed(guests int) {
	w.t.Helper()
	s, byMicrosoft := w.mailbox.Stats(), w.entra.Stats().MailsByMicrosoft
	if s.MessageIDs != guests || byMicrosoft != 0 {
		w.t.Errorf("%d different mails, %d by Microsoft; want %d and none", s.MessageIDs, byMicrosoft, guests)
	}
	if s.Messages == s.MessageIDs {
		return
	}
	said := 0
	for i, err := range w.services.Ledger.ListImports(w.ctx, false) {
		if err != nil {
			w.t.Fatal(err)
		}
		said += w.uncertain(i.ID)
	}
	if repeated := len(s.Repeated); said < repeated {
		w.t.Errorf("%d mails came more than once, %d rows say that it may be so", repeated, said)
	}
	w.t.Logf("%d mails for %d guests, %d of them more than once", s.Messages, guests, len(s.Repeated))
}

// drained waits until the broker has nothing to deliver; a report that was asked for twice may still be on its way. What
// stays are the mails' messages of ten minutes hence, whose mails the last targets have sent for already.
func (w *world) drained(deadLetters int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		busy, dead := oracle.Busy(w.bus.Stats())
		if busy == "" {
			if dead != deadLetters {
				w.t.Errorf("%d dead letters, want %d", dead, deadLetters)
			}
			return
		}
		select {
		case <-ctx.Done():
			w.t.Errorf("the queues do not run empty: %s", busy)
			return
		case <-tick.C:
		}
	}
}
