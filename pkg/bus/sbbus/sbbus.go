// Package sbbus connects pkg/bus to Azure Service Bus. It is the only package that uses its SDK.
//
// Call [FromConnectionString] or [FromCredential], and [Bus.Close] at the end. A Bus may be used by many goroutines. It
// opens one sending and one settling link per queue when they are first needed, keeps them, and opens a new one after a
// failure.
//
// Each call to the service has 30 s and two quick retries of the SDK: longer patience belongs to messages, which wait in
// the broker instead of in a process. It receives dead letters only; the messages of the queues themselves are received
// by the Functions host, and settled here by lock token.
package sbbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/bus"
)

// CallTime limits one call to the service. It is half of the shortest lock, so that a handler learns of a dead connection
// while its message is still its own.
const CallTime = 30 * time.Second

// Bus implements bus.Sender, bus.DeadLetterer and bus.DeadLetters.
type Bus struct {
	// Now is the clock that tells which messages are to be scheduled, and when they were first sent. It must be the clock by
	// which their times were set. FromConnectionString and FromCredential set time.Now; set another before the first call.
	Now func() time.Time

	client    *azservicebus.Client
	senders   links[*azservicebus.Sender]
	receivers links[*azservicebus.Receiver]
}

var (
	_ bus.Sender       = (*Bus)(nil)
	_ bus.DeadLetterer = (*Bus)(nil)
	_ bus.DeadLetters  = (*Bus)(nil)
)

// FromConnectionString connects with a key; with UseDevelopmentEmulator=true also to an emulator. It needs the rights
// Send and Listen. It makes no call; a wrong key is found by the first one.
func FromConnectionString(connection string) (*Bus, error) {
	client, err := azservicebus.NewClientFromConnectionString(connection, options())
	if err != nil {
		return nil, fmt.Errorf("read the Service Bus connection string: %w", err)
	}
	return newBus(client), nil
}

// FromCredential connects to a namespace ("name.servicebus.windows.net") as an identity that has the roles Azure Service
// Bus Data Sender and Data Receiver. It makes no call.
func FromCredential(namespace string, credential azcore.TokenCredential) (*Bus, error) {
	client, err := azservicebus.NewClient(namespace, credential, options())
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to %s: %w", namespace, err)
	}
	return newBus(client), nil
}

func options() *azservicebus.ClientOptions {
	return &azservicebus.ClientOptions{RetryOptions: azservicebus.RetryOptions{
		MaxRetries: 2, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 2 * time.Second}}
}

func newBus(client *azservicebus.Client) *Bus {
	b := &Bus{Now: time.Now, client: client}
	b.senders.open = func(queue string) (*azservicebus.Sender, error) { return client.NewSender(queue, nil) }
	b.receivers.open = func(queue string) (*azservicebus.Receiver, error) {
		return client.NewReceiverForQueue(queue, nil)
	}
	return b
}

// Close closes the connection. Calls that are under way fail.
func (b *Bus) Close(ctx context.Context) error {
	if err := b.client.Close(ctx); err != nil {
		return fmt.Errorf("close the Service Bus connection: %w", err)
	}
	return nil
}

// limited runs one call to the service within CallTime.
func limited(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, CallTime, errors.New("no answer from Service Bus within 30 s"))
	defer cancel()
	err := call(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

func hasCode(err error, code azservicebus.Code) bool {
	e, ok := errors.AsType[*azservicebus.Error](err)
	return ok && e.Code == code
}
