package oracle

import (
	"fmt"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
)

// Busy says which queues still hold what, and counts the dead letters. The mails' messages of ten minutes hence stay: the
// last targets have sent those mails.
func Busy(queues []servicebus.QueueStats) (what string, dead int) {
	for _, q := range queues {
		dead += q.DeadLettered
		if q.Name == message.Notifications {
			q.Scheduled = 0
		}
		if q.Active+q.Locked+q.Scheduled+q.Deferred > 0 {
			what += fmt.Sprintf("%s %+v ", q.Name, q)
		}
	}
	return what, dead
}
