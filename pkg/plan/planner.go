// Package plan turns an upload into entries of the ledger and messages for the workers, in three steps that share the
// queue uploads:
//
//   - event: an event of blob storage becomes an import in the ledger and a stage message
//   - stage: the file is read once, every row is judged by the CSV reader, the source's policy and the directory, and the
//     rows are written to work files by guest key; nothing is sent to a worker before the whole file has been read
//   - plan: the rows of each guest are merged into an entry, and the invitations are sent, in a window
//
// Promise: each step may be repeated at any time and after a crash at any point. An event that comes five times makes one
// import; a stage writes the same files again; a plan inserts what is missing and sends again what has not ended. A file
// that is replaced while it is read becomes superseded, never a mixture of two versions.
package plan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
	"guestlist/pkg/policy"
	"guestlist/pkg/window"
	"guestlist/pkg/work"
)

// Blobs is the part of a blob store that the steps use.
type Blobs interface {
	work.Blobs
	Account() string
	Stat(ctx context.Context, container, path string) (blobstore.Info, error)
}

// Directory judges targets before anything is written. Both methods complete the target (name, object id, role id), or
// return a *message.Failure if it can never be granted; any other error says that the directory could not be asked.
type Directory interface {
	Group(ctx context.Context, t ledger.Target) (ledger.Target, error)
	Application(ctx context.Context, t ledger.Target) (ledger.Target, error)
}

// Planner does the work of event, stage and plan messages. Its fields are set once, before the first call of Do.
type Planner struct {
	Ledger    ledger.Store
	Blobs     Blobs
	Bus       bus.Sender
	Directory Directory
	// Window says how many more invitations of an import may be sent.
	Window interface {
		Room(ctx context.Context, importID string) (window.Room, error)
	}
	// Pace is how fast a tenant is worked on that nobody has called yet; it says when an import will have ended.
	Pace pace.Settings
	// RedirectURL is where guests land whose row names no page.
	RedirectURL string
	// MailMode is who mails the guests of a source whose policy says nothing: own, microsoft or none.
	MailMode string
	// Now is this process's clock; it measures a turn of planning, nothing that other processes see.
	Now func() time.Time
}

// Do works on one message.
func (p *Planner) Do(ctx context.Context, m message.Message) error {
	switch m.Kind {
	case message.Event:
		return p.event(ctx, m)
	case message.Stage:
		return p.stage(ctx, m)
	case message.Plan:
		return p.plan(ctx, m)
	}
	return message.Never("message.kind", fmt.Sprintf("a %s message does not belong into queue %s", m.Kind, message.Uploads))
}

// event makes an import of a new version of a blob.
func (p *Planner) event(ctx context.Context, m message.Message) error {
	u, err := parseEvent(m.Event)
	if err != nil {
		return err
	}
	source, ok := policy.SourceOf(u.Container)
	if !ok {
		u.Ignore = "its container is none of a source: " + u.Container
	}
	if u.Ignore != "" {
		slog.InfoContext(ctx, "event ignored", slog.String("because", u.Ignore))
		return nil
	}
	b := blobstore.Info{Container: u.Container, Path: u.Path, ETag: u.ETag}
	if u.ETag == "" {
		var isNew bool
		if b, isNew, err = p.present(ctx, u); err != nil || !isNew {
			return err
		}
	}
	return p.arrived(ctx, arrival{source, b, u.Refuse, m.Trace, u.ETag == ""})
}

// present returns the version that lies where an event without ETag says. false means that there is nothing to do: the
// blob is gone, or it was renamed after an import had read this very version under its old name.
func (p *Planner) present(ctx context.Context, u upload) (blobstore.Info, bool, error) {
	b, err := p.Blobs.Stat(ctx, u.Container, u.Path)
	if errors.Is(err, blobstore.ErrNotFound) {
		slog.InfoContext(ctx, "event ignored", slog.String("because", "the blob is gone"))
		return b, false, nil
	}
	if err != nil {
		return b, false, storage(err)
	}
	i, err := p.Ledger.Import(ctx, message.ImportID(p.Blobs.Account(), u.From.Container, u.From.Path, b.ETag))
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return b, true, nil
	case err != nil:
		return b, false, ledger.Unreachable(err)
	case i.Plan.Generation > 0, i.State == ledger.Refused:
		slog.InfoContext(ctx, "event ignored", slog.String("because", "the blob was read under its old name"), slog.String("import_id", i.ID))
		return b, false, nil
	}
	return b, true, nil
}

