package plan

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/csvfile"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
	"guestlist/pkg/work"
)

// stage reads the upload once and judges every row. It ends in one of: planning (rows to work on), held (a person must
// decide), rejected (the file is of no use), superseded (this version is gone).
func (p *Planner) stage(ctx context.Context, m message.Message) error {
	i, err := p.Ledger.Import(ctx, m.Import)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil
	case err != nil:
		return ledger.Unreachable(err)
	case i.Stage.Generation != m.Generation:
		return nil
	case i.State == ledger.Broken:
		return &message.Failure{Code: i.Code, Text: i.Text}
	case i.State == ledger.Planning, i.Final():
		return p.Bus.Send(ctx, i.Message()) // what the stage sends at its end may be lost
	case i.State != ledger.Staging || i.Cancelled:
		return nil
	}
	if err := p.begin(ctx, i); err != nil {
		return err
	}
	err = p.pass(ctx, i, m)
	if later, ok := errors.AsType[*message.Later](err); ok {
		return p.waits(ctx, i, later)
	}
	return err
}

// pass reads the file once and ends the stage, unless it returns a Later.
func (p *Planner) pass(ctx context.Context, i ledger.Import, m message.Message) error {
	file, _, err := p.Blobs.Open(ctx, i.Container, i.Path, i.ETag)
	if err != nil {
		return p.gone(ctx, i, m, err)
	}
	defer file.Close()
	pol, held, err := p.policy(ctx, i.Source)
	if err != nil {
		return err
	}
	r := &reading{Planner: p, ctx: ctx, i: i, policy: pol, held: held, run: rand.Text(), judged: map[string]judged{}, guests: map[guestKey]struct{}{}}
	if err := r.read(file); err != nil {
		return p.unread(ctx, i, m, err)
	}
	return p.staged(ctx, i, r)
}

// begin tells the sweep that the stage is under way: reading a big file takes a good part of the sweep's patience.
func (p *Planner) begin(ctx context.Context, i ledger.Import) error {
	now, err := p.Ledger.Now(ctx)
	if err != nil {
		return ledger.Unreachable(err)
	}
	_, err = p.Ledger.UpdateImport(ctx, i.ID, func(j *ledger.Import) error {
		if j.State != ledger.Staging || j.Stage.Generation != i.Stage.Generation {
			return ledger.ErrUnchanged
		}
		j.Stage.Due = now
		return nil
	})
	if err != nil {
		return ledger.Unreachable(err)
	}
	return nil
}

// gone handles a blob that cannot be opened as the version that the event named.
func (p *Planner) gone(ctx context.Context, i ledger.Import, m message.Message, err error) error {
	switch {
	case errors.Is(err, blobstore.ErrNotFound):
		return p.end(ctx, i, ledger.Superseded, &message.Failure{Code: "file.deleted",
			Text: "The file was deleted, or moved to another name, before all of it had been read. Nobody was invited from " +
				"it under this name. A file that was renamed has an import of its own; a deleted one must be dropped again if it was meant."})
	case errors.Is(err, blobstore.ErrChanged):
		return p.adopt(ctx, i, m)
	}
	return storage(err)
}

// adopt goes on with the version that is there now, under its own import id: a change of metadata or properties moves the
// ETag and raises no event, so nobody else would.
func (p *Planner) adopt(ctx context.Context, i ledger.Import, m message.Message) error {
	now, err := p.Blobs.Stat(ctx, i.Container, i.Path)
	if err != nil {
		return p.gone(ctx, i, m, err)
	}
	if err := p.arrived(ctx, arrival{source: i.Source, Info: now, trace: m.Trace, seen: true}); err != nil {
		return err
	}
	id := message.ImportID(p.Blobs.Account(), now.Container, now.Path, now.ETag)
	return p.end(ctx, i, ledger.Superseded, &message.Failure{Code: "file.changed",
		Text: "The file, or its metadata, was changed before all of this version had been read. Nobody was invited from it; import " +
			id + " is the newer version and goes on."})
}

// unread judges an error while reading: of the file, of the storage, or a verdict.
func (p *Planner) unread(ctx context.Context, i ledger.Import, m message.Message, err error) error {
	if errors.Is(err, blobstore.ErrChanged) || errors.Is(err, blobstore.ErrNotFound) {
		return p.gone(ctx, i, m, err)
	}
	if later, ok := errors.AsType[*message.Later](err); ok {
		return later
	}
	if failure, ok := errors.AsType[*message.Failure](err); ok {
		return p.end(ctx, i, ledger.Refused, failure)
	}
	return storage(err)
}

// waits lets status show what a stage waits for.
func (p *Planner) waits(ctx context.Context, i ledger.Import, later *message.Later) error {
	_, err := p.Ledger.UpdateImport(ctx, i.ID, func(j *ledger.Import) error {
		if j.State != ledger.Staging || j.Text == later.Why {
			return ledger.ErrUnchanged
		}
		j.Code, j.Text = "stage.waiting", later.Why
		return nil
	})
	if err != nil {
		return ledger.Unreachable(err)
	}
	return later
}

