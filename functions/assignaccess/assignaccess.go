// Package assignaccess is the function that is triggered by queue assignments: it gives a guest one group or application.
// Its work is done by pkg/assign.
package assignaccess

import (
	"time"

	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

// New returns the function.
func New(step customhandler.Step) customhandler.Function {
	return customhandler.Function{
		Name:     "assignaccess",
		Queue:    message.Assignments,
		Step:     step,
		Limit:    64,
		Deadline: 2 * time.Minute,
	}
}
