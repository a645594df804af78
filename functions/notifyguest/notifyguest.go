// Package notifyguest is the function that is triggered by queue notifications: it mails a guest who was invited. Its work
// is done by pkg/notify.
package notifyguest

import (
	"time"

	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

// New returns the function. Its deadline covers a wait for the provider's pace, a new redeem link, the mail and its copy,
// each with a limit of its own.
func New(step customhandler.Step) customhandler.Function {
	return customhandler.Function{
		Name:     "notifyguest",
		Queue:    message.Notifications,
		Step:     step,
		Limit:    8,
		Deadline: 4 * time.Minute,
	}
}
