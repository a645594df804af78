package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/graph"
	"guestlist/pkg/ledger"
	"guestlist/pkg/status"
	"guestlist/pkg/wait"
)

func guestCommand() command {
	return command{
		name: "guest", args: "ADDRESS", least: 1, most: 1,
		short: "everything that is known about one person",
		long: `The account in the directory, whether the invitation was accepted, the mail, and what every import asked for the
person and got. The directory is asked as for "guestlist doctor"; without it the rest is shown.`,
		make: noFlags(func(c *call, args []string) error { return showGuest(c, args[0]) }),
	}
}

// directoryTime is how long the directory may take: the rest is shown without it.
const directoryTime = 20 * time.Second

func showGuest(c *call, address string) error {
	p, err := status.FindPerson(c.ctx, c.services.Ledger, c.services.Blobs, csvfile.NormalAddress(address))
	if err != nil {
		return err
	}
	said := askDirectory(c, &p)
	if c.json {
		return printJSON(c.stdout, p)
	}
	printPerson(c, p, said)
	return printAppearances(c, p)
}

// askDirectory asks the directory, fills in what it says, and returns that in words.
func askDirectory(c *call, p *status.Person) string {
	client, err := c.graph("")
	if err != nil {
		return "could not be asked: " + explain(err)
	}
	ctx, cancel := context.WithTimeout(c.ctx, directoryTime)
	defer cancel()
	a, err := lookUp(ctx, client, *p)
	for try := 1; err != nil && try < tries && transient(err) && wait.For(ctx, time.Second) == nil; try++ {
		a, err = lookUp(ctx, client, *p)
	}
	switch {
	case errors.Is(err, graph.ErrNotFound):
		return "no such account"
	case err != nil:
		return "could not be asked: " + explain(err)
	}
	p.Account = &status.Account{ID: a.ID, Type: a.UserType, State: a.State, Since: a.Changed, Enabled: a.Enabled}
	p.UserID = a.ID
	text := a.UserType
	if a.State != "" {
		text += ", " + a.State
		if !a.Changed.IsZero() {
			text += " since " + stamp(a.Changed)
		}
	}
	if !a.Enabled {
		text += ", blocked from signing in"
	}
	return text
}

func lookUp(ctx context.Context, client *graph.Client, p status.Person) (graph.Account, error) {
	if p.UserID != "" {
		return client.User(ctx, p.UserID)
	}
	return client.Find(ctx, p.Address)
}

// tries is how often the directory is asked while it answers that it has trouble.
const tries = 4

func transient(err error) bool {
	e, ok := errors.AsType[*graph.Error](err)
	return ok && e.Status != 0 && (e.Class == graph.Transient || e.Class == graph.Throttled)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func printPerson(c *call, p status.Person, said string) {
	row := func(name, value string) {
		if value != "" {
			writeParagraph(c.stdout, fmt.Sprintf("%-12s", name), value)
		}
	}
	row("Guest", p.Address)
	row("User id", p.UserID)
	row("Directory", said)
	row("Invitation", invitation(p.Invitation))
	row("Mail", mailed(p))
}

func invitation(i status.Invitation) string {
	switch i.State {
	case string(ledger.Invited):
		return fmt.Sprintf("invited %s by import %s", stamp(i.At), short(i.Import))
	case string(ledger.InvitePosting):
		return fmt.Sprintf("sent %s by import %s; its result is not known yet", stamp(i.At), short(i.Import))
	}
	return "none by Guestlist"
}

func mailed(p status.Person) string {
	m := p.Mail
	switch {
	case m.State == string(ledger.MailSent) && m.MessageID == "microsoft":
		return "by Microsoft, with the invitation"
	case m.State == string(ledger.MailSent):
		text := fmt.Sprintf("sent by import %s, Message-ID %s", short(m.Import), m.MessageID)
		if m.Repeats > 0 {
			text += fmt.Sprintf("; %s more, since the mail server's answer was lost", counted(m.Repeats, "time"))
		}
		return text
	case m.State == string(ledger.MailSending):
		return "handed to the mail server; whether it was taken is not known yet"
	case p.Invitation.State == string(ledger.Invited) && p.Invitation.Mode == "own":
		return "not sent yet"
	}
	return "none"
}

// short is as much of an import's id as lists show.
func short(id string) string { return id[:min(8, len(id))] }

func printAppearances(c *call, p status.Person) error {
	for _, a := range p.Imports {
		fmt.Fprintln(c.stdout)
		writeParagraph(c.stdout, "", fmt.Sprintf("Import %s, source %s, file %s, received %s", short(a.Import), a.Source, a.File, stamp(a.Received)))
		if a.Guest != nil {
			if err := status.PrintGuests(c.stdout, []status.Guest{*a.Guest}); err != nil {
				return err
			}
		}
		for _, r := range a.Rejected {
			for _, f := range r.Problems {
				writeParagraph(c.stdout, fmt.Sprintf("Line %d was rejected: ", r.Line), f.Code+": "+f.Text)
			}
		}
	}
	return nil
}
