package status

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// lateAfter is how long after its due time a message counts as late: what is sent may stand in its queue for ten minutes, and
// a message that is put off for less than that does not tell the ledger. The sweep takes it for lost after half an hour.
const lateAfter = 15 * time.Minute

// mostLate bounds the count.
const mostLate = 1000

// Late is what should have been worked on and was not: services are away, or the Function App does not run. The messages wait.
type Late struct {
	Guests int  `json:"guests"`         // with a step that is late, up to 1000
	File   bool `json:"file,omitempty"` // the file's own message, which reads or plans it, is late
}

// Dues is the part of the ledger that tells what is late.
type Dues interface {
	Now(ctx context.Context) (time.Time, error)
	DueBefore(ctx context.Context, importID string, t time.Time) iter.Seq2[string, error]
}

// FindLate returns what is late of an import; nil if nothing is.
func FindLate(ctx context.Context, l Dues, i Import) (*Late, error) {
	if i.Open == 0 && i.Due.IsZero() || i.State == "cancelled" {
		return nil, nil
	}
	now, err := l.Now(ctx)
	if err != nil {
		return nil, err
	}
	limit := now.Add(-lateAfter)
	late := Late{File: !i.Due.IsZero() && i.Due.Before(limit)}
	for _, err := range l.DueBefore(ctx, i.ID, limit) {
		if err != nil {
			return nil, fmt.Errorf("look for late guests of import %s: %w", i.ID, err)
		}
		if late.Guests++; late.Guests == mostLate {
			break
		}
	}
	if late == (Late{}) {
		return nil, nil
	}
	return &late, nil
}
