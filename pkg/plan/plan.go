package plan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/forecast"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/work"
)

const (
	// turn is how long one plan message works before it hands the rest over: well below the host's functionTimeout.
	turn = 4 * time.Minute
	// page is how many entries are marked as sent and sent in one go.
	page = 40
	// pause is how long a full window waits before it is looked at again.
	pause = 10 * time.Second
)

// plan works on an import from the position that its message carries: parts 0 to 63 insert the entries of a part, parts
// 64 to 127 mark the entries of part-64 as sent and send them. Inserts skip what exists and copies of messages end at the
// entry, so a message that is delivered again goes over the same ground without harm.
func (p *Planner) plan(ctx context.Context, m message.Message) error {
	i, err := p.Ledger.Import(ctx, m.Import)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil
	case err != nil:
		return ledger.Unreachable(err)
	case !planning(i, m):
		return p.over(ctx, i, m)
	}
	parts, err := work.Parts(ctx, p.Blobs, i.Work())
	if err != nil {
		return storage(err)
	}
	start, from := p.Now(), m
	for planning(i, m) && m.Part < 2*ledger.Parts && !i.Cancelled {
		if !parts[m.Part%ledger.Parts] {
			m.Part, m.After = m.Part+1, ""
			continue
		}
		if m.Part >= ledger.Parts && i.ExpectedWhy == "" {
			if i, err = p.expect(ctx, i); err != nil {
				return ledger.Unreachable(err)
			}
		}
		if p.Now().Sub(start) > turn {
			return p.handOver(ctx, m, 0)
		}
		done, err := p.part(ctx, i, &m)
		if errors.Is(err, errOvertaken) {
			return p.late(ctx, i)
		}
		if err != nil {
			return p.interrupted(ctx, from, m, err)
		}
		if !done {
			return p.handOver(ctx, m, pause)
		}
		m.Part, m.After = m.Part+1, ""
		if i, err = p.Ledger.Import(ctx, m.Import); err != nil {
			return ledger.Unreachable(err)
		}
	}
	if !planning(i, m) {
		return p.late(ctx, i)
	}
	return p.planned(ctx, m)
}

// planning reports whether an import is still planned by messages of m's generation.
func planning(i ledger.Import, m message.Message) bool {
	return i.State == ledger.Planning && i.Plan.Generation == m.Generation
}

// over finishes a plan that had ended when the message came. The one before it may have stood still, inserted guests after the
// results were written, and died or lost the answer; while the import is open the sweep sees them.
func (p *Planner) over(ctx context.Context, i ledger.Import, m message.Message) error {
	if !i.Open() {
		if err := p.late(ctx, i); err != nil {
			return err
		}
	}
	switch {
	case i.Plan.Generation != m.Generation:
		return nil
	case i.State == ledger.Broken:
		return &message.Failure{Code: i.Code, Text: i.Text}
	case i.State == ledger.Running:
		return p.Bus.Send(ctx, i.Message()) // the last message of the plan may be lost
	}
	return nil
}

// errOvertaken means that the import is not planned any more.
var errOvertaken = errors.New("the plan was ended by another message")

// late ends a plan that another message has ended while this one stood still. Guests whom it inserted after the results were
// written would be seen by nobody: the import is opened again, and the sweep ends them as it ends all who were not sent.
func (p *Planner) late(ctx context.Context, i ledger.Import) error {
	t, err := p.Ledger.Tally(ctx, i.ID)
	if err != nil {
		return ledger.Unreachable(err)
	}
	_, err = p.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		if t.Open == 0 || i.Purged > 0 {
			return ledger.ErrUnchanged
		}
		i.Reopen()
		return nil
	})
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return ledger.Unreachable(err)
	}
	return nil
}

