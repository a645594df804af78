// Package inviteguest is the function that is triggered by queue invitations: it looks a guest up and invites who is
// missing. Its work is done by pkg/invite.
package inviteguest

import (
	"time"

	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

// New returns the function. Its deadline covers a look-up, the invitation and the ledger, each with a limit of its own.
func New(step customhandler.Step) customhandler.Function {
	return customhandler.Function{
		Name:     "inviteguest",
		Queue:    message.Invitations,
		Step:     step,
		Limit:    16,
		Deadline: 2 * time.Minute,
	}
}
