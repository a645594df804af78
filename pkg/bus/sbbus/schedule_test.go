package sbbus

import (
	"testing"
	"time"

	"guestlist/pkg/message"
)

// TestAWrongClockChangesNoSchedule: whether a time has passed is for the service to say.
func TestAWrongClockChangesNoSchedule(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for _, now := range []time.Time{due.Add(-time.Minute), due.Add(10 * time.Minute)} {
		order, groups := group([]message.Message{{Kind: message.Invite, At: due}, {Kind: message.Invite}}, now)
		if len(order) != 2 || groups[order[0]][0].ScheduledEnqueueTime == nil || !groups[order[0]][0].ScheduledEnqueueTime.Equal(due) ||
			groups[order[1]][0].ScheduledEnqueueTime != nil {
			t.Errorf("at %s: %v", now, groups)
		}
	}
}
