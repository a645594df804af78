package sbbus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// link is a sender or a receiver of the SDK.
type link interface {
	comparable
	Close(ctx context.Context) error
}

// links keeps one link per queue. The SDK mends most broken links by itself; one that fails nevertheless is replaced, so
// that no state of a link outlives its error.
type links[T link] struct {
	open func(queue string) (T, error)

	mu      sync.Mutex
	byQueue map[string]T
}

// use runs call on the link of a queue. A call that finds its link closed, because another goroutine's call failed on it,
// runs once more on a new one.
func (l *links[T]) use(ctx context.Context, queue string, call func(T) error) error {
	err := l.once(ctx, queue, call)
	if hasCode(err, azservicebus.CodeClosed) && ctx.Err() == nil {
		err = l.once(ctx, queue, call)
	}
	return err
}

func (l *links[T]) once(ctx context.Context, queue string, call func(T) error) error {
	t, err := l.get(queue)
	if err != nil {
		return err
	}
	if err = call(t); err != nil && ctx.Err() == nil && !harmless(err) {
		l.drop(queue, t)
	}
	return err
}

// harmless reports whether err says nothing against the link.
func harmless(err error) bool {
	return hasCode(err, azservicebus.CodeLockLost) || errors.Is(err, azservicebus.ErrMessageTooLarge)
}

func (l *links[T]) get(queue string) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.byQueue[queue]; ok {
		return t, nil
	}
	t, err := l.open(queue)
	if err != nil {
		return t, err
	}
	if l.byQueue == nil {
		l.byQueue = map[string]T{}
	}
	l.byQueue[queue] = t
	return t, nil
}

func (l *links[T]) drop(queue string, t T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byQueue[queue] == t {
		delete(l.byQueue, queue)
		go closeQuietly(t) // on a dead connection it waits for an answer that nobody needs
	}
}

// closeQuietly closes a link whose calls are over: what fails now changes nothing.
func closeQuietly[T link](t T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	t.Close(ctx)
}
