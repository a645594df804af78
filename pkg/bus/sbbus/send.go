package sbbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"golang.org/x/sync/errgroup"

	"guestlist/pkg/message"
)

// parallelSends is how many batches of one Send are on their way at the same time. Scheduled messages go in batches of
// one time each, so a sweep's many small ones would otherwise wait for each other's round trips.
const parallelSends = 8

// batchKey says which messages may share a batch. The SDK copies the schedule of a batch's first message to its envelope;
// messages of one time only keep that true whichever of the two the service reads.
type batchKey struct {
	queue string
	at    time.Time
}

// Send implements bus.Sender. Messages are scheduled by their own property, not over the management link, so that one
// call carries whole batches and an answer that got lost leaves nothing half-made.
func (b *Bus) Send(ctx context.Context, msgs ...message.Message) error {
	order, groups := group(msgs, time.Now())
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelSends)
	for _, key := range order {
		g.Go(func() error {
			err := b.senders.use(ctx, key.queue, func(s *azservicebus.Sender) error { return sendAll(ctx, s, groups[key]) })
			if err != nil {
				return fmt.Errorf("send %d messages to %s: %w", len(groups[key]), key.queue, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func group(msgs []message.Message, now time.Time) ([]batchKey, map[batchKey][]*azservicebus.Message) {
	var order []batchKey
	groups := map[batchKey][]*azservicebus.Message{}
	for _, m := range msgs {
		key := batchKey{queue: m.Queue()}
		if !m.At.IsZero() { // whether it has passed is for the service to say: this machine's clock may be wrong
			key.at = m.At.UTC()
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], wire(m, key.at, now))
	}
	return order, groups
}

// wire returns the message as the SDK takes it. The id is made after the defaults, so that the receiver of the message
// computes the same.
func wire(m message.Message, at, now time.Time) *azservicebus.Message {
	m.Attempt = max(1, m.Attempt)
	if m.First.IsZero() {
		m.First = now
	}
	id, subject, contentType := m.ID(), string(m.Kind), "application/json"
	out := &azservicebus.Message{MessageID: &id, Subject: &subject, ContentType: &contentType,
		Body: m.Body(), ApplicationProperties: m.Properties()}
	if m.Import != "" {
		out.CorrelationID = &m.Import
	}
	if !at.IsZero() {
		out.ScheduledEnqueueTime = &at
	}
	return out
}

// sendAll sends messages of one queue and time in as few batches as their size allows.
func sendAll(ctx context.Context, s *azservicebus.Sender, msgs []*azservicebus.Message) error {
	if len(msgs) == 1 {
		return limited(ctx, func(ctx context.Context) error { return s.SendMessage(ctx, msgs[0], nil) })
	}
	for len(msgs) > 0 {
		n := 0
		err := limited(ctx, func(ctx context.Context) (err error) {
			n, err = sendSome(ctx, s, msgs)
			return err
		})
		if err != nil {
			return err
		}
		msgs = msgs[n:]
	}
	return nil
}

// sendSome sends as many messages as one batch holds and returns their number.
func sendSome(ctx context.Context, s *azservicebus.Sender, msgs []*azservicebus.Message) (int, error) {
	batch, err := s.NewMessageBatch(ctx, nil)
	if err != nil {
		return 0, err
	}
	n := 0
	for n < len(msgs) {
		err := batch.AddMessage(msgs[n], nil)
		if errors.Is(err, azservicebus.ErrMessageTooLarge) && n > 0 {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("message %s: %w", *msgs[n].MessageID, err)
		}
		n++
	}
	return n, s.SendMessageBatch(ctx, batch, nil)
}
