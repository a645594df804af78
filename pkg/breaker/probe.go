package breaker

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Waiters is where probes are taken from.
type Waiters interface {
	Tally(ctx context.Context, importID string) (ledger.Tally, error)
	WaitingFor(ctx context.Context, importID, reason string) iter.Seq2[string, error]
}

// early is how much before its time a probe may go: a sweep each minute must not miss one a minute by a moment.
const early = 5 * time.Second

// turns is how many of the first guests that wait take turns as the probe.
const turns = 10

// Probe makes the next probe of an open breaker if its time has come: a step of one of the imports that waits for the
// breaker. It names it in the row first, then sends it, by send. A probe that is lost on the way is followed by the next.
func (b *Breaker) Probe(ctx context.Context, from Waiters, imports []ledger.Import, send func(context.Context, ...message.Message) error) error {
	row, err := b.look(ctx, 0)
	if err != nil {
		return fmt.Errorf("look at the breaker: %w", err)
	}
	now, err := b.ledger.Now(ctx)
	if err != nil {
		return err
	}
	if !row.Open || row.NextProbe.IsZero() || now.Add(early).Before(row.NextProbe) {
		return nil
	}
	m, err := b.choose(ctx, from, imports, row)
	if err != nil || m.Import == "" {
		return err // nobody waits: the breaker opens its eyes when somebody does
	}
	m.Generation++
	named := false
	_, err = b.update(ctx, func(now *ledger.Breaker, at time.Time) error {
		if named = now.Version == row.Version; !named {
			return ledger.ErrUnchanged // another sweep, a person, or the last probe was quicker
		}
		now.Probe = ledger.Probe{Import: m.Import, Guest: m.Guest, Kind: m.Kind, Target: m.Target, Generation: m.Generation}
		now.Probes++
		now.NextProbe = b.next(now, at)
		return nil
	})
	if err != nil || !named {
		return err
	}
	slog.InfoContext(ctx, "the breaker is probed", slog.String("cause", row.Cause), slog.String("import_id", m.Import))
	return b.sendProbe(ctx, m, now, send)
}

// choose returns the message of a step that waits, as it was sent before: for the breaker, or else for the day's cap or the slow
// start, since they do not go on before the breaker is closed, and nobody else may be there to close it. It prefers the kind
// that failed.
func (b *Breaker) choose(ctx context.Context, from Waiters, imports []ledger.Import, row ledger.Breaker) (message.Message, error) {
	for _, reason := range []string{ledger.WaitBreaker, ledger.WaitDay, ledger.WaitRate} {
		var other message.Message
		for _, i := range imports {
			m, err := b.turn(ctx, from, i, reason, row)
			if err != nil || m.Import != "" && m.Kind == row.Kind {
				return m, err
			}
			if other.Import == "" {
				other = m
			}
		}
		if other.Import != "" {
			return other, nil
		}
	}
	return message.Message{}, nil
}

// turn returns the step of one import whose turn it is. Guests take turns, so that one of them who is the trouble does not keep
// the breaker open.
func (b *Breaker) turn(ctx context.Context, from Waiters, i ledger.Import, reason string, row ledger.Breaker) (message.Message, error) {
	t, err := from.Tally(ctx, i.ID)
	if err != nil || t.Waiting[reason] == 0 {
		return message.Message{}, err
	}
	var all []message.Message
	n := 0
	for guest, err := range from.WaitingFor(ctx, i.ID, reason) {
		if err != nil {
			return message.Message{}, err
		}
		e, err := b.ledger.Entry(ctx, i.ID, guest)
		if err != nil {
			return message.Message{}, err
		}
		all = append(all, i.Messages(&e, func(s *ledger.Step) bool { return s.Waits(reason) })...)
		if n++; n == turns {
			break
		}
	}
	slices.SortStableFunc(all, first(row.Kind))
	if len(all) == 0 {
		return message.Message{}, nil
	}
	most := 0
	for _, m := range all {
		if m.Kind == all[0].Kind {
			most++
		}
	}
	return all[row.Probes%most], nil
}

// sendProbe raises the step to the generation that the row names, and sends it.
func (b *Breaker) sendProbe(ctx context.Context, m message.Message, now time.Time, send func(context.Context, ...message.Message) error) error {
	sent := false
	_, _, err := b.ledger.UpdateEntry(ctx, m.Import, m.Guest, func(e *ledger.Entry) error {
		s := e.Step(m.Kind, m.Target)
		if sent = s != nil && s.State == ledger.Waiting && s.Generation == m.Generation-1; !sent {
			return ledger.ErrUnchanged
		}
		s.Resume(now)
		return nil
	})
	if err != nil || !sent {
		return err
	}
	return send(ctx, m)
}