// arrival is a version of a blob that came.
type arrival struct {
	source string
	blobstore.Info
	refuse *message.Failure // why nobody reads it
	trace  string
	seen   bool // just now, in the inbox: an event that names a version may be an old one that comes late
}

// arrived notes a version of a blob as an import, unless it is known, and sends its stage message. One that is refused
// ends at once.
func (p *Planner) arrived(ctx context.Context, b arrival) error {
	now, err := p.Ledger.Now(ctx)
	if err != nil {
		return ledger.Unreachable(err)
	}
	found := ledger.Import{
		ID:     message.ImportID(p.Blobs.Account(), b.Container, b.Path, b.ETag),
		Source: b.source, Account: p.Blobs.Account(), Container: b.Container, Path: b.Path, ETag: b.ETag,
		Created: now, State: ledger.Staging, Stage: ledger.Phase{Generation: 1, Due: now}, Revision: 1,
	}
	if b.refuse != nil {
		found.State, found.Code, found.Text, found.Stage.Due = ledger.Refused, b.refuse.Code, b.refuse.Text, time.Time{}
	}
	i, created, err := p.Ledger.CreateImport(ctx, found)
	if err != nil {
		return ledger.Unreachable(err)
	}
	slog.InfoContext(ctx, "file arrived", slog.String("import_id", i.ID), slog.String("source", b.source), slog.Bool("known", !created))
	if b.seen && i.State == ledger.Superseded {
		if i, err = p.back(ctx, i, now); err != nil {
			return err
		}
	}
	if i.State != ledger.Staging && (b.refuse == nil || !i.Open()) {
		return nil
	}
	msg := i.Message()
	msg.Trace = b.trace
	return p.Bus.Send(ctx, msg)
}

// back reads a version after all that was given up as gone before anybody was planned, and has been seen again: it was moved
// away and back.
func (p *Planner) back(ctx context.Context, i ledger.Import, now time.Time) (ledger.Import, error) {
	i, err := p.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		if i.State != ledger.Superseded || i.Plan.Generation > 0 || i.Purged > 0 {
			return ledger.ErrUnchanged
		}
		restage(i, now)
		i.Reopen()
		return nil
	})
	if err != nil {
		return i, ledger.Unreachable(err)
	}
	return i, nil
}

// Failed records that a stage or plan failed as a whole; "guestlist deadletters replay" restarts it.
func (p *Planner) Failed(ctx context.Context, m message.Message, f *message.Failure) error {
	if m.Import == "" {
		return nil // an event that nobody could read: there is no import to record it at
	}
	i, err := p.Ledger.UpdateImport(ctx, m.Import, func(i *ledger.Import) error {
		if !current(i, m) {
			return ledger.ErrUnchanged
		}
		i.Phase().Due = time.Time{}
		i.State, i.Code, i.Text = ledger.Broken, f.Code, f.Text
		return nil
	})
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil || i.State != ledger.Broken {
		return err
	}
	return p.Bus.Send(ctx, i.Message())
}

// Postponed moves the due time of the import's stage or plan message.
func (p *Planner) Postponed(ctx context.Context, m message.Message, until time.Time) error {
	if m.Import == "" {
		return nil
	}
	_, err := p.Ledger.UpdateImport(ctx, m.Import, func(i *ledger.Import) error {
		if !current(i, m) {
			return ledger.ErrUnchanged
		}
		i.Phase().Due = until
		return nil
	})
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	return err
}

// current reports whether m is the message that the import is waiting for.
func current(i *ledger.Import, m message.Message) bool {
	switch m.Kind {
	case message.Stage:
		return i.State == ledger.Staging && i.Stage.Generation == m.Generation
	case message.Plan:
		return i.State == ledger.Planning && i.Plan.Generation == m.Generation
	}
	return false
}
