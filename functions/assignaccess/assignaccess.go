// Package assignaccess is the function that is triggered by queue assignments: it gives a guest one group or application.
// Its work is done by pkg/assign.
package assignaccess

import (
	"time"

	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

// Limit is how many messages a process works on at once: more than twenty, so that one write can take as many members as it
// may have.
const Limit = 64

// New returns the function. Its deadline covers the wait for company, for the write's turn, and the calls of a write that is
// taken apart.
func New(step customhandler.Step) customhandler.Function {
	return customhandler.Function{
		Name:     "assignaccess",
		Queue:    message.Assignments,
		Step:     step,
		Limit:    Limit,
		Deadline: 2 * time.Minute,
	}
}
