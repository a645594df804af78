package membus

import (
	"context"
	"fmt"
	"slices"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

// Browse implements bus.DeadLetters.
func (b *Bus) Browse(ctx context.Context, queue string, limit int) ([]bus.DeadLetter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refused(ctx); err != nil {
		return nil, fmt.Errorf("browse the dead letters of %s: %w", queue, err)
	}
	dead := b.queue(queue).dead
	var out []bus.DeadLetter
	for _, i := range dead[:min(max(0, limit), len(dead))] {
		out = append(out, i.letter(queue))
	}
	return out, nil
}

// Remove implements bus.DeadLetters.
func (b *Bus) Remove(ctx context.Context, queue string, limit int, remove func(bus.DeadLetter) bool) (int, error) {
	letters, err := b.Browse(ctx, queue, limit)
	if err != nil {
		return 0, err
	}
	picked := map[int64]bool{}
	for _, d := range letters { // without the mutex, so that remove may use the Bus
		picked[d.Sequence] = remove(d)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue(queue)
	before := len(q.dead)
	q.dead = slices.DeleteFunc(q.dead, func(i *item) bool { return picked[i.sequence] })
	return before - len(q.dead), nil
}

func (i *item) letter(queue string) bus.DeadLetter {
	d := bus.DeadLetter{Queue: queue, Sequence: i.sequence, Reason: i.reason, Description: i.description,
		Enqueued: i.enqueued, Deliveries: i.deliveries}
	d.Message, d.Unreadable = message.Decode(i.body, i.properties)
	return d
}
