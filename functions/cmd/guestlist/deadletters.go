package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"guestlist/pkg/message"
	"guestlist/pkg/replay"
	"guestlist/pkg/status"
)

func (c *call) replay() *replay.Replay {
	return &replay.Replay{Ledger: c.services.Ledger, Bus: c.services.Bus, DeadLetters: c.services.Bus}
}

// letter is a dead letter as it is printed.
type letter struct {
	Queue      string    `json:"queue"`
	Sequence   int64     `json:"sequence"`
	Since      time.Time `json:"since"`
	Kind       string    `json:"kind"`
	Import     string    `json:"import,omitempty"`
	Source     string    `json:"source,omitempty"`
	File       string    `json:"file,omitempty"`
	Lines      []int     `json:"lines,omitempty"`
	Guest      string    `json:"guest,omitempty"`
	Target     string    `json:"target,omitempty"`
	Code       string    `json:"code"`
	Text       string    `json:"text"`
	Generation int       `json:"generation"`
}

func printable(l replay.Letter) letter {
	out := letter{Queue: l.Queue, Sequence: l.Sequence, Since: l.Enqueued, Kind: string(l.Message.Kind), Import: l.Message.Import,
		Source: l.Source, File: l.File, Lines: l.Lines, Guest: l.Address, Code: l.Reason, Text: l.Description, Generation: l.Message.Generation}
	if l.Target != nil {
		out.Target = string(l.Target.Kind) + " " + l.Target.Name
		if l.Target.Name == "" {
			out.Target += l.Target.ID
		}
	}
	if l.Unreadable != nil {
		out.Kind = "unreadable"
	}
	return out
}

func lettersList(c *call, args []string) error {
	if len(args) > 1 {
		return errUsage
	}
	id := ""
	if len(args) == 1 {
		i, err := status.Find(c.ctx, c.services.Ledger, args[0])
		if err != nil {
			return err
		}
		id = i.ID
	}
	all, err := c.replay().List(c.ctx, id)
	if err != nil {
		return err
	}
	out := make([]letter, 0, len(all))
	for _, l := range all {
		out = append(out, printable(l))
	}
	if c.json {
		return printJSON(c.stdout, out)
	}
	if len(out) == 0 {
		fmt.Fprintln(c.stderr, "No dead letters.")
		return nil
	}
	return printLetters(c, out)
}

func printLetters(c *call, all []letter) error {
	t := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "QUEUE\tNO\tSINCE\tIMPORT\tFILE\tLINES\tGUEST\tTARGET\tREASON")
	for _, l := range all {
		lines := ""
		if b, err := json.Marshal(l.Lines); err == nil && len(l.Lines) > 0 {
			lines = string(b[1 : len(b)-1])
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s: %s\n", l.Queue, l.Sequence, l.Since.UTC().Format("01-02 15:04Z"), l.Import, l.File,
			lines, l.Guest, l.Target, l.Code, l.Text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(c.stderr, "\nMend the cause, then: guestlist deadletters replay IMPORT [-code CODE] [-guest ADDRESS]; for an upload event: deadletters replay -event NO")
	return nil
}

func lettersReplayCommand() command {
	var code, guest string
	var event int64
	return command{
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&code, "code", "", "only failures with this `CODE`")
			fs.StringVar(&guest, "guest", "", "only the guest with this `ADDRESS`")
			fs.Int64Var(&event, "event", 0, "send upload event `NO` again")
		},
		do: func(c *call, args []string) error {
			switch {
			case event != 0 && len(args) == 0:
				return replayEvent(c, event)
			case event != 0 || len(args) != 1:
				return errUsage
			}
			sel := replay.Selection{Code: code}
			if guest != "" {
				sel.Guest = message.GuestKey(guest)
			}
			return replayImport(c, args[0], sel)
		},
	}
}

func replayEvent(c *call, sequence int64) error {
	if err := c.replay().RunEvent(c.ctx, sequence); err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "Event %d was sent again.\n", sequence)
	return nil
}

func replayImport(c *call, prefix string, sel replay.Selection) error {
	i, err := status.Find(c.ctx, c.services.Ledger, prefix)
	if err != nil {
		return err
	}
	sel.Import = i.ID
	n, err := c.replay().Count(c.ctx, sel)
	if err != nil {
		return err
	}
	if !c.ask(fmt.Sprintf("Send again what failed for %d guests of import %s (%s)?", n, i.ID, i.File)) {
		fmt.Fprintln(c.stderr, "Nothing was changed.")
		return nil
	}
	res, err := c.replay().Run(c.ctx, sel)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.stdout, res)
	}
	fmt.Fprintf(c.stdout, "%d messages for %d guests were sent again; %d dead letters are done with. Follow it with: guestlist status %s -watch\n",
		res.Messages, res.Guests, res.Removed, i.ID)
	return nil
}