// expect notes, when all guests are known and none was sent, when the import should have ended.
func (p *Planner) expect(ctx context.Context, i ledger.Import) (ledger.Import, error) {
	f, err := forecast.Read(ctx, p.Ledger, p.Pace)
	if err != nil {
		return i, err
	}
	e, _ := f.Import(i.ID)
	return p.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		if i.ExpectedWhy != "" || e.Why == "" {
			return ledger.ErrUnchanged
		}
		i.Expected, i.ExpectedWhy = e.At, e.Why
		return nil
	})
}

// part does one part of the plan. false means that the window is full; m then says where to go on.
func (p *Planner) part(ctx context.Context, i ledger.Import, m *message.Message) (bool, error) {
	if m.Part >= ledger.Parts {
		return p.send(ctx, i, m)
	}
	n, err := p.insert(ctx, i, m.Part)
	if n > 0 {
		slog.InfoContext(ctx, "entries planned", slog.Int("part", m.Part), slog.Int("count", n))
	}
	return true, err
}

// insert merges the rows of one part per guest and inserts the entries.
func (p *Planner) insert(ctx context.Context, i ledger.Import, part int) (int, error) {
	var order []string
	rows := map[string][]work.Row{}
	for r, err := range work.Rows(ctx, p.Blobs, i.Work(), part) {
		if err != nil {
			return 0, storage(err)
		}
		if rows[r.Guest] == nil {
			order = append(order, r.Guest)
		}
		r.Cells = nil
		rows[r.Guest] = append(rows[r.Guest], r)
	}
	entries := make([]ledger.Entry, 0, len(order))
	for _, guest := range order {
		e := merge(i.ID, rows[guest])
		e.RedirectURL = firstOf(e.RedirectURL, p.RedirectURL)
		e.Mail, e.Notify = i.MailMode, notify(i.MailMode)
		entries = append(entries, e)
	}
	n, err := p.Ledger.InsertEntries(ctx, entries)
	if err != nil {
		return n, ledger.Unreachable(err)
	}
	return n, nil
}

// notify returns the notify step of an entry: only our own mail needs one. Microsoft's goes with the invitation.
func notify(mode string) ledger.Step {
	if mode == ownMail {
		return ledger.Step{Generation: 1, State: ledger.Planned}
	}
	return ledger.Step{State: ledger.Ended}
}

// ownMail is the mail mode in which Guestlist mails the guests.
const ownMail = "own"

// send goes through the entries of a part, marks a page of them as sent and sends their messages, while the window has room.
func (p *Planner) send(ctx context.Context, i ledger.Import, m *message.Message) (bool, error) {
	var guests []string
	room, err := p.room(ctx, i.ID)
	if room == 0 || err != nil {
		return false, err
	}
	for e, err := range p.Ledger.ListEntries(ctx, i.ID, m.Part-ledger.Parts, m.After) {
		if err != nil {
			return false, ledger.Unreachable(err)
		}
		if e.Invite.State != ledger.Planned && e.Invite.State != ledger.Sent {
			continue
		}
		if room == 0 {
			return false, nil
		}
		if guests = append(guests, e.Guest); len(guests) < min(page, room) {
			continue
		}
		if err := p.sendPage(ctx, i, guests); err != nil {
			return false, err
		}
		m.After, guests = e.Guest, nil
		if room, err = p.room(ctx, i.ID); err != nil {
			return false, err
		}
	}
	if len(guests) == 0 {
		return true, nil
	}
	return true, p.sendPage(ctx, i, guests)
}

func (p *Planner) room(ctx context.Context, importID string) (int, error) {
	r, err := p.Window.Room(ctx, importID)
	if err != nil {
		return 0, ledger.Unreachable(err)
	}
	if r.Invites <= 0 {
		slog.InfoContext(ctx, "the plan waits", slog.String("because", r.Why))
		return 0, nil
	}
	return r.Invites, nil
}

