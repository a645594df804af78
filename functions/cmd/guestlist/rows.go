package main

import (
	"fmt"
	"slices"

	"guestlist/pkg/ledger"
	"guestlist/pkg/policy"
	"guestlist/pkg/status"
)

// printRows lists guests and rejected rows, and says what was left out.
func printRows(c *call, d details, all bool) error {
	if len(d.Guests) > 0 {
		fmt.Fprintln(c.stdout)
		if err := status.PrintGuests(c.stdout, d.Guests); err != nil {
			return err
		}
	}
	if n := d.Import.Guests - len(d.Guests); n > 0 && !all {
		c.hint("%s more, see them with: guestlist status %s -all", counted(n, "guest"), d.ID)
	}
	rows := d.Rejected
	if !all {
		rows = rows[:min(shown, len(rows))]
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(c.stdout, "\nRows that were rejected before anything was sent:")
	t := status.Table{Indent: 6, Columns: []status.Column{{Title: "LINE", Right: true}, {Title: "ADDRESS"}}}
	for _, r := range rows {
		t.Row(fmt.Sprint(r.Line), r.Address)
		for _, p := range r.Problems {
			t.Note(p.Code + ": " + p.Text)
		}
	}
	if err := t.Write(c.stdout); err != nil {
		return err
	}
	if n := len(d.Rejected) - len(rows); n > 0 {
		c.hint("%s more, see them with: guestlist status %s -all", counted(n, "rejected row"), d.ID)
	}
	return nil
}

// next says what a person can do about an import in its present state, with commands to copy.
func next(c *call, d details) {
	var todo [][2]string // command, what it does
	add := func(does, command string) { todo = append(todo, [2]string{command, does}) }
	switch i := d.Import; {
	case i.State == string(ledger.Held):
		switch i.Code {
		case "policy.invalid":
		case policy.TooManyGuests:
			add("let this one file pass", "guestlist approve "+i.ID)
			add("let every file of the source be as large, and do what this one asks for", "guestlist source add "+i.Source+" -from "+i.ID)
		default:
			add("allow exactly what the file asks for", "guestlist source add "+i.Source+" -from "+i.ID)
		}
		add("allow what you wrote down", "guestlist source add "+i.Source+" -file POLICY")
		add("give the file up", "guestlist cancel "+i.ID)
	case !i.Settled():
		add("follow it", "guestlist status "+i.ID+" -watch")
		if i.State != "cancelled" {
			add("start nothing more", "guestlist cancel "+i.ID)
		}
	case i.State == string(ledger.Broken):
		add("start it again, when the cause is mended", "guestlist deadletters replay "+i.ID)
	case d.Guests == nil:
		add("what became of its rows, and why", "guestlist status "+i.ID)
	case slices.ContainsFunc(d.Guests, failed):
		add("what failed and can be sent again", "guestlist deadletters list "+i.ID)
		add("send it again, when the cause is mended", "guestlist deadletters replay "+i.ID)
	}
	if d.Files != nil && d.Files.ToCorrect != "" && (len(d.Rejected) > 0 || slices.ContainsFunc(d.Guests, refused)) {
		c.hint("\nTo have what was rejected tried again, correct the file of rows to correct, or the policy, and drop that file.")
	}
	printTodo(c, todo)
}

func printTodo(c *call, todo [][2]string) {
	wide := 0
	for _, t := range todo {
		wide = max(wide, len(t[0]))
	}
	for n, t := range todo {
		if n == 0 {
			c.hint("\nNext:")
		}
		c.hint("  %-*s   %s", wide, t[0], t[1])
	}
}

func failed(g status.Guest) bool {
	return g.Invite == ledger.Failed || slices.ContainsFunc(access(g), func(a status.Access) bool { return a.Outcome == ledger.Failed })
}

func refused(g status.Guest) bool {
	return slices.ContainsFunc(access(g), func(a status.Access) bool { return a.Outcome == ledger.Rejected })
}

func access(g status.Guest) []status.Access { return slices.Concat(g.Groups, g.Applications) }
