// Package bus is the contract between Guestlist's steps and a message broker. The adapter to Azure Service Bus is
// pkg/bus/sbbus; steps know this package only.
package bus

import (
	"context"
	"errors"
	"time"

	"guestlist/pkg/message"
)

// ErrLockLost means that the lock token no longer stands for a locked message: it expired or was settled. The broker
// will deliver the message again, or has settled it.
var ErrLockLost = errors.New("the message's lock is lost")

// ErrRefused means that the broker did not accept a message: the queue is full, the broker is busy, or it cannot be reached.
// That says nothing against the message, and costs no attempt.
var ErrRefused = errors.New("no messages are taken now")

// Sender sends messages.
type Sender interface {
	// Send sends each message to the queue of its kind, not before its At. nil means that the broker has accepted all;
	// after an error some may have been accepted, and sending all of them again is safe (message ids repeat). The error is
	// ErrRefused unless a message itself is at fault. Send may be called from many goroutines. Messages without First get the present time; Attempt 0 is sent as 1.
	Send(ctx context.Context, msgs ...message.Message) error
}

// DeadLetterer moves a message that another process received to its queue's dead-letter queue.
type DeadLetterer interface {
	// DeadLetter settles by lock token (a GUID as text). It returns ErrLockLost if the lock is gone.
	DeadLetter(ctx context.Context, queue, lockToken, reason, description string) error
}

// DeadLetter is one message in a dead-letter queue.
type DeadLetter struct {
	Queue       string
	Sequence    int64
	Reason      string
	Description string
	Enqueued    time.Time
	Deliveries  int
	Message     message.Message
	Unreadable  error // set when the body is none of ours; Message is then empty
}

// DeadLetters reads the dead-letter queues.
type DeadLetters interface {
	// Browse returns up to limit dead letters of a queue, oldest first, without locking or removing any.
	Browse(ctx context.Context, queue string, limit int) ([]DeadLetter, error)
	// Remove completes the dead letters that remove picks, looking at up to limit, and gives the others back. It returns
	// how many it completed. A crash half-way leaves the rest where they are.
	Remove(ctx context.Context, queue string, limit int, remove func(DeadLetter) bool) (int, error)
}

// Depth is the length of one queue as an operator counts it.
type Depth struct {
	Queue                           string
	Active, Scheduled, DeadLettered int
}
