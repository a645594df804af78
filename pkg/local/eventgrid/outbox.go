package eventgrid

import "sync"

// outbox holds events until the broker has accepted them. One goroutine puts, one takes.
type outbox struct {
	wake chan struct{} // holds one token: there is something to look at

	mu     sync.Mutex
	events []Blob
}

func (o *outbox) put(events ...Blob) {
	if len(events) == 0 {
		return
	}
	o.mu.Lock()
	o.events = append(o.events, events...)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// first returns the oldest event and leaves it where it is.
func (o *outbox) first() (Blob, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.events) == 0 {
		return Blob{}, false
	}
	return o.events[0], true
}

func (o *outbox) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = o.events[1:]
}

func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.events)
}
