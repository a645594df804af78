package lambda

import (
	"context"
	"crypto/md5" // attributes of SQS have it; it protects nothing
	"encoding/hex"
	"encoding/json"
	"strconv"
	"sync"
	"time"
)

// QueueConfig says how a queue and its event source mapping are set up.
type QueueConfig struct {
	// Batch is how many messages one invocation gets at most; 0 is 10.
	Batch int
	// Visibility is how long a message that was not dealt with stays away; 0 is 30 s.
	Visibility time.Duration
	// Receives is how often a message is delivered before it goes to the dead-letter queue; 0 is 3.
	Receives int
	// Deliver is how often each message is delivered at the least, though the function is done with it; 0 is once. SQS may
	// deliver twice.
	Deliver int
}

// Queue is an SQS queue whose messages invoke a function, with partial batch responses.
type Queue struct {
	f      *Function
	config QueueConfig
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and made anew at each change
	waiting []*Message
	flying  int
	dead    []Message
}

// Message is one message of a queue.
type Message struct {
	ID, Body string
	Receives int
	visible  time.Time
	done     int // how often the function was done with it
}

// NewQueue returns a queue in front of a function, with one poller for each of its environments.
func NewQueue(f *Function, c QueueConfig) *Queue {
	if c.Batch == 0 {
		c.Batch = 10
	}
	if c.Visibility == 0 {
		c.Visibility = 30 * time.Second
	}
	if c.Receives == 0 {
		c.Receives = 3
	}
	q := &Queue{f: f, config: c, changed: make(chan struct{})}
	q.ctx, q.stop = context.WithCancel(context.Background())
	for range len(f.all) {
		q.wg.Go(q.poll)
	}
	return q
}

// Close ends the pollers and the function, with what it is doing.
func (q *Queue) Close() {
	q.stop()
	q.f.Close()
	q.wg.Wait()
}

// Send puts a message into the queue.
func (q *Queue) Send(body string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, &Message{ID: requestID(), Body: body, visible: time.Now()})
	q.signal()
}

// Dead returns the messages that were delivered too often.
func (q *Queue) Dead() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]Message(nil), q.dead...)
}

// WaitIdle waits until no message waits and none is being worked on.
func (q *Queue) WaitIdle(ctx context.Context) error {
	for {
		q.mu.Lock()
		idle, changed := len(q.waiting)+q.flying == 0, q.changed
		q.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (q *Queue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *Queue) poll() {
	for q.ctx.Err() == nil {
		batch, changed, next := q.receive()
		if len(batch) == 0 {
			select {
			case <-q.ctx.Done():
			case <-changed:
			case <-time.After(next):
			}
			continue
		}
		r, err := q.f.Invoke(q.ctx, event(batch))
		q.settle(batch, failures(r, err, batch))
	}
}

// receive takes the messages that are visible. With none it says what to wait for.
func (q *Queue) receive() (batch []*Message, changed chan struct{}, next time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	var rest []*Message
	next = time.Minute
	for _, m := range q.waiting {
		switch {
		case m.visible.After(now) || len(batch) == q.config.Batch:
			rest = append(rest, m)
			next = min(next, max(m.visible.Sub(now), time.Millisecond))
		case m.Receives >= q.config.Receives+q.config.Deliver:
			q.dead = append(q.dead, *m)
			q.signal()
		default:
			m.Receives++
			batch = append(batch, m)
		}
	}
	q.waiting, q.flying = rest, q.flying+len(batch)
	return batch, q.changed, next
}

// settle puts back what failed, and what is to be delivered again anyway.
func (q *Queue) settle(batch []*Message, failed map[string]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range batch {
		if !failed[m.ID] {
			if m.done++; m.done >= q.config.Deliver {
				continue
			}
			m.visible = time.Now()
		} else {
			m.visible = time.Now().Add(q.config.Visibility)
		}
		q.waiting = append(q.waiting, m)
	}
	q.flying -= len(batch)
	q.signal()
}

// failures reads the answer as Lambda does: an error, or an answer that names what is not in the batch, fails all of it.
func failures(r Result, err error, batch []*Message) map[string]bool {
	all, some := map[string]bool{}, map[string]bool{}
	for _, m := range batch {
		all[m.ID] = true
	}
	if err != nil || r.Failed() {
		return all
	}
	var answer struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if json.Unmarshal(r.Payload, &answer) != nil {
		return some // Lambda takes an answer without the list for success
	}
	for _, f := range answer.BatchItemFailures {
		if !all[f.ItemIdentifier] {
			return all
		}
		some[f.ItemIdentifier] = true
	}
	return some
}

// event is what a function gets of a batch.
func event(batch []*Message) []byte {
	type record struct {
		MessageID      string            `json:"messageId"`
		ReceiptHandle  string            `json:"receiptHandle"`
		Body           string            `json:"body"`
		Attributes     map[string]string `json:"attributes"`
		MessageAttr    map[string]string `json:"messageAttributes"`
		MD5OfBody      string            `json:"md5OfBody"`
		EventSource    string            `json:"eventSource"`
		EventSourceARN string            `json:"eventSourceARN"`
		AWSRegion      string            `json:"awsRegion"`
	}
	var records []record
	for _, m := range batch {
		sum := md5.Sum([]byte(m.Body))
		records = append(records, record{MessageID: m.ID, ReceiptHandle: m.ID, Body: m.Body, MessageAttr: map[string]string{},
			Attributes:  map[string]string{"ApproximateReceiveCount": strconv.Itoa(m.Receives)},
			MD5OfBody:   hex.EncodeToString(sum[:]),
			EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-central-1:000000000000:local", AWSRegion: "eu-central-1"})
	}
	raw, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		panic(err) // strings only
	}
	return raw
}
