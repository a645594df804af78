package sbbus

import (
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/bus"
)

// Depths counts the messages of queues by looking at each of them, up to limit per queue and again as many of its dead
// letters; a sum that reaches limit means "at least". It needs no more rights than the rest of this package, where the
// service's own counters would need those of an administrator. It costs a request per 250 messages at most. Locked
// messages are active.
func (b *Bus) Depths(ctx context.Context, limit int, queues ...string) ([]bus.Depth, error) {
	var out []bus.Depth
	for _, queue := range queues {
		d, err := b.depth(ctx, queue, limit)
		if err != nil {
			return out, fmt.Errorf("count the messages of %s: %w", queue, err)
		}
		out = append(out, d)
	}
	return out, nil
}

func (b *Bus) depth(ctx context.Context, queue string, limit int) (bus.Depth, error) {
	d := bus.Depth{Queue: queue}
	err := b.look(ctx, queue, nil, limit, func(m *azservicebus.ReceivedMessage) {
		if m.State == azservicebus.MessageStateScheduled {
			d.Scheduled++
		} else {
			d.Active++
		}
	})
	if err != nil {
		return d, err
	}
	return d, b.look(ctx, queue, deadLetters(), limit, func(*azservicebus.ReceivedMessage) { d.DeadLettered++ })
}

// look calls visit for up to limit messages of a queue, or of its dead letters, locking none.
func (b *Bus) look(ctx context.Context, queue string, o *azservicebus.ReceiverOptions, limit int,
	visit func(*azservicebus.ReceivedMessage)) error {
	r, err := b.client.NewReceiverForQueue(queue, o)
	if err != nil {
		return err
	}
	defer closeQuietly(r)
	return peek(ctx, r, limit, visit)
}

// peek calls visit for up to limit messages in order of their sequence numbers.
func peek(ctx context.Context, r *azservicebus.Receiver, limit int, visit func(*azservicebus.ReceivedMessage)) error {
	for from := int64(0); limit > 0; {
		var msgs []*azservicebus.ReceivedMessage
		err := limited(ctx, func(ctx context.Context) (err error) {
			msgs, err = r.PeekMessages(ctx, min(limit, page), &azservicebus.PeekMessagesOptions{FromSequenceNumber: &from})
			return err
		})
		if err != nil || len(msgs) == 0 {
			return err
		}
		for _, m := range msgs[:min(limit, len(msgs))] {
			visit(m)
			from = *m.SequenceNumber + 1
		}
		limit -= len(msgs)
	}
	return nil
}
