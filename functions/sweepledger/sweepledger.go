// Package sweepledger is the function that a timer triggers every minute: it looks after what messages cannot. Its work is
// done by pkg/sweep.
package sweepledger

import (
	"context"
	"time"

	"guestlist/pkg/customhandler"
)

// New returns the function. A round that takes longer than its deadline goes on at the next tick.
func New(run func(ctx context.Context) error) customhandler.Timer {
	return customhandler.Timer{Name: "sweepledger", Run: run, Deadline: 10 * time.Minute}
}
