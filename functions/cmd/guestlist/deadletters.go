package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/message"
	"guestlist/pkg/replay"
	"guestlist/pkg/status"
)

func (c *call) replay() *replay.Replay {
	return &replay.Replay{Ledger: c.services.Ledger, Bus: c.services.Bus, DeadLetters: c.services.Bus}
}

func lettersListCommand() command {
	return command{
		name: "deadletters list", args: "[IMPORT]", most: 1, queues: true,
		short: "what failed, for whom and why",
		long: `Lists what was tried and refused, or given up after ten attempts, of one import or of all. What was sent again is
left out. Rejected rows are no dead letters, since nothing was tried for them: "guestlist status IMPORT" has them.`,
		make: noFlags(lettersList),
	}
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
	out := letter{Queue: l.Queue, Sequence: l.Sequence, Since: l.Enqueued.UTC(), Kind: string(l.Message.Kind), Import: l.Message.Import,
		Source: l.Source, File: l.File, Lines: l.Lines, Guest: l.Address, Code: l.Reason, Text: l.Description, Generation: l.Message.Generation}
	if l.Target != nil {
		out.Target = string(l.Target.Kind) + " " + cmp.Or(l.Target.Name, l.Target.ID)
	}
	if l.Message.Kind == message.Event {
		out.File = subject(l.Message.Event)
	}
	if l.Unreadable != nil {
		out.Kind = "unreadable"
	}
	return out
}

// subject returns the blob that an upload event is about, as container/path.
func subject(event json.RawMessage) string {
	var e struct {
		Subject string `json:"subject"`
	}
	_ = json.Unmarshal(event, &e) // what is no event has no subject
	path, _ := strings.CutPrefix(e.Subject, "/blobServices/default/containers/")
	return strings.Replace(path, "/blobs/", "/", 1)
}

func lettersList(c *call, args []string) error {
	id := ""
	if len(args) == 1 {
		i, err := status.Find(c.ctx, c.services.Ledger, args[0])
		if err != nil {
			return err
		}
		id = i.ID
	}
	found, err := c.replay().List(c.ctx, id)
	if err != nil {
		return err
	}
	all := []letter{}
	for _, l := range found {
		all = append(all, printable(l))
	}
	switch {
	case c.json:
		return printJSON(c.stdout, all)
	case len(all) == 0 && id != "":
		c.hint("Import %s has no dead letters. Its rejected rows, if any: guestlist status %s", id, id)
		return nil
	case len(all) == 0:
		c.hint("No dead letters.")
		return nil
	}
	return printLetters(c, all, id == "")
}

// printLetters prints a table; the import and its file are columns of it only if there may be several.
func printLetters(c *call, all []letter, mixed bool) error {
	columns := []status.Column{{Title: "SINCE"}, {Title: "LINES", Bends: true}, {Title: "GUEST", Bends: true}, {Title: "WHAT FAILED", Bends: true}}
	if mixed {
		columns = append(columns, status.Column{Title: "IMPORT"}, status.Column{Title: "FILE", Bends: true})
	}
	t := status.Table{Indent: 2, Columns: columns}
	for _, l := range all {
		t.Row(day(l.Since), lines(l.Lines), l.Guest, l.what(), l.Import, l.File)
		t.Note(cmp.Or(l.Code, "unknown") + ": " + l.Text)
	}
	if err := t.Write(c.stdout); err != nil {
		return err
	}
	c.hint("\n%s: %s.\nNext, when the cause is mended:\n%s", counted(len(all), "dead letter"), byCode(all), remedies(all))
	return nil
}

// what names the failed step in a person's words.
func (l letter) what() string {
	switch message.Kind(l.Kind) {
	case message.Event:
		return fmt.Sprintf("upload event %d", l.Sequence)
	case message.Stage:
		return "reading the file"
	case message.Plan:
		return "planning"
	case message.Invite:
		return "invitation"
	case message.Assign:
		return cmp.Or(l.Target, "access")
	case message.Notify:
		return "mail"
	case message.Report:
		return "results"
	}
	return fmt.Sprintf("unreadable message %d in queue %s", l.Sequence, l.Queue)
}

func lines(all []int) string {
	var s []string
	for _, n := range all {
		s = append(s, fmt.Sprint(n))
	}
	return strings.Join(s, ", ")
}

func byCode(all []letter) string {
	counts := map[string]int{}
	for _, l := range all {
		counts[cmp.Or(l.Code, "unknown")]++
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[code], code))
	}
	return strings.Join(parts, ", ")
}

// remedies are the commands that send the letters again. What cannot be read was not written by Guestlist.
func remedies(all []letter) string {
	imports, events := map[string]bool{}, false
	unreadable := ""
	for _, l := range all {
		switch {
		case l.Kind == "unreadable":
			unreadable = "  An unreadable message was not sent by Guestlist. Look at it in the Azure portal, then delete it there.\n"
		case l.Kind == string(message.Event):
			events = true
		default:
			imports[l.Import] = true
		}
	}
	var b strings.Builder
	for n, id := range slices.Sorted(maps.Keys(imports)) {
		if n == 3 {
			b.WriteString("  …\n")
			break
		}
		fmt.Fprintf(&b, "  guestlist deadletters replay %s\n", id)
	}
	if len(imports) > 0 {
		b.WriteString("  (-code CODE or -guest ADDRESS: only some of them)\n")
	}
	if events {
		b.WriteString("  guestlist deadletters replay -event NUMBER\n")
	}
	return strings.TrimRight(b.String()+unreadable, "\n")
}
