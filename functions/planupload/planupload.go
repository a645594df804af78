// Package planupload is the function that is triggered by queue uploads: it turns an event of blob storage into an import,
// reads the file and plans what to do for whom. Its work is done by pkg/plan.
package planupload

import (
	"time"

	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

// New returns the function. One process reads one file at a time, since a stage uses memory; events and plans are short.
func New(step customhandler.Step) customhandler.Function {
	return customhandler.Function{
		Name:          "planupload",
		Queue:         message.Uploads,
		Step:          step,
		Limit:         8,
		Limits:        map[message.Kind]int{message.Stage: 1},
		Patience:      5 * time.Second, // many files at once must not keep plans and events from the host's places
		MaxDeliveries: 150,             // the queue's own limit is 200
		Deadline:      25 * time.Minute,
	}
}
