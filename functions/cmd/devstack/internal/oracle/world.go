// Package oracle judges what is left of a run of the whole system: the directory, the mails, the ledger, the queues and the
// results. [Read] takes everything down, [Settled] waits for what is about to end, [World.Check] says what must never be, whatever was imported and whatever went
// wrong on the way. What a certain file should have led to is for whoever made the file (see package soak).
package oracle

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
	"guestlist/pkg/report"
	"guestlist/pkg/wait"
	"guestlist/pkg/work"
)

// World is everything that can be looked at when nothing moves any more.
type World struct {
	Now         time.Time // by the ledger's clock
	Imports     []Import
	Guests      map[string]ledger.Guest // by key: everybody who has an entry
	Directory   entra.State
	Mails       []mailbox.Summary
	Queues      []servicebus.QueueStats
	Scheduled   []message.Message // that the queues hold back
	DeadLetters []bus.DeadLetter
	DeadLinks   []string // recipients whose last mail leads nowhere
	Foreign     bool     // somebody put messages into the queues that Guestlist does not write: their dead letters are no row's
	Leaks       []string // where a redeem link was found that is for the guest's row and mail only
}

// Import is one import with all that belongs to it.
type Import struct {
	ledger.Import
	Tally     ledger.Tally
	Entries   []ledger.Entry
	Summary   *report.Summary // nil: nothing was reported
	Header    []string
	Rows      [][]string // of the result file: the upload's cells, outcome, reason, user id
	ToCorrect [][]string
}

// Sources are what a world is read from.
type Sources struct {
	Ledger  ledger.Store
	Blobs   blobstore.Store
	Bus     bus.DeadLetters
	Broker  *servicebus.Server
	Entra   *entra.Server
	Mailbox *mailbox.Server
}

// secret is part of every redeem link.
const secret = "redeem?"

// manyLetters bounds what is read of one dead-letter queue.
const manyLetters = 100_000

// Read takes everything down. It needs a system at rest: what changes meanwhile is seen by halves.
func Read(ctx context.Context, s Sources) (*World, error) {
	w := &World{Guests: map[string]ledger.Guest{}, Directory: s.Entra.State(), Mails: s.Mailbox.Messages(), DeadLinks: deadLinks(s)}
	var err error
	if w.Now, err = s.Ledger.Now(ctx); err != nil {
		return nil, err
	}
	for i, err := range s.Ledger.ListImports(ctx, false) {
		if err != nil {
			return nil, err
		}
		one, err := w.read(ctx, s, i)
		if err != nil {
			return nil, fmt.Errorf("import %s: %w", i.ID, err)
		}
		w.Imports = append(w.Imports, one)
	}
	for _, container := range []string{report.Container, work.Container} {
		if err := w.search(ctx, s.Blobs, container); err != nil {
			return nil, err
		}
	}
	return w, w.ReadQueues(ctx, s)
}

// ReadQueues takes down what the broker holds.
func (w *World) ReadQueues(ctx context.Context, s Sources) error {
	w.Queues, w.Scheduled, w.DeadLetters = s.Broker.Stats(), nil, nil
	for _, name := range message.Queues {
		held, err := s.Broker.Messages(name)
		if err != nil {
			return err
		}
		for _, h := range held {
			if !h.Scheduled {
				continue // counted
			}
			m, err := message.Decode(h.Body, h.Properties)
			if err != nil {
				return fmt.Errorf("a message in queue %s: %w", name, err)
			}
			w.Scheduled = append(w.Scheduled, m)
		}
		letters, err := s.Bus.Browse(ctx, name, manyLetters)
		if err != nil {
			return err
		}
		w.DeadLetters = append(w.DeadLetters, letters...)
	}
	return nil
}

// settleTime is how long copies of messages that become due while the world is read are waited for, and look how often.
const (
	settleTime = 90 * time.Second
	look       = 100 * time.Millisecond
)

// Settled is Read for a system whose hosts still run: a copy of a message that becomes due meanwhile must end too.
func Settled(ctx context.Context, s Sources) (*World, error) {
	w, err := Read(ctx, s)
	for start := time.Now(); err == nil && w.busy() && time.Since(start) < settleTime; {
		if err = wait.For(ctx, look); err == nil {
			err = w.ReadQueues(ctx, s)
		}
	}
	return w, err
}

// busy reports whether the queues deliver something, or hold back what moves an import.
func (w *World) busy() bool {
	return slices.ContainsFunc(w.Queues, func(q servicebus.QueueStats) bool { return q.Active+q.Locked > 0 }) ||
		slices.ContainsFunc(w.Scheduled, func(m message.Message) bool { return m.Guest == "" })
}

func (w *World) read(ctx context.Context, s Sources, i ledger.Import) (Import, error) {
	one := Import{Import: i}
	w.leak("the row of import "+i.ID, fmt.Appendf(nil, "%+v", i))
	var err error
	if one.Tally, err = s.Ledger.Tally(ctx, i.ID); err != nil {
		return one, err
	}
	for part := range ledger.Parts {
		for e, err := range s.Ledger.ListEntries(ctx, i.ID, part, "") {
			if err != nil {
				return one, err
			}
			w.leak("an entry of import "+i.ID, fmt.Appendf(nil, "%+v", e))
			one.Entries = append(one.Entries, e)
			if _, known := w.Guests[e.Guest]; known {
				continue
			}
			g, err := s.Ledger.Guest(ctx, e.Guest)
			if err != nil && !errors.Is(err, ledger.ErrNotFound) {
				return one, err
			}
			w.Guests[e.Guest] = g
		}
	}
	return one, one.results(ctx, s.Blobs)
}

// results reads the files of the last report.
func (i *Import) results(ctx context.Context, blobs blobstore.Store) error {
	if i.Results == "" {
		return nil
	}
	raw, err := readAll(ctx, blobs, report.Container, i.Results)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &i.Summary); err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	records, err := readCSV(ctx, blobs, i.Summary.Result)
	if err != nil {
		return err
	}
	if len(records) > 0 {
		i.Header, i.Rows = records[0], records[1:]
	}
	if records, err = readCSV(ctx, blobs, i.Summary.ToCorrect); err == nil && len(records) > 0 {
		i.ToCorrect = records[1:]
	}
	return err
}

func readCSV(ctx context.Context, blobs blobstore.Store, path string) ([][]string, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := readAll(ctx, blobs, report.Container, path)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(raw))
	records, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return records, nil
}

func readAll(ctx context.Context, blobs blobstore.Store, container, path string) ([]byte, error) {
	r, _, err := blobs.Open(ctx, container, path, "")
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", container, path, err)
	}
	defer r.Close()
	return io.ReadAll(r)
}

// search looks for redeem links in every blob of a container.
func (w *World) search(ctx context.Context, blobs blobstore.Store, container string) error {
	for b, err := range blobs.List(ctx, container, "") {
		if errors.Is(err, blobstore.ErrNotFound) {
			return nil // nothing was ever written
		}
		if err != nil {
			return err
		}
		raw, err := readAll(ctx, blobs, container, b.Path)
		if err != nil {
			return err
		}
		w.leak(container+"/"+b.Path, raw)
	}
	return nil
}

func (w *World) leak(where string, text []byte) {
	if bytes.Contains(text, []byte(secret)) {
		w.Leaks = append(w.Leaks, where)
	}
}
