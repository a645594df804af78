package functionshost

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/functionshost/internal/config"
)

const (
	closeTime  = 5 * time.Second // for saying good-bye to a broker
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
	receiving, err := receiver(client, f)
	if err != nil {
		return nil, err
	}
	settling, err := receiver(client, f)
	if err != nil {
		return nil, err
	}
	namespace := namespaceOf(f.Queue.Connection)
	q := &queue{host: b.host, function: f, client: client, settler: settling, slots: make(chan struct{}, b.host.conf.ServiceBus.MaxConcurrentCalls),
		deaf: make(chan struct{}), namespace: namespace, clientID: namespace + "-" + newGUID().String()}
	q.receiver.Store(receiving)
	q.link, q.unlink = context.WithCancel(context.Background())
	return q, nil
}

// receiver makes one for the queue or subscription of f. It connects with its first use.
func receiver(client *azservicebus.Client, f config.Function) (*azservicebus.Receiver, error) {
	if f.Queue.Queue != "" {
		return client.NewReceiverForQueue(f.Queue.Queue, nil)
	}
	return client.NewReceiverForSubscription(f.Queue.Topic, f.Queue.Subscription, nil)
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
	client              *azservicebus.Client
	receiver            atomic.Pointer[azservicebus.Receiver]
	settler             *azservicebus.Receiver // asks for no message; settles by lock token once the receiver is closed
	deaf                chan struct{}          // closed when nothing is delivered to the receiver any more
	settling            sync.RWMutex           // held for reading while a message is settled on the receiver's link
	slots               chan struct{}          // one per message that may be in work
	namespace, clientID string

	link   context.Context // ends when the link of the messages received last is known to be gone
	unlink context.CancelFunc
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
		d := &delivery{queue: q, message: m, link: q.link}
		inFlight.Go(func() {
			defer func() { <-q.slots }()
			d.handle()
		})
	}
	q.settling.Lock() // who settles on the link first gets an answer
	hangUp(q.receiver.Load())
	close(q.deaf)
	q.settling.Unlock()
	inFlight.Wait()
	q.unlink()
	hangUp(q.settler)
}

func hangUp(r *azservicebus.Receiver) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = r.Close(ctx) // the broker notices anyway
}

// present returns the receiver to settle and renew by lock token with. Where triggers stop it waits until nothing is
// delivered any more: a message that was given back before would come to a receiver that nobody asks, and stay locked.
func (q *queue) present() *azservicebus.Receiver {
	if q.listens() {
		return q.receiver.Load()
	}
	<-q.deaf
	return q.settler
}

func (q *queue) listens() bool { return q.host.life.Err() == nil && q.host.listening.Err() == nil }

// receive returns one message, or nil when it should be asked again.
func (q *queue) receive(o *outage) *azservicebus.ReceivedMessage {
	messages, err := q.receiver.Load().ReceiveMessages(q.host.listening, 1, nil)
	if len(messages) > 0 {
		o.over()
		return messages[0]
	}
	if q.host.listening.Err() != nil {
		return nil
	}
	q.unlink() // the next call makes a new one
	q.link, q.unlink = context.WithCancel(context.Background())
	if err != nil {
		o.pause(err)
	} else { // a lost link or connection, which the client does not call an error
		q.attachAgain()
		o.rest(firstPause)
	}
	return nil
}

// attachAgain takes another receiver. The client keeps a link that the broker has detached as busy, and would receive nothing on it
// for ever; the real host's client attaches again.
func (q *queue) attachAgain() {
	fresh, err := receiver(q.client, q.function)
	if err != nil {
		q.log("Receiving goes on over the same link", err)
		return
	}
	hangUp(q.receiver.Swap(fresh))
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

func (q *queue) log(what string, err error) {
	q.host.log.Error(what, "function", q.function.Name, "entity", q.entity(), "error", err)
}

func (q *queue) entity() string {
	if q.function.Queue.Queue != "" {
		return q.function.Queue.Queue
	}
	return q.function.Queue.Topic + "/Subscriptions/" + q.function.Queue.Subscription
}
