package functionshost

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/functionshost/internal/config"
)

const (
	closeTime  = 5 * time.Second // for saying good-bye to a broker
	settleTime = time.Minute     // for one settlement with its retries; the real client's try time-out
	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second // between attempts to receive; the real host's client waits up to a minute
)

// buses are the connections, one per connection string, as in the real host.
type buses struct {
	host *Host

	mu      sync.Mutex
	clients map[string]*azservicebus.Client
}

func newBuses(h *Host) *buses {
	return &buses{host: h, clients: map[string]*azservicebus.Client{}}
}

func (b *buses) client(connection string) (*azservicebus.Client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c, ok := b.clients[connection]; ok {
		return c, nil
	}
	s := b.host.conf.ServiceBus
	c, err := azservicebus.NewClientFromConnectionString(connection, &azservicebus.ClientOptions{
		ApplicationID: "functionshost",
		RetryOptions:  azservicebus.RetryOptions{MaxRetries: int32(s.Retries), RetryDelay: s.Delay, MaxRetryDelay: s.MaxDelay},
	})
	if err != nil {
		return nil, fmt.Errorf("connection string: %w", err)
	}
	b.clients[connection] = c
	return c, nil
}

func (b *buses) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.clients {
		_ = c.Close(ctx) // the broker notices anyway
	}
}

// open prepares the trigger of f. The connection is made with the first receive.
func (b *buses) open(f config.Function) (*queue, error) {
	client, err := b.client(f.Queue.Connection)
	if err != nil {
		return nil, err
	}
	var r *azservicebus.Receiver
	if f.Queue.Queue != "" {
		r, err = client.NewReceiverForQueue(f.Queue.Queue, nil)
	} else {
		r, err = client.NewReceiverForSubscription(f.Queue.Topic, f.Queue.Subscription, nil)
	}
	if err != nil {
		return nil, err
	}
	namespace := namespaceOf(f.Queue.Connection)
	return &queue{host: b.host, function: f, receiver: r, slots: make(chan struct{}, b.host.conf.ServiceBus.MaxConcurrentCalls),
		namespace: namespace, clientID: namespace + "-" + newGUID().String()}, nil
}

// namespaceOf is the host name in the Endpoint of a connection string.
func namespaceOf(connection string) string {
	for part := range strings.SplitSeq(connection, ";") {
		if name, value, _ := strings.Cut(part, "="); strings.EqualFold(strings.TrimSpace(name), "Endpoint") {
			_, host, _ := strings.Cut(value, "://")
			return strings.TrimRight(host, "/")
		}
	}
	return ""
}

// queue is the serviceBusTrigger of one function.
type queue struct {
	host                *Host
	function            config.Function
	receiver            *azservicebus.Receiver
	slots               chan struct{} // one per message that may be in work
	namespace, clientID string
}

// run receives until triggers stop, whatever the broker does, and returns when the last message is settled. Messages are
// fetched one by one, each when a slot is free: no message waits here while its lock runs.
func (q *queue) run() {
	var inFlight sync.WaitGroup
	outage := &outage{queue: q}
	for {
		select {
		case q.slots <- struct{}{}:
		case <-q.host.listening.Done():
		}
		if q.host.listening.Err() != nil {
			break
		}
		m := q.receive(outage)
		if m == nil {
			<-q.slots
			continue
		}
		inFlight.Go(func() {
			defer func() { <-q.slots }()
			q.handle(m)
		})
	}
	inFlight.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = q.receiver.Close(ctx) // the broker notices anyway
}

// receive returns one message, or nil when it should be asked again.
func (q *queue) receive(o *outage) *azservicebus.ReceivedMessage {
	messages, err := q.receiver.ReceiveMessages(q.host.listening, 1, nil)
	if len(messages) > 0 {
		o.over()
		return messages[0]
	}
	switch {
	case q.host.listening.Err() != nil:
	case err != nil:
		o.pause(err)
	default: // the link went away: the next call makes a new one
		o.rest(firstPause)
	}
	return nil
}

// outage spaces out the attempts while a broker is away, and tells of it twice: when it begins and when it ends.
type outage struct {
	queue *queue
	delay time.Duration
}

func (o *outage) pause(err error) {
	if o.delay == 0 {
		o.queue.log("Receiving fails, the host keeps trying", err)
		o.delay = firstPause
	}
	o.rest(o.delay)
	o.delay = min(2*o.delay, longPause)
}

func (o *outage) rest(d time.Duration) {
	select {
	case <-o.queue.host.listening.Done():
	case <-time.After(d):
	}
}

func (o *outage) over() {
	if o.delay != 0 {
		o.queue.host.log.Info("Receiving works again", "function", o.queue.function.Name)
		o.delay = 0
	}
}

// handle runs one message through the function and settles it.
func (q *queue) handle(m *azservicebus.ReceivedMessage) {
	c, err := q.call(m)
	if err != nil {
		q.log("Message cannot be bound", err)
		q.settle(m, "abandon")
		return
	}
	stop := q.keepLock(m)
	err = q.host.invoke(c)
	stop()
	switch {
	case err != nil:
		q.settle(m, "abandon")
	case q.function.Queue.AutoComplete:
		q.settle(m, "complete")
	}
}

// settle completes or abandons. A lost lock is one line and nothing more: the handler may have settled by itself.
func (q *queue) settle(m *azservicebus.ReceivedMessage, how string) {
	ctx, cancel := q.settleContext()
	defer cancel()
	act, counted := func() error { return q.receiver.AbandonMessage(ctx, m, nil) }, func(n *Counts) { n.Abandoned++ }
	if how == "complete" {
		act, counted = func() error { return q.receiver.CompleteMessage(ctx, m, nil) }, func(n *Counts) { n.Completed++ }
	}
	err := act()
	switch {
	case err == nil:
		q.host.tally.function(q.function.Name, counted)
	case lockLost(err):
		q.host.tally.function(q.function.Name, func(n *Counts) { n.LocksLost++ })
		q.log("MessageLockLost: could not "+how+" message "+m.MessageID, err)
	default:
		q.log("Could not "+how+" message "+m.MessageID+", its lock will expire", err)
	}
}

// settleContext bounds a settlement, and more tightly from the moment that the host stops.
func (q *queue) settleContext() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	forget := context.AfterFunc(q.host.life, func() { time.AfterFunc(closeTime, cancel) })
	return ctx, func() {
		forget()
		cancel()
	}
}

func lockLost(err error) bool {
	var e *azservicebus.Error
	return errors.As(err, &e) && e.Code == azservicebus.CodeLockLost
}

func (q *queue) log(what string, err error) {
	q.host.log.Error(what, "function", q.function.Name, "entity", q.entity(), "error", err)
}

func (q *queue) entity() string {
	if q.function.Queue.Queue != "" {
		return q.function.Queue.Queue
	}
	return q.function.Queue.Topic + "/Subscriptions/" + q.function.Queue.Subscription
}
