package broker

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Settings describes a queue. Zero values mean what the service gives a new queue, except that DuplicateWindow 0 means no
// duplicate detection and DefaultTTL 0 that messages live for ever.
type Settings struct {
	Name             string
	LockDuration     time.Duration // 0: a minute
	MaxDeliveryCount int           // 0: 10
	DuplicateWindow  time.Duration
	DefaultTTL       time.Duration // for messages without a time to live of their own, and the longest that one may have
	// DeadLetterExpired moves messages whose time is up to the dead-letter queue; otherwise they are dropped.
	DeadLetterExpired   bool
	MaxSizeMegabytes    int           // 0: 1024
	MaxMessageKilobytes int           // 0: what the tier allows
	Status              Status        // "": Active
	AutoDeleteOnIdle    time.Duration // kept and told, not acted on
	UserMetadata        string        // likewise
	Unbatched           bool          // likewise: EnableBatchedOperations is off
	Partitioned         bool          // likewise: one partition keeps the order that a partition key asks for
	Keys                []Key         // besides those of the namespace

	// What this emulator has not: a queue that asks for one of these is refused.
	RequiresSession                 bool
	ForwardTo, ForwardDeadLettersTo string
}

// Key is a shared access key. Tokens may be signed with either of its two secrets; the second may be empty.
type Key struct {
	Name, Key, Secondary string
	Rights               []Right
}

// Right is what a key allows.
type Right string

// The rights. Manage includes the other two.
const (
	Manage Right = "Manage"
	Send   Right = "Send"
	Listen Right = "Listen"
)

// Status says what a queue may be used for, in the words of the service.
type Status string

// The statuses.
const (
	StatusActive          Status = "Active"
	StatusDisabled        Status = "Disabled"
	StatusSendDisabled    Status = "SendDisabled"
	StatusReceiveDisabled Status = "ReceiveDisabled"
)

// The reasons why queues are not created, changed or deleted.
var (
	ErrQueueExists   = errors.New("a queue of that name exists")
	ErrQueueNotFound = errors.New("no queue has that name")
	ErrNotServed     = errors.New("not served by this emulator")
	ErrBadSettings   = errors.New("bad queue settings")
)

// complete checks the settings and fills in what is left open.
func (s Settings) complete() (Settings, error) {
	s.Name = strings.Trim(s.Name, "/")
	s.LockDuration = cmp.Or(s.LockDuration, time.Minute)
	s.MaxDeliveryCount = cmp.Or(s.MaxDeliveryCount, 10)
	s.MaxSizeMegabytes = cmp.Or(s.MaxSizeMegabytes, 1024)
	s.Status = cmp.Or(s.Status, StatusActive)
	for what, asked := range map[string]bool{"sessions": s.RequiresSession,
		"forwarding": s.ForwardTo != "", "forwarding of dead letters": s.ForwardDeadLettersTo != ""} {
		if asked {
			return s, fmt.Errorf("queue %q asks for %s: %w", s.Name, what, ErrNotServed)
		}
	}
	switch {
	case s.Name == "" || len(s.Name) > 260 || strings.ContainsAny(s.Name, "$?#@*"):
		return s, fmt.Errorf("queue name %q is empty, longer than 260 characters or holds one of $?#@*: %w", s.Name, ErrBadSettings)
	case s.LockDuration < 0, s.MaxDeliveryCount < 1, s.DuplicateWindow < 0, s.DefaultTTL < 0, s.MaxSizeMegabytes < 1, s.MaxMessageKilobytes < 0:
		return s, fmt.Errorf("queue %q has a negative duration, count or size: %w", s.Name, ErrBadSettings)
	}
	switch s.Status {
	case StatusActive, StatusDisabled, StatusSendDisabled, StatusReceiveDisabled:
		return s, nil
	}
	return s, fmt.Errorf("queue %q has the status %q: %w", s.Name, s.Status, ErrBadSettings)
}