// sendPage marks first and sends then: what is marked and not sent is sent by the next delivery or by the sweep.
func (p *Planner) sendPage(ctx context.Context, i ledger.Import, guests []string) error {
	if j, err := p.Ledger.Import(ctx, i.ID); err != nil {
		return ledger.Unreachable(err)
	} else if j.State != i.State || j.Plan.Generation != i.Plan.Generation {
		return errOvertaken
	}
	now, err := p.Ledger.Now(ctx)
	if err != nil {
		return ledger.Unreachable(err)
	}
	marked := map[string]ledger.Entry{}
	_, err = p.Ledger.UpdateEntries(ctx, i.ID, guests, func(e *ledger.Entry) error {
		if e.Invite.State == ledger.Planned {
			e.Invite.Send(now)
			marked[e.Guest] = *e
			return nil
		}
		marked[e.Guest] = *e
		return ledger.ErrUnchanged
	})
	if err != nil {
		return ledger.Unreachable(err)
	}
	var out []message.Message
	for _, guest := range guests {
		e := marked[guest]
		out = append(out, i.Messages(&e, func(s *ledger.Step) bool { return s == &e.Invite && s.State == ledger.Sent })...)
	}
	if err := p.Bus.Send(ctx, out...); err != nil {
		return fmt.Errorf("send %d invitations: %w", len(out), err)
	}
	return nil
}

// handOver sends the rest of the plan as a message of its own, to act after the given time.
func (p *Planner) handOver(ctx context.Context, m message.Message, after time.Duration) error {
	now, err := p.Ledger.Now(ctx)
	if err != nil {
		return ledger.Unreachable(err)
	}
	_, err = p.Ledger.UpdateImport(ctx, m.Import, func(i *ledger.Import) error {
		if i.State != ledger.Planning || i.Plan.Generation != m.Generation {
			return ledger.ErrUnchanged
		}
		i.Plan.Due = now.Add(after)
		return nil
	})
	if err != nil {
		return ledger.Unreachable(err)
	}
	m.Attempt, m.Delay, m.At = 1, m.Delay+1, now.Add(after)
	if after == 0 {
		m.At = time.Time{}
	}
	return p.Bus.Send(ctx, m)
}

// interrupted hands over what was done before a service went away: a plan that began at its message's position again each
// time would never come to its end while storage fails now and then. Whatever is in its way then, the message itself waits.
func (p *Planner) interrupted(ctx context.Context, from, m message.Message, err error) error {
	later, waits := errors.AsType[*message.Later](err)
	if !waits || m.Part == from.Part && m.After == from.After {
		return err
	}
	if p.handOver(ctx, m, later.After) != nil {
		return err
	}
	slog.InfoContext(ctx, "the plan waits", slog.String("because", later.Why))
	return nil
}

// planned ends the plan. The report message covers imports without any guest, and those whose guests all ended before.
func (p *Planner) planned(ctx context.Context, m message.Message) error {
	t, err := p.Ledger.Tally(ctx, m.Import)
	if err != nil {
		return ledger.Unreachable(err)
	}
	i, err := p.Ledger.UpdateImport(ctx, m.Import, func(i *ledger.Import) error {
		if i.State != ledger.Planning {
			return ledger.ErrUnchanged
		}
		i.State, i.GuestsPlanned, i.Plan.Due = ledger.Running, t.Guests, time.Time{}
		return nil
	})
	if err != nil {
		return ledger.Unreachable(err)
	}
	slog.InfoContext(ctx, "import planned", slog.Int("guests", t.Guests))
	return p.Bus.Send(ctx, i.Message())
}

// storage makes an error of blob storage wait: stage and plan have no guest to fail, and storage comes back.
func storage(err error) error {
	switch {
	case errors.Is(err, blobstore.ErrPending):
		return &message.Later{After: 15 * time.Second, Why: "The file is still being copied into the inbox."}
	case errors.Is(err, blobstore.ErrArchived):
		return &message.Later{After: 15 * time.Minute, Why: "The file lies in the archive tier, where nobody can read it. Move it to the hot tier, or cancel the import."}
	}
	return &message.Later{After: 15 * time.Second, Why: fmt.Sprintf("blob storage cannot be reached: %v", err)}
}
