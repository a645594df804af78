package sbbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"golang.org/x/sync/errgroup"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

const (
	// page is how many messages one call asks for; the service may return fewer.
	page = 250
	// emptyWait is how long Remove waits for a dead letter that it has seen but that does not come: another process may
	// hold its lock.
	emptyWait = 3 * time.Second
	// parallelSettles is how many dead letters are settled at the same time.
	parallelSettles = 16
)

// Browse implements bus.DeadLetters by peeking.
func (b *Bus) Browse(ctx context.Context, queue string, limit int) ([]bus.DeadLetter, error) {
	var out []bus.DeadLetter
	err := b.look(ctx, queue, deadLetters(), limit, func(m *azservicebus.ReceivedMessage) {
		out = append(out, letter(queue, m))
	})
	if err != nil {
		return nil, fmt.Errorf("browse the dead letters of %s: %w", queue, err)
	}
	return out, nil
}

// Remove implements bus.DeadLetters. It peeks first and locks nothing if there is nothing to remove. remove is asked once
// per dead letter, and never for one that came after the start. Dead letters locked by another process are left alone.
func (b *Bus) Remove(ctx context.Context, queue string, limit int, remove func(bus.DeadLetter) bool) (int, error) {
	letters, err := b.Browse(ctx, queue, limit)
	if err != nil {
		return 0, err
	}
	h := &hunt{wanted: map[int64]bool{}, limit: limit}
	for _, d := range letters {
		if remove(d) {
			h.wanted[d.Sequence] = true
		}
	}
	if len(h.wanted) == 0 {
		return 0, nil
	}
	if err := errors.Join(b.hunt(ctx, queue, h), b.giveBack(ctx, queue, h.kept)); err != nil {
		return h.removed, fmt.Errorf("remove dead letters of %s: %w", queue, err)
	}
	return h.removed, nil
}

func (b *Bus) hunt(ctx context.Context, queue string, h *hunt) (err error) {
	if h.r, err = b.openDead(queue); err != nil {
		return err
	}
	defer closeQuietly(h.r)
	err = limited(ctx, func(ctx context.Context) error { // opens the link, so that emptyWait is spent on messages only
		_, err := h.r.PeekMessages(ctx, 1, nil)
		return err
	})
	if err != nil {
		return err
	}
	return h.run(ctx)
}

// giveBack abandons dead letters over a link of its own that asks for none: the link that received them would get them
// again at once, and keep them locked for a minute when it closes. It works after ctx has ended too, for the same reason.
func (b *Bus) giveBack(ctx context.Context, queue string, msgs []*azservicebus.ReceivedMessage) error {
	if len(msgs) == 0 {
		return nil
	}
	r, err := b.openDead(queue)
	if err != nil {
		return err
	}
	defer closeQuietly(r)
	_, err = settle(context.WithoutCancel(ctx), msgs, func(ctx context.Context, m *azservicebus.ReceivedMessage) error {
		return r.AbandonMessage(ctx, &azservicebus.ReceivedMessage{LockToken: m.LockToken}, nil)
	})
	return err
}

func (b *Bus) openDead(queue string) (*azservicebus.Receiver, error) {
	return b.client.NewReceiverForQueue(queue, deadLetters())
}

func deadLetters() *azservicebus.ReceiverOptions {
	return &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}
}

func letter(queue string, m *azservicebus.ReceivedMessage) bus.DeadLetter {
	d := bus.DeadLetter{Queue: queue, Reason: text(m.DeadLetterReason), Description: text(m.DeadLetterErrorDescription)}
	if m.SequenceNumber != nil {
		d.Sequence = *m.SequenceNumber
	}
	if m.EnqueuedTime != nil {
		d.Enqueued = m.EnqueuedTime.UTC()
	}
	if m.DeliveryCount > 0 { // the SDK counts looking at the message as one more delivery
		d.Deliveries = int(m.DeliveryCount - 1)
	}
	d.Message, d.Unreadable = message.Decode(m.Body, m.ApplicationProperties)
	return d
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// hunt receives dead letters until it has completed the wanted ones. It keeps the others locked meanwhile, since those
// given back would be received again at once.
type hunt struct {
	r       *azservicebus.Receiver
	wanted  map[int64]bool
	limit   int
	kept    []*azservicebus.ReceivedMessage
	removed int
}

func (h *hunt) run(ctx context.Context) error {
	met := map[int64]bool{}
	for len(h.wanted) > 0 && len(met) < h.limit {
		msgs, err := h.receive(ctx)
		if err != nil || len(msgs) == 0 {
			return err
		}
		var found []*azservicebus.ReceivedMessage
		for _, m := range msgs {
			if met[*m.SequenceNumber] { // its lock ran out: this queue is longer than one lock
				h.kept = append(h.kept, m)
				return h.complete(ctx, found)
			}
			met[*m.SequenceNumber] = true
			if h.wanted[*m.SequenceNumber] {
				found = append(found, m)
			} else {
				h.kept = append(h.kept, m)
			}
		}
		if err := h.complete(ctx, found); err != nil {
			return err
		}
	}
	return nil
}

// receive returns nothing if nothing came for emptyWait.
func (h *hunt) receive(ctx context.Context) ([]*azservicebus.ReceivedMessage, error) {
	short, cancel := context.WithTimeout(ctx, CallTime)
	defer cancel()
	idle := time.AfterFunc(emptyWait, cancel)
	defer idle.Stop()
	msgs, err := h.r.ReceiveMessages(short, min(page, max(1, h.limit)), nil)
	if err != nil && ctx.Err() == nil && short.Err() != nil {
		return nil, nil
	}
	return msgs, err
}

func (h *hunt) complete(ctx context.Context, msgs []*azservicebus.ReceivedMessage) error {
	gone, err := settle(ctx, msgs, func(ctx context.Context, m *azservicebus.ReceivedMessage) error {
		return h.r.CompleteMessage(ctx, m, nil)
	})
	h.removed += gone
	for _, m := range msgs {
		delete(h.wanted, *m.SequenceNumber)
	}
	return err
}

// settle settles messages side by side and returns how many it could; a lost lock is no error.
func settle(ctx context.Context, msgs []*azservicebus.ReceivedMessage,
	call func(context.Context, *azservicebus.ReceivedMessage) error) (int, error) {
	var g errgroup.Group
	g.SetLimit(parallelSettles)
	done := make([]bool, len(msgs))
	for i, m := range msgs {
		g.Go(func() error {
			err := limited(ctx, func(ctx context.Context) error { return call(ctx, m) })
			done[i] = err == nil
			if hasCode(err, azservicebus.CodeLockLost) {
				return nil
			}
			return err
		})
	}
	err := g.Wait()
	n := 0
	for _, ok := range done {
		if ok {
			n++
		}
	}
	return n, err
}
