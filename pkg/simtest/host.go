package simtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
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
	bell chan struct{} // closed when something is sent

	again int // deliveries of what was delivered before
}

// NewBroker returns an empty broker. Locks last ten minutes, since nobody renews them.
func NewBroker() *Broker { return NewBrokerWith(membus.Options{Lock: 10 * time.Minute}) }

// NewBrokerWith returns an empty broker with locks and duplicate detection of the test's own choice.
func NewBrokerWith(o membus.Options) *Broker {
	return &Broker{Bus: membus.New(o), bell: make(chan struct{})}
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
		d, ok := b.Receive(f.Queue)
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
	bell := b.bell
	b.mu.Unlock()
	const moment = 100 * time.Millisecond
	wait := time.Hour
	if next, ok := b.Next(); ok {
		wait = max(moment, time.Until(next))
	}
	select {
	case <-bell:
	case <-time.After(wait):
	case <-ctx.Done():
	}
}

func (b *Broker) deliver(ctx context.Context, h http.Handler, function string, d membus.Delivery) {
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	properties, _ := json.Marshal(d.Properties)
	body, _ := json.Marshal(map[string]any{"Data": map[string]any{"msg": base64.StdEncoding.EncodeToString(d.Body)},
		"Metadata": map[string]any{"LockToken": quoted(d.LockToken), "DeliveryCount": fmt.Sprint(d.Deliveries), "ApplicationProperties": string(properties)}})
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/"+function, bytes.NewReader(body))
	res := httptest.NewRecorder()
	h.ServeHTTP(res, req)
	if res.Code == http.StatusOK {
		_ = b.Complete(d.Queue, d.LockToken) // a dead letter is settled already
	} else if ctx.Err() == nil {
		_ = b.Abandon(d.Queue, d.LockToken)
	}
}
