package eventgrid

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// DefaultInterval is the time between two looks at the account: short for somebody who watches, and a small load for
// Azurite, which answers a listing in some milliseconds.
const DefaultInterval = 250 * time.Millisecond

// sendTimeout bounds one attempt to send, so that a broker that accepts connections and is silent is tried anew.
const sendTimeout = 10 * time.Second

// Config says what to watch and where events go.
type Config struct {
	Storage    string // connection string of the account
	ServiceBus string // connection string of the namespace
	Queue      string // empty means uploads

	Interval    time.Duration // between two looks; 0 means DefaultInterval
	CloudEvents bool          // deliver in the CloudEvents schema, not in Event Grid's
	EmptyFirst  bool          // before every event one about an empty placeholder with an ETag of its own
	Existing    bool          // what is there at the start raises events too
	Log         *slog.Logger  // nil means silence
}

// Watcher is a running event subscription.
type Watcher struct {
	config  Config
	schema  Schema
	listing *listing
	client  *azservicebus.Client
	sender  *azservicebus.Sender
	outbox  outbox
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Start looks at the account once and then goes on in the background until Close. ctx bounds the first look only. It
// fails if the account does not answer; the broker may come later. What is written after Start has returned raises an
// event.
func Start(ctx context.Context, c Config) (*Watcher, error) {
	c.Queue = cmp.Or(c.Queue, "uploads")
	c.Interval = cmp.Or(c.Interval, DefaultInterval)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	w := &Watcher{config: c, outbox: outbox{wake: make(chan struct{}, 1)}}
	if c.CloudEvents {
		w.schema = CloudEvents
	}
	if err := w.connect(); err != nil {
		return nil, fmt.Errorf("event grid: %w", err)
	}
	found, err := w.listing.changes(ctx)
	if err != nil {
		w.disconnect()
		return nil, fmt.Errorf("event grid: %w", err)
	}
	if c.Existing {
		w.outbox.put(w.events(found)...)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	w.running.Go(func() { w.watch(background) })
	w.running.Go(func() { w.deliver(background) })
	return w, nil
}

func (w *Watcher) connect() (err error) {
	if w.listing, err = newListing(w.config.Storage); err != nil {
		return err
	}
	// deliver repeats by itself and says so in the log; the default is silent for half a minute. One retry is needed: the
	// client opens a lost connection again on the second attempt of a call.
	quick := azservicebus.RetryOptions{MaxRetries: 1, RetryDelay: 50 * time.Millisecond}
	w.client, err = azservicebus.NewClientFromConnectionString(w.config.ServiceBus, &azservicebus.ClientOptions{RetryOptions: quick})
	if err != nil {
		return fmt.Errorf("service bus connection string: %w", err)
	}
	w.sender, err = w.client.NewSender(w.config.Queue, nil)
	return err
}

func (w *Watcher) disconnect() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.client.Close(ctx) // a broker that is gone cannot be told goodbye
}

// Close ends watching and delivering. Events that were not delivered are lost, and counted in the log.
func (w *Watcher) Close() {
	w.stop()
	w.running.Wait()
	w.disconnect()
	if n := w.outbox.len(); n > 0 {
		w.config.Log.Warn("events were not delivered", slog.Int("events", n))
	}
}

// watch looks for changes at every tick. It never waits for the broker: a version that is overwritten meanwhile would
// raise no event.
func (w *Watcher) watch(ctx context.Context) {
	tick := time.NewTicker(w.config.Interval)
	defer tick.Stop()
	for failing := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		found, err := w.listing.changes(ctx)
		failing++
		switch {
		case err == nil:
			failing = 0
		case ctx.Err() == nil && worthALine(failing):
			w.config.Log.WarnContext(ctx, "storage account was not read", slog.Int("attempt", failing), slog.Any("error", err))
		}
		w.outbox.put(w.events(found)...)
	}
}

// events adds the placeholders.
func (w *Watcher) events(found []Blob) []Blob {
	if !w.config.EmptyFirst {
		return found
	}
	var all []Blob
	for _, b := range found {
		empty := b.placeholder()
		empty.Sequence--
		all = append(all, empty, b)
	}
	return all
}

// deliver sends one event after the other. An event leaves the outbox only after the broker has accepted it.
func (w *Watcher) deliver(ctx context.Context) {
	for attempt := 0; ; {
		b, ok := w.outbox.first()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-w.outbox.wake:
			}
			continue
		}
		err := w.send(ctx, b, attempt)
		if err == nil {
			w.outbox.drop()
			attempt = 0
			continue
		}
		attempt++
		if ctx.Err() == nil && worthALine(attempt) {
			w.config.Log.WarnContext(ctx, "event was not delivered, trying again", slog.String("container", b.Container),
				slog.Int("attempt", attempt), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(w.config.Interval):
		}
	}
}

// worthALine thins out what is said about one fault: attempts 1, 2, 4, 8 and so on.
func worthALine(attempt int) bool { return attempt&(attempt-1) == 0 }

func (w *Watcher) send(ctx context.Context, b Blob, attempt int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, sendTimeout, errors.New("the broker was silent"))
	defer cancel()
	id, contentType := b.ID(), w.schema.ContentType()
	version := map[Schema]string{EventGrid: "1", CloudEvents: "1.0"}[w.schema]
	err := w.sender.SendMessage(ctx, &azservicebus.Message{
		Body:        Event(w.schema, b),
		ContentType: &contentType,
		MessageID:   &id, // stays the same over attempts, as with the service: duplicate detection works
		ApplicationProperties: map[string]any{
			"aeg-subscription-name": "GUESTLIST-UPLOADS",
			"aeg-event-type":        "Notification",
			"aeg-metadata-version":  version,
			"aeg-output-event-id":   id,
			"aeg-delivery-count":    fmt.Sprint(attempt),
		},
	}, nil)
	if err != nil {
		return err
	}
	w.config.Log.InfoContext(ctx, "event sent", slog.String("container", b.Container), slog.String("path", b.Path),
		slog.String("api", b.API), slog.String("etag", b.ETag), slog.Int64("bytes", b.Length))
	return nil
}
