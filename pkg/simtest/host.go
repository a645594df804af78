package simtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

// Broker is a broker in memory that hands its messages to handlers, as the Functions host does. Its clock is that of a
// synctest bubble: nobody looks for messages all the time, so that time can jump to the next one.
type Broker struct {
	*membus.Bus
	mu   sync.Mutex
	bell chan struct{}  // closed when something is sent
	most map[string]int // deliveries of one message, by queue
	down bool

	again int // deliveries of what was delivered before
}

// NewBroker returns an empty broker. Locks last half an hour, since nobody renews them: as long as the
// host would.
func NewBroker() *Broker { return NewBrokerWith(membus.Options{Lock: 31 * time.Minute}) }

// NewBrokerWith returns an empty broker with locks and duplicate detection of the test's own choice.
func NewBrokerWith(o membus.Options) *Broker {
	return &Broker{Bus: membus.New(o), bell: make(chan struct{}), most: map[string]int{}}
}

var errDown = errors.New("no connection to the broker")

// Down cuts the broker off, or brings it back: nothing is sent, delivered or settled meanwhile, and what is in the queues stays.
// Locks that expire meanwhile are lost.
func (b *Broker) Down(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
	if down {
		b.Refuse(errDown)
	} else {
		b.Refuse(nil)
	}
	close(b.bell)
	b.bell = make(chan struct{})
}

func (b *Broker) isDown() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}

// next receives a message, if the broker is there.
func (b *Broker) next(queue string) (membus.Delivery, bool) {
	if b.isDown() {
		return membus.Delivery{}, false
	}
	return b.Receive(queue)
}

// MostDeliveries returns how often the message of a queue was delivered that was delivered most often.
func (b *Broker) MostDeliveries(queue string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most[queue]
}

func (b *Broker) noteDelivery(d membus.Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most[d.Queue] = max(b.most[d.Queue], d.Deliveries)
}

// Send implements bus.Sender.
func (b *Broker) Send(ctx context.Context, msgs ...message.Message) error {
	err := b.Bus.Send(ctx, msgs...)
	b.Ring()
	return err
}

// Ring has everybody look for messages, after one came by another way than Send.
func (b *Broker) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.bell)
	b.bell = make(chan struct{})
}

// Serve hands the messages of a function's queue to a handler, as many at a time as the function works on, until ctx ends.
func (b *Broker) Serve(ctx context.Context, h http.Handler, f customhandler.Function) {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, f.Limit)
	for ctx.Err() == nil {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		d, ok := b.next(f.Queue)
		if !ok {
			<-places
			b.idle(ctx)
			continue
		}
		b.count(d)
		wg.Go(func() {
			defer func() { <-places }()
			b.deliver(ctx, h, f.Name, d)
		})
	}
}

func (b *Broker) count(d membus.Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.Deliveries > 1 {
		b.again++
	}
}

// Redelivered returns how many deliveries were of a message that had been delivered before.
func (b *Broker) Redelivered() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.again
}

// idle waits until something is sent or due, but at least a moment.
func (b *Broker) idle(ctx context.Context) {
	b.mu.Lock()
	bell, down := b.bell, b.down
	b.mu.Unlock()
	const moment = 100 * time.Millisecond
	wait := time.Hour
	if next, ok := b.Next(); ok && !down {
		wait = max(moment, time.Until(next))
	}
	select {
	case <-bell:
	case <-time.After(wait):
	case <-ctx.Done():
	}
}

func (b *Broker) deliver(ctx context.Context, h http.Handler, function string, d membus.Delivery) {
	b.noteDelivery(d)
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	properties, _ := json.Marshal(d.Properties)
	body, _ := json.Marshal(map[string]any{"Data": map[string]any{"msg": base64.StdEncoding.EncodeToString(d.Body)},
		"Metadata": map[string]any{"LockToken": quoted(d.LockToken), "DeliveryCount": fmt.Sprint(d.Deliveries), "ApplicationProperties": string(properties)}})
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/"+function, bytes.NewReader(body))
	res := httptest.NewRecorder()
	h.ServeHTTP(res, req)
	if b.isDown() {
		return // the lock expires
	}
	if res.Code == http.StatusOK {
		_ = b.Complete(d.Queue, d.LockToken) // a dead letter is settled already
	} else if ctx.Err() == nil {
		_ = b.Abandon(d.Queue, d.LockToken)
	}
}
