package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
	"guestlist/pkg/status"
)

func lettersReplayCommand() command {
	return command{
		name: "deadletters replay", args: "IMPORT | -event NUMBER", most: 1, changes: true, queues: true,
		short: "send again what failed",
		long: `Sends the failed steps of an import again, all or those that the flags select, or one upload event. Mend the cause
first. The results are then written anew, as the next revision. What was done is not done twice.`,
		make: func(fs *flag.FlagSet) body {
			code := fs.String("code", "", "only failures with this `CODE`")
			guest := fs.String("guest", "", "only the guest with this `ADDRESS`")
			event := fs.Int64("event", 0, "send the upload event with this `NUMBER` again")
			check := func(args []string) error {
				switch {
				case *event != 0 && (len(args) > 0 || *code != "" || *guest != ""):
					return errors.New("-event goes without IMPORT, -code and -guest")
				case *event == 0 && len(args) == 0:
					return errors.New("say which IMPORT, or which -event")
				}
				return nil
			}
			return body{check, func(c *call, args []string) error {
				if *event != 0 {
					return replayEvent(c, *event)
				}
				return replayImport(c, args[0], picked{*code, *guest})
			}}
		},
	}
}

// picked is what -code and -guest select.
type picked struct{ code, guest string }

func (p picked) String() string {
	var s []string
	if p.guest != "" {
		s = append(s, "of guest "+p.guest)
	}
	if p.code != "" {
		s = append(s, "with code "+p.code)
	}
	return strings.Join(s, " ")
}

func replayEvent(c *call, number int64) error {
	if err := c.ask(fmt.Sprintf("Send upload event %d again?", number)); err != nil {
		return err
	}
	if err := c.replay().RunEvent(c.ctx, number); err != nil {
		return err
	}
	defer c.hint("Its import appears in: guestlist status")
	return c.say(map[string]any{"event": number, "sent": true}, "Upload event %d was sent again.", number)
}

func replayImport(c *call, prefix string, p picked) error {
	i, err := status.Find(c.ctx, c.services.Ledger, prefix)
	if err != nil {
		return err
	}
	sel := replay.Selection{Import: i.ID, Code: p.code}
	if p.guest != "" {
		sel.Guest = message.GuestKey(p.guest)
	}
	question, err := replayQuestion(c, i, sel, p)
	if err != nil {
		return err
	}
	if err := c.ask(question); err != nil {
		return err
	}
	res, err := c.replay().Run(c.ctx, sel)
	if err != nil {
		return err
	}
	defer c.hint("Follow it with: guestlist status %s -watch", i.ID)
	if i.State == string(ledger.Broken) {
		return c.say(res, "Import %s was started again.", i.ID)
	}
	return c.say(res, "%s for %s sent again.", counted(res.Messages, "step"), counted(res.Guests, "guest"))
}

// replayQuestion counts what would be sent. Nothing to send is a failure, before anybody is asked.
func replayQuestion(c *call, i status.Import, sel replay.Selection, p picked) (string, error) {
	if i.State == string(ledger.Broken) {
		return fmt.Sprintf("Import %s (%s) failed as a whole (%s). Start it again?", i.ID, i.File, i.Code), nil
	}
	n, err := c.replay().Count(c.ctx, sel)
	switch {
	case err != nil:
		return "", err
	case n > 0:
		return fmt.Sprintf("Send again what failed for %s of import %s (%s)?", counted(n, "guest"), i.ID, i.File), nil
	case p == picked{}:
		return "", &message.Failure{Code: "replay.nothing", Text: fmt.Sprintf("Import %s (%s) has no failed step, so there is nothing to send again.", i.ID, i.File)}
	}
	return "", &message.Failure{Code: "replay.nothing", Text: fmt.Sprintf("Import %s (%s) has no failed step %s. See what failed with: guestlist deadletters list %s",
		i.ID, i.File, p, i.ID)}
}
