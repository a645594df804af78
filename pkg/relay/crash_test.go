package relay_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/relay"
)

// acts makes the writes of the relay acts of a process: every piece of a file, the commit, and a report.
type acts struct {
	blobstore.Versions
	process *crashtest.Process
	commits int
}

func (a *acts) Replace(ctx context.Context, container, path, over string, p blobstore.Properties) blobstore.Writer {
	return &actWriter{Writer: a.Versions.Replace(ctx, container, path, over, p), acts: a}
}

type actWriter struct {
	blobstore.Writer
	acts *acts
}

func (w *actWriter) Write(p []byte) (int, error) {
	return crashtest.Act(w.acts.process, func() (int, error) { return w.Writer.Write(p) })
}

func (w *actWriter) Close() error {
	_, err := crashtest.Act(w.acts.process, func() (int, error) {
		err := w.Writer.Close()
		if err == nil {
			w.acts.commits++
		}
		return 0, err
	})
	return err
}

type actLetters struct {
	*letters
	process *crashtest.Process
}

func (l actLetters) Report(ctx context.Context, f relay.Failure) error {
	_, err := crashtest.Act(l.process, func() (int, error) { return 0, l.letters.Report(ctx, f) })
	return err
}

// TestCrashAtEveryAct kills the relay before and after each act and delivers again: one version of each file, never two,
// never a part of one, never none; and what cannot be relayed is reported.
func TestCrashAtEveryAct(t *testing.T) {
	t.Parallel()
	size := 100_000 // several writes of io.Copy
	points := 0
	for ; ; points++ {
		w := newWorld(t)
		w.s3.body = func(_, etag string) string { return fmt.Sprintf("%*s", size, etag) }
		process := &crashtest.Process{}
		inbox := &acts{Versions: w.blobs, process: process}
		w.Inbox, w.Failures = inbox, actLetters{w.letters, process}
		payload := []byte(fmt.Sprintf(`{"Records":[%s,%s,%s]}`, one(event("users/a.csv", "e1", "v1", "01")), one(event("invoices/1.pdf", "e", "v", "01")),
			one(event("users/b.csv", "e2", "v2", "01"))))
		process.DieAt(points)
		err := process.Run(func() error { _, err := w.Handle(t.Context(), payload); return err })
		for _, path := range []string{at, "acme-drop/users/b.csv"} {
			if info, _, err := w.blobs.Look(t.Context(), "inbox-acme", path); err == nil && info.Size != int64(size) {
				t.Errorf("point %d: %d bytes of %s are visible", points, info.Size, path)
			}
		}
		if !process.Died() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, crashtest.ErrCrash) {
			t.Fatalf("point %d: %v", points, err)
		}
		w.handle(t, payload)
		for _, path := range []string{at, "acme-drop/users/b.csv"} {
			if info, _ := w.look(t, path); info.Size != int64(size) {
				t.Errorf("point %d: %s has %d bytes", points, path, info.Size)
			}
		}
		if inbox.commits != 2 {
			t.Errorf("point %d: %d versions of 2 files", points, inbox.commits)
		}
		if n := len(w.letters.kept); n < 1 || n > 2 {
			t.Errorf("point %d: %d reports of one failure", points, n)
		}
	}
	if least := 2 * (2*(size/(32<<10)+1) + 1 + 2); points < least {
		t.Errorf("only %d points where it can die, want %d at least: an act is not wrapped", points, least)
	}
}

// one takes the only record out of an event.
func one(event []byte) []byte {
	return event[len(`{"Records":[`) : len(event)-len(`]}`)]
}