// end gives an import that will not run its final state, and asks for its report.
func (p *Planner) end(ctx context.Context, i ledger.Import, state ledger.ImportState, why *message.Failure) error {
	slog.WarnContext(ctx, "import ended without running", slog.String("state", string(state)), slog.String("code", why.Code))
	return p.advance(ctx, i, func(j *ledger.Import) {
		j.State, j.Code, j.Text, j.Stage.Due = state, why.Code, why.Text, time.Time{}
	})
}

// staged ends a stage that has read the whole file.
func (p *Planner) staged(ctx context.Context, i ledger.Import, r *reading) error {
	if r.held != nil {
		r.ask.Guests = len(r.guests)
		ask, err := json.Marshal(r.ask)
		if err != nil {
			return fmt.Errorf("import %s: what the file asks for: %w", i.ID, err)
		}
		slog.WarnContext(ctx, "import held", slog.String("code", r.held.Code))
		return p.advance(ctx, i, func(j *ledger.Import) {
			j.State, j.Code, j.Text, j.Ask = ledger.Held, r.held.Code, r.held.Text, string(ask)
			j.Rows, j.Stage.Due = r.rows, time.Time{}
		})
	}
	now, err := p.Ledger.Now(ctx)
	if err != nil {
		return ledger.Unreachable(err)
	}
	slog.InfoContext(ctx, "file read", slog.Int("rows", r.rows), slog.Int("rejected", r.rejected), slog.Int("guests", len(r.guests)))
	return p.advance(ctx, i, func(j *ledger.Import) {
		j.State, j.Code, j.Text, j.Ask = ledger.Planning, "", "", ""
		j.Rows, j.RowsRejected, j.Run, j.Stage.Due = r.rows, r.rejected, r.run, time.Time{}
		j.MailMode, j.Links = firstOf(r.policy.MailMode, p.MailMode), r.policy.AllowLinks
		j.Plan = ledger.Phase{Generation: 1, Due: now}
	})
}

// advance changes an import that is still staging and sends the message of its new state; a held one has none.
func (p *Planner) advance(ctx context.Context, i ledger.Import, change func(*ledger.Import)) error {
	i, err := p.Ledger.UpdateImport(ctx, i.ID, func(j *ledger.Import) error {
		if j.State != ledger.Staging || j.Stage.Generation != i.Stage.Generation {
			return ledger.ErrUnchanged
		}
		change(j)
		return nil
	})
	if err != nil {
		return ledger.Unreachable(err)
	}
	if i.State == ledger.Held || i.State == ledger.Staging {
		return nil
	}
	return p.Bus.Send(ctx, i.Message())
}

// reading is one pass over an upload.
type reading struct {
	*Planner
	ctx    context.Context
	i      ledger.Import
	policy policy.Policy
	held   *message.Failure // why the file is held; set before or by the reading
	ask    policy.Ask

	run            string // of the folder of its work files
	rows, rejected int
	guests         map[guestKey]struct{} // that the file asks for, allowed or not
	judged         map[string]judged     // targets that the directory was asked about
	named          bool                  // the policy has the directory's names
}

// judged is the directory's word about a target.
type judged struct {
	target  ledger.Target
	problem *message.Failure
}

// read passes over the file. The work files become visible only when all of it has been read as the same version.
func (r *reading) read(file io.Reader) error {
	csv, err := csvfile.NewReader(file)
	if err != nil {
		return err
	}
	if r.held != nil {
		return r.each(csv, func(csvfile.Row) error { return nil })
	}
	w := work.NewWriter(r.ctx, r.Blobs, ledger.Import{ID: r.i.ID, Run: r.run}.Work())
	defer w.Abort()
	if err := r.each(csv, func(row csvfile.Row) error { return r.judge(w, row) }); err != nil {
		return err
	}
	if r.rows == 0 {
		return message.Never("file.empty", "The file has a header and no rows. Nobody was invited. Drop a file with at least one row.")
	}
	if f := r.policy.Exceeds(len(r.guests)); f != nil && len(r.guests) > r.i.Approval.Guests {
		r.held = f
		return nil
	}
	if err := w.Header(csv.Header()); err != nil {
		return storage(err)
	}
	if err := w.Close(); err != nil {
		return storage(err)
	}
	return nil
}

func (r *reading) each(csv *csvfile.Reader, do func(csvfile.Row) error) error {
	for {
		row, err := csv.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		r.rows++
		r.ask.Add(row)
		if !row.Refused() {
			r.seen(message.GuestKey(row.Email))
		}
		if err := do(row); err != nil {
			return err
		}
	}
}

// guestKey is a guest key in binary: a file of a million guests must fit into memory.
type guestKey [16]byte

func (r *reading) seen(guest string) {
	var k guestKey
	_, _ = hex.Decode(k[:], []byte(guest)) // guest keys are hexadecimal
	r.guests[k] = struct{}{}
}
