package main

import (
	"fmt"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/status"
	"guestlist/pkg/sweep"
)

func cancelCommand() command {
	return command{
		name: "cancel", args: "IMPORT", least: 1, most: 1, changes: true,
		short: "start nothing more for an import",
		long: `Nothing more is started for the import, and within a minute or two what is open ends as cancelled. Who was invited
stays invited, and access that was granted stays granted.`,
		make: noFlags(cancel),
	}
}

func cancel(c *call, args []string) error {
	i, err := status.Find(c.ctx, c.services.Ledger, args[0])
	if err != nil {
		return err
	}
	switch {
	case i.Settled() && i.State != string(ledger.Held):
		return &message.Failure{Code: "import.ended", Text: fmt.Sprintf("Import %s (%s) has ended; there is nothing left to cancel.", i.ID, i.File)}
	case i.State == "cancelled":
		return c.say(map[string]any{"import": i.ID, "cancelled": true}, "Import %s (%s) was cancelled already.", i.ID, i.File)
	}
	if err := c.ask(fmt.Sprintf("Cancel import %s (%s)? %s", i.ID, i.File, soFar(i))); err != nil {
		return err
	}
	if _, err := sweep.Cancel(c.ctx, c.services.Ledger, i.ID); err != nil {
		return err
	}
	if i.Guests > 0 {
		defer c.hint("Who was invited stays invited. Follow it with: guestlist status %s -watch", i.ID)
	}
	return c.say(map[string]any{"import": i.ID, "cancelled": true},
		"Import %s is cancelled: nothing more is started for it, and what is open ends within a minute or two.", i.ID)
}

func soFar(i status.Import) string {
	if i.Guests == 0 {
		return "Nobody was invited for it."
	}
	return fmt.Sprintf("It has %s, %d in the directory, %d open.", counted(i.Guests, "guest"), i.Invited, i.Open)
}
