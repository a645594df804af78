package acts

import (
	"context"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

var busWrites = []string{"bus.Send", "bus.DeadLetter", "bus.Remove"}

// Sender is a broker whose sends are acts: one, however many messages.
type Sender struct {
	Bus  bus.Sender
	Mark Mark
}

// DeadLetterer is a broker whose dead letters are acts.
type DeadLetterer struct {
	Bus  bus.DeadLetterer
	Mark Mark
}

// DeadLetters are dead-letter queues; to remove some is one act.
type DeadLetters struct {
	Bus  bus.DeadLetters
	Mark Mark
}

var (
	_ bus.Sender       = Sender{}
	_ bus.DeadLetterer = DeadLetterer{}
	_ bus.DeadLetters  = DeadLetters{}
)

// Send implements bus.Sender.
func (s Sender) Send(ctx context.Context, msgs ...message.Message) error {
	return s.Mark(ctx, "bus.Send", func() error { return s.Bus.Send(ctx, msgs...) })
}

// DeadLetter implements bus.DeadLetterer.
func (d DeadLetterer) DeadLetter(ctx context.Context, queue, lockToken, reason, description string) error {
	return d.Mark(ctx, "bus.DeadLetter", func() error { return d.Bus.DeadLetter(ctx, queue, lockToken, reason, description) })
}

// Browse implements bus.DeadLetters; it reads.
func (d DeadLetters) Browse(ctx context.Context, queue string, limit int) ([]bus.DeadLetter, error) {
	return d.Bus.Browse(ctx, queue, limit)
}

// Remove implements bus.DeadLetters.
func (d DeadLetters) Remove(ctx context.Context, queue string, limit int, remove func(bus.DeadLetter) bool) (int, error) {
	return Do(ctx, d.Mark, "bus.Remove", func() (int, error) { return d.Bus.Remove(ctx, queue, limit, remove) })
}
