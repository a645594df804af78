package crashmatrix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/replay"
	"guestlist/pkg/report"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
	"guestlist/pkg/work"
)

const (
	group       = "3b0c2f5e-8d41-4f6a-9c1e-6a7d5b2e1f01"
	unknown     = "7e94d1a8-25c3-4b7f-8e60-1c9f3a5d7b02" // a group that the policy allows and the directory does not have
	application = "1f6d8c3a-4e72-4a95-b0d1-5c8e2f7a9b11"
	header      = "Email,DisplayName,InvitationText,InviteRedirectUrl,InvitedToApplications,InvitedToGroups,CcEmailAddress,Language\n"
)

// directory is the tenant before a cell.
func directory() entra.Seed {
	return entra.Seed{
		VerifiedDomains: []string{"contoso.onmicrosoft.com", "contoso.example"},
		Users: []entra.User{
			{DisplayName: "Dieter", Mail: "dieter@partner.example", UserType: "Guest", CreationType: "Invitation"},
			{DisplayName: "Rita", Mail: "rita@partner.example", UserType: "Guest", CreationType: "Invitation"},
			{DisplayName: "Sam", Mail: "sam@partner.example", UserType: "Guest", CreationType: "Invitation"},
			{DisplayName: "Invitations", Mail: "invitations@contoso.example"},
		},
		Groups:       []entra.Group{{ID: group, DisplayName: "Engineers"}},
		Applications: []entra.Application{{AppID: application, DisplayName: "Timesheets"}},
	}
}

// scenario is something that happens. The acts that it is there for are those that no earlier scenario passes, and those
// that begin with a word of also.
type scenario struct {
	name     string
	settings map[string]string
	also     []string
	// prepare leaves something behind before the handlers start; drive does what happens afterwards.
	prepare, drive func(*world) error
	letters        int    // dead letters in the end
	want           string // see world.state
}

// everybody are the users that are there before every scenario, without whom no state would be complete.
const everybody = `user dieter@partner.example, 0 mails by Microsoft
user invitations@contoso.example, 0 mails by Microsoft
user rita@partner.example, 0 mails by Microsoft
user sam@partner.example, 0 mails by Microsoft
`

