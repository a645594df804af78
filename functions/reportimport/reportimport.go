// Package reportimport is the function that is triggered by queue reports: it writes the results of an import that has
// ended. Its work is done by pkg/report.
package reportimport

import (
	"time"

	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

// New returns the function. Two reports at a time bound the memory: each holds one part of an import's entries.
func New(step customhandler.Step) customhandler.Function {
	return customhandler.Function{
		Name:     "reportimport",
		Queue:    message.Reports,
		Step:     step,
		Limit:    2,
		Patience: 5 * time.Second,
		Deadline: 15 * time.Minute,
	}
}
