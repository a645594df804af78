// Package wait waits for a time to pass, and no longer than a context allows.
package wait

import (
	"context"
	"time"
)

// For returns nil after d, or the cause of ctx's end as soon as it ends. It may be called with a d that is not positive: then
// it does not wait.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