var scenarios = []*scenario{
	{
		name:     "own mail",
		settings: map[string]string{"MAIL_PER_MINUTE": "6000", "MAIL_PER_DAY": "10000"},
		drive: func(w *world) error {
			return w.drop("partners.csv", header+
				"ana@partner.example,Ana,Welcome,,"+application+","+group+",lead@contoso.example,en\n"+
				"dieter@partner.example,Dieter,,,,"+group+",,\n"+
				"rita@partner.example,Rita,,,,"+group+",,\n"+ // the third, so that one of two workers writes two at once
				"nobody,Nobody,,,,,,\n")
		},
		want: `user ana@partner.example, 0 mails by Microsoft
` + everybody + `group Engineers: ana@partner.example dieter@partner.example rita@partner.example
application Timesheets: ana@partner.example
mail to ana@partner.example: 1
mail to lead@contoso.example: 1
partners.csv: ana@partner.example done
partners.csv: dieter@partner.example done
partners.csv: rita@partner.example done
partners.csv: nobody rejected email.invalid`,
	},
	{
		name:     "mail by Microsoft",
		settings: map[string]string{"MAIL_MODE": "microsoft"},
		also:     []string{"inviteguest/ledger", "inviteguest/graph"},
		drive: func(w *world) error {
			return w.drop("partners.csv", header+"ana@partner.example,Ana,,,,"+group+",,\n")
		},
		want: `user ana@partner.example, 1 mails by Microsoft
` + everybody + `group Engineers: ana@partner.example
application Timesheets:
partners.csv: ana@partner.example done`,
	},
	{
		name:     "mail by Exchange",
		settings: map[string]string{"MAIL_MAILBOX": "invitations@contoso.example", "MAIL_FROM": "invitations@contoso.example"},
		drive: func(w *world) error {
			return w.drop("partners.csv", header+"ana@partner.example,Ana,,,,,,\n")
		},
		want: `user ana@partner.example, 0 mails by Microsoft
` + everybody + `group Engineers:
application Timesheets:
mail to ana@partner.example: 1
partners.csv: ana@partner.example done`,
	},
	{ // the redeem link was lost, and the directory failed a moment ago
		name:     "a link that is lost",
		settings: everyHostSweeps,
		also:     []string{"notifyguest/ledger.SaveGuest"},
		prepare: func(w *world) error {
			return errors.Join(w.invited("rita@partner.example", ledger.MailNone), w.troubled())
		},
		drive: func(w *world) error {
			return errors.Join(w.swept(), w.drop("partners.csv", header+"rita@partner.example,Rita,,,,,,\n"))
		},
		want: everybody + `group Engineers:
application Timesheets:
mail to rita@partner.example: 1
partners.csv: rita@partner.example already`,
	},
	{ // the directory failed a moment ago, and answers while a file is read
		name:     "a file ends a failure",
		settings: everyHostSweeps,
		prepare:  (*world).troubled,
		drive: func(w *world) error {
			return errors.Join(w.swept(), w.drop("partners.csv", header+"dieter@partner.example,Dieter,,,,"+unknown+",,\n"))
		},
		want: everybody + `group Engineers:
application Timesheets:
partners.csv: dieter@partner.example rejected group.unknown`,
	},
	{ // five guests in a row meet an outage: the breaker opens, they wait, a probe closes it
		name:     "an outage",
		settings: map[string]string{"SWEEP_SCHEDULE": "*/2 * * * * *"},
		also:     []string{"inviteguest/ledger.UpdateEntry", "sweepledger/ledger.UpdateEntries"},
		prepare: func(w *world) error {
			return w.entra.SetFault(entra.Fault{Operation: "lookup", Status: 503, Count: 1000})
		},
		drive: func(w *world) error {
			rows := header
			for _, name := range five {
				rows += name + "@partner.example," + name + ",,,,,,\n"
			}
			return errors.Join(w.drop("partners.csv", rows), w.over())
		},
		want: users(five...) + "group Engineers:\napplication Timesheets:\n" + mails(five...) + rows("partners.csv", five, "done"),
	},
	{ // a write of several members is refused for a reason that nobody knows: they are added one by one
		name: "members one by one",
		prepare: func(w *world) error {
			return errors.Join(w.entra.SetFault(entra.Fault{Operation: "member", Method: "PATCH", Status: 503}),
				w.entra.SetFault(entra.Fault{Operation: "member", Method: "PATCH", Status: 400, Message: "no", Count: 3}))
		},
		drive: func(w *world) error {
			return w.drop("partners.csv", header+"dieter@partner.example,Dieter,,,,"+group+",,\nrita@partner.example,Rita,,,,"+group+",,\n"+
				"sam@partner.example,Sam,,,,"+group+",,\n")
		},
		want: everybody + `group Engineers: dieter@partner.example rita@partner.example sam@partner.example
application Timesheets:
partners.csv: dieter@partner.example done
partners.csv: rita@partner.example done
partners.csv: sam@partner.example done`,
	},
	{ // what is refused for good, and what nobody can read
		name: "dead letters",
		also: []string{"inviteguest/ledger.UpdateEntry", "assignaccess/ledger.UpdateEntry", "notifyguest/ledger"},
		prepare: func(w *world) error {
			return errors.Join(w.garbage(message.Uploads), w.garbage(message.Reports), w.entra.SetFault(entra.Fault{Operation: "invite", Address: "ivo@partner.example", Status: 400, Message: "no", Count: 99}),
				w.entra.SetFault(entra.Fault{Operation: "approle", Method: "POST", Status: 400, Message: "no", Count: 99}),
				w.mailbox.SetFaults(mailbox.Fault{Kind: mailbox.Reject, Address: "noa@"}))
		},
		drive: func(w *world) error {
			return w.drop("partners.csv", header+"ivo@partner.example,Ivo,,,,,,\nnoa@partner.example,Noa,,,,,,\ndieter@partner.example,Dieter,,,"+application+","+group+",,\n")
		},
		letters: 5,
		want: `user dieter@partner.example, 0 mails by Microsoft
user invitations@contoso.example, 0 mails by Microsoft
user noa@partner.example, 0 mails by Microsoft
user rita@partner.example, 0 mails by Microsoft
user sam@partner.example, 0 mails by Microsoft
group Engineers: dieter@partner.example
application Timesheets:
dead letters in uploads: 1
dead letters in invitations: 1
dead letters in assignments: 1
dead letters in notifications: 1
dead letters in reports: 1
partners.csv: ivo@partner.example failed graph.refused
partners.csv: noa@partner.example partial mail.refused
partners.csv: dieter@partner.example partial graph.refused`,
	},
	{ // a dead letter whose cause was mended, replayed by an operator whose command died before it removed the letter
		name:     "replay",
		settings: map[string]string{"SWEEP_SCHEDULE": "*/2 * * * * *"},
		prepare: func(w *world) error {
			return w.entra.SetFault(entra.Fault{Operation: "approle", Method: "POST", Status: 400, Message: "no"})
		},
		drive: func(w *world) error {
			err := w.drop("partners.csv", header+"dieter@partner.example,Dieter,,,"+application+",,,\n")
			if err == nil {
				err = w.settle(1)
			}
			if err != nil {
				return err
			}
			r := replay.Replay{Ledger: w.services.Ledger, Bus: w.services.Bus, DeadLetters: forgetful{w.services.Bus}}
			_, err = r.Run(w.ctx, replay.Selection{Import: w.imports[0]})
			return err
		},
		want: everybody + `group Engineers:
application Timesheets: dieter@partner.example
partners.csv: dieter@partner.example done`,
	},
	{ // messages that were lost, and an import that was cancelled
		name:     "lost and cancelled",
		settings: map[string]string{"SWEEP_SCHEDULE": "*/2 * * * * *"},
		also:     []string{"sweepledger/ledger", "sweepledger/bus.Send"},
		prepare: func(w *world) error {
			row := func(name string) string { return header + name + "@partner.example," + name + ",,,,,,\n" }
			return errors.Join(w.lose("stage.csv", row("ana"), message.Stage), w.lose("invite.csv", row("bea"), message.Invite),
				w.lose("report.csv", header, message.Report), w.lose("cancelled.csv", row("cleo"), message.Invite),
				func() error { _, err := sweep.Cancel(w.ctx, w.services.Ledger, w.imports[3]); return err }())
		},
		want: users(five[:2]...) + "group Engineers:\napplication Timesheets:\n" + mails(five[:2]...) + `stage.csv: ana@partner.example done
invite.csv: bea@partner.example done
report.csv: rejected file.empty
cancelled.csv: cleo@partner.example cancelled import.cancelled`,
	},
	{ // results cannot be written at first
		name:     "a report that waits",
		settings: map[string]string{"SWEEP_SCHEDULE": "*/2 * * * * *"},
		prepare: func(w *world) error {
			return errors.Join(w.lose("partners.csv", header+"nobody,Nobody,,,,,,\n", message.Report), w.spoil("header.json"))
		},
		drive: (*world).restore,
		want: everybody + `group Engineers:
application Timesheets:
partners.csv: nobody rejected email.invalid`,
	},
	{ // a guest who has been invited and waits for the mail, when the import is cancelled
		name:     "a link that nobody needs",
		settings: map[string]string{"SWEEP_SCHEDULE": "*/2 * * * * *"},
		prepare: func(w *world) error {
			return errors.Join(w.lose("cancelled.csv", header+"rita@partner.example,Rita,,,,,,\n", message.Invite),
				w.invited("rita@partner.example", ledger.MailNone), w.linked("rita@partner.example"),
				func() error { _, err := sweep.Cancel(w.ctx, w.services.Ledger, w.imports[0]); return err }())
		},
		want: everybody + `group Engineers:
application Timesheets:
cancelled.csv: rita@partner.example cancelled import.cancelled`,
	},
	{ // an import that ended long ago is removed: entries, grants, files, its dead letter, the row
		name:     "purge",
		settings: map[string]string{"SWEEP_SCHEDULE": "*/2 * * * * *", "PURGE_AFTER": "8s"},
		prepare: func(w *world) error {
			return w.entra.SetFault(entra.Fault{Operation: "approle", Method: "POST", Status: 400, Message: "no", Count: 99})
		},
		drive: func(w *world) error {
			err := w.drop("partners.csv", header+"dieter@partner.example,Dieter,,,"+application+","+group+",,\n")
			return errors.Join(err, w.purged())
		},
		want: everybody + `group Engineers: dieter@partner.example
application Timesheets:`,
	},
}

var five = []string{"ana", "bea", "cleo", "dora", "eva"}

func each(names []string, format string) (all string) {
	for _, n := range names {
		all += fmt.Sprintf(format, n)
	}
	return all
}

// users are everybody and some who were invited, in order.
func users(names ...string) string {
	all := strings.SplitAfter(strings.TrimSuffix(everybody, "\n")+"\n"+each(names, "user %s@partner.example, 0 mails by Microsoft\n"), "\n")
	slices.Sort(all)
	return strings.Join(all, "")
}

func mails(names ...string) string { return each(names, "mail to %s@partner.example: 1\n") }

func rows(file string, names []string, outcome string) string {
	all := each(names, file+": %s@partner.example "+outcome+"\n")
	return all[:len(all)-1]
}

// everyHostSweeps lets every worker know soon what the breaker's row says.
var everyHostSweeps = map[string]string{"SWEEP_SCHEDULE": "* * * * * *", "EVERY_HOST_SWEEPS": "yes"}

// swept waits until each worker has swept.
func (w *world) swept() error {
	return w.until("all workers have swept", func() (bool, error) {
		n, err := w.recorded()
		return n["sweepledger/host.Answer"] >= 4, err
	})
}

// over ends the directory's outage as soon as the breaker is open.
func (w *world) over() error {
	err := w.until("the breaker is open", func() (bool, error) {
		b, err := w.services.Ledger.Breaker(w.ctx)
		return b.Open, err
	})
	req, bad := http.NewRequestWithContext(w.ctx, http.MethodDelete, w.entra.ControlURL()+"/faults", nil)
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// invited makes the row of a guest whom an earlier import has invited, without a link.
func (w *world) invited(address string, mail ledger.MailState) error {
	g, err := w.services.Ledger.Claim(w.ctx, message.GuestKey(address), "earlier", time.Second)
	if err != nil {
		return err
	}
	now, err := w.services.Ledger.Now(w.ctx)
	if err != nil {
		return err
	}
	for _, u := range w.entra.State().Users {
		if u.Mail == address {
			g.UserID = u.ID
		}
	}
	g.Invite, g.Mode, g.InvitedBy, g.Confirmed, g.Mail, g.Holder = ledger.Invited, "own", "earlier", now, mail, ""
	_, err = w.services.Ledger.SaveGuest(w.ctx, g)
	return err
}

// linked gives a guest's row a redeem link.
func (w *world) linked(address string) error {
	g, err := w.services.Ledger.Claim(w.ctx, message.GuestKey(address), "earlier", time.Second)
	if err != nil {
		return err
	}
	g.RedeemURL, g.Holder = "https://login.example/redeem", ""
	_, err = w.services.Ledger.SaveGuest(w.ctx, g)
	return err
}

// purged waits until nothing tells of the first import any more, and looks for files that were left.
func (w *world) purged() error {
	id := w.imports[0]
	err := w.until("the import was there and is gone", func() (bool, error) {
		n, err := w.recorded()
		if err != nil || n["sweepledger/ledger.DeleteImport"] == 0 {
			return false, err
		}
		_, err = w.services.Ledger.Import(w.ctx, id)
		if errors.Is(err, ledger.ErrNotFound) {
			return true, nil
		}
		return false, err
	})
	for _, container := range []string{work.Container, report.Container} {
		for b, bad := range w.services.Blobs.List(w.ctx, container, "") {
			err = errors.Join(err, bad, fmt.Errorf("%s/%s was left", container, b.Path))
		}
	}
	w.imports = nil
	return err
}

// troubled notes an outage that one guest has met.
func (w *world) troubled() error {
	_, err := w.services.Ledger.UpdateBreaker(w.ctx, func(b *ledger.Breaker, now time.Time) error {
		b.Failures = []ledger.BreakerFailure{{Operation: "find user", Cause: "outage", Import: "earlier", Guest: "earlier", Count: 1, First: now, Last: now}}
		return nil
	})
	return err
}

// lose lets a planner work on a file until it sends the given kind of message, which is lost.
func (w *world) lose(name, content string, kind message.Kind) error {
	m, err := w.upload(name, content)
	if err != nil {
		return err
	}
	sent := &captive{next: []message.Message{m}}
	p := plan.Planner{Ledger: w.services.Ledger, Blobs: w.services.Blobs, Bus: sent, Window: roomy{}, RedirectURL: "https://myapplications.microsoft.com",
		MailMode: "own", Now: time.Now}
	for len(sent.next) > 0 {
		m, sent.next = sent.next[0], sent.next[1:]
		if m.Kind == kind || m.Kind == message.Invite || m.Kind == message.Report {
			continue
		}
		if err := p.Do(w.ctx, m); err != nil {
			return fmt.Errorf("%s of %s: %w", m.Kind, name, err)
		}
	}
	return nil
}

// captive keeps what is sent.
type captive struct{ next []message.Message }

// Send implements bus.Sender.
func (c *captive) Send(_ context.Context, msgs ...message.Message) error {
	c.next = append(c.next, msgs...)
	return nil
}

// roomy is a window without limits.
type roomy struct{}

// Room lets everything pass.
func (roomy) Room(context.Context, string) (window.Room, error) {
	return window.Room{Invites: 100}, nil
}

// forgetful removes no dead letter.
type forgetful struct{ bus.DeadLetters }

// Remove implements bus.DeadLetters.
func (forgetful) Remove(context.Context, string, int, func(bus.DeadLetter) bool) (int, error) {
	return 0, nil
}

// spoil makes a work file of the first import unreadable.
func (w *world) spoil(name string) error {
	i, err := w.services.Ledger.Import(w.ctx, w.imports[0])
	if err != nil {
		return err
	}
	w.spoilt.path = work.Path(i.Work(), name)
	r, _, err := w.services.Blobs.Open(w.ctx, work.Container, w.spoilt.path, "")
	if err != nil {
		return err
	}
	w.spoilt.content, err = io.ReadAll(r)
	return errors.Join(err, r.Close(), w.put(w.spoilt.path, []byte("{")))
}

func (w *world) put(path string, content []byte) error {
	b := w.services.Blobs.Create(w.ctx, work.Container, path)
	_, err := b.Write(content)
	return errors.Join(err, b.Close())
}

// restore brings the file back when a report has failed on it.
func (w *world) restore() error {
	err := w.until("a report is tried again", func() (bool, error) {
		i := slices.IndexFunc(w.bus.Stats(), func(q servicebus.QueueStats) bool { return q.Name == message.Reports && q.Scheduled > 0 })
		return i >= 0, nil
	})
	return errors.Join(err, w.put(w.spoilt.path, w.spoilt.content))
}
