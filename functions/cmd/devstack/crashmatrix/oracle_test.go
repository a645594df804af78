package crashmatrix

import (
	"encoding/csv"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"guestlist/functions/cmd/devstack/internal/oracle"
	"guestlist/pkg/ledger"
	"guestlist/pkg/report"
)

// settle waits until nothing is on its way, so many dead letters lie there, and every import is reported.
func (w *world) settle(letters int) error {
	var open string
	err := w.until("all is done", func() (bool, error) {
		what, dead := oracle.Busy(w.bus.Stats())
		// Where the broker keeps copies of a message, each copy of one that failed ends as a dead letter.
		if open = what; dead < letters || dead > letters && (w.dedup || letters == 0) {
			open += fmt.Sprintf("%d dead letters instead of %d", dead, letters)
		}
		if open != "" {
			return false, nil
		}
		known := 0
		for i, err := range w.services.Ledger.ListImports(w.ctx, false) {
			if err != nil {
				return false, err
			}
			known++
			if i.Open() {
				open = fmt.Sprintf("import %+v", i)
			}
		}
		if known < len(w.imports) {
			open = fmt.Sprintf("%d of %d imports are known", known, len(w.imports))
		}
		what, _ = oracle.Busy(w.bus.Stats()) // a sweep may have sent something meanwhile
		return open == "" && what == "", nil
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, open)
	}
	return nil
}

// state is what a run has left, in a form that calm and crashed runs share: directory, mails, dead letters, rows. What must
// hold in every state is checked on the way. Mails that came more than once are told apart.
func (w *world) state() (state string, repeated []string, err error) {
	lines := w.directory()
	sent, repeated := w.mails()
	lines = append(lines, sent...)
	for _, q := range w.bus.Stats() {
		if q.DeadLettered > 0 {
			n, bad := w.letters(q.Name)
			err = errors.Join(err, bad)
			lines = append(lines, fmt.Sprintf("dead letters in %s: %d", q.Name, n))
		}
	}
	results, bad := w.results()
	return strings.Join(append(lines, results...), "\n"), repeated, errors.Join(err, bad, w.ledger())
}

// letters counts the steps that have dead letters in a queue. Copies of one message may each leave one: where the broker keeps
// them, one of two may have waited for the other and gone on with another delay.
func (w *world) letters(queue string) (int, error) {
	list, err := w.services.Bus.Browse(w.ctx, queue, 100)
	steps := map[string]bool{}
	for _, d := range list {
		if m := d.Message; d.Unreadable != nil {
			steps[fmt.Sprint(d.Sequence)] = true
		} else {
			m.Attempt, m.Delay = 0, 0 // what is left in the id tells steps apart
			steps[m.ID()] = true
		}
	}
	return len(steps), err
}

func (w *world) directory() (lines []string) {
	s := w.entra.State()
	names := map[string]string{}
	for _, u := range s.Users {
		names[u.ID] = strings.ToLower(u.Mail)
		lines = append(lines, fmt.Sprintf("user %s, %d mails by Microsoft", u.Mail, s.Mails[strings.ToLower(u.Mail)]))
	}
	slices.Sort(lines)
	list := func(kind, name string, ids []string) {
		for i, id := range ids {
			ids[i] = names[id]
		}
		slices.Sort(ids)
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s: %s", kind, name, strings.Join(ids, " "))))
	}
	for _, g := range s.Groups {
		list("group", g.DisplayName, g.Members)
	}
	for _, a := range s.Applications {
		var who []string
		for _, m := range a.Assignments {
			who = append(who, m.PrincipalID)
		}
		list("application", a.DisplayName, who)
	}
	return lines
}

// mails lists who was mailed by us with how many different Message-IDs, and who got one of them more than once.
func (w *world) mails() (sent, repeated []string) {
	ids := map[string]map[string]int{}
	for _, m := range w.mailbox.Messages() {
		to := strings.Join(m.To, " ")
		if ids[to] == nil {
			ids[to] = map[string]int{}
		}
		if ids[to][m.MessageID]++; ids[to][m.MessageID] == 2 {
			repeated = append(repeated, to)
		}
	}
	for to, n := range ids {
		sent = append(sent, fmt.Sprintf("mail to %s: %d", to, len(n)))
	}
	slices.Sort(sent)
	return sent, repeated
}

// ledger checks what must hold of the ledger in the end: nothing open, no lease, no link of a mail that was sent.
func (w *world) ledger() error {
	var errs []error
	for i, err := range w.services.Ledger.ListImports(w.ctx, false) {
		if err != nil {
			return err
		}
		if t, err := w.services.Ledger.Tally(w.ctx, i.ID); err != nil || t.Open != 0 {
			errs = append(errs, fmt.Errorf("import of %s: tally %+v, %v", i.Path, t, err))
		}
		for part := range ledger.Parts {
			if part%(ledger.Parts/4) != 0 {
				continue // four lists see all parts, see entries
			}
			errs = append(errs, w.entries(i.ID, part))
		}
	}
	return errors.Join(errs...)
}

func (w *world) entries(importID string, part int) error {
	var errs []error
	for p := part; p < part+ledger.Parts/4; p++ {
		for e, err := range w.services.Ledger.ListEntries(w.ctx, importID, p, "") {
			if err != nil {
				return err
			}
			errs = append(errs, w.entry(e))
		}
	}
	return errors.Join(errs...)
}

func (w *world) entry(e ledger.Entry) error {
	if !e.Ended() {
		return fmt.Errorf("the entry of %s has not ended: %+v", e.Address, e)
	}
	g, err := w.services.Ledger.Guest(w.ctx, e.Guest)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil // nobody had to claim it
	case err != nil:
		return err
	case g.Holder != "":
		return fmt.Errorf("the row of %s is still held, until %s", e.Address, g.Until)
	case e.UserID != "" && !strings.Contains(everybody, e.Address) && g.Invite != ledger.Invited:
		return fmt.Errorf("the row of %s does not say that we invited it: %+v", e.Address, g)
	case e.UserID != "" && w.settings["MAIL_MODE"] == "microsoft" && (g.Mail != ledger.MailSent || g.MailID != "microsoft"):
		return fmt.Errorf("the row of %s does not say that Microsoft mailed it: %+v", e.Address, g)
	case g.RedeemURL != "":
		return fmt.Errorf("the row of %s keeps a link that no mail needs any more", e.Address)
	}
	return nil
}

// code matches the reason codes in a result's words.
var code = regexp.MustCompile(`\b[a-z]+\.[a-z-]+\b`)

// results lists each row of the last revision of each import: file, address, outcome, reasons.
func (w *world) results() (lines []string, err error) {
	for _, id := range w.imports {
		i, err := w.services.Ledger.Import(w.ctx, id)
		if err != nil {
			return nil, err
		}
		if i.Final() {
			lines = append(lines, fmt.Sprintf("%s: %s %s", i.Path, i.State, i.Code))
		}
		result := strings.TrimSuffix(i.Results, ".summary.json") + ".result.csv"
		r, _, err := w.services.Blobs.Open(w.ctx, report.Container, result, "")
		if err != nil {
			if i.Final() {
				continue // a file without rows has a summary only
			}
			return nil, fmt.Errorf("%s: %w", path.Base(result), err)
		}
		rows, err := csv.NewReader(r).ReadAll()
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		for _, row := range rows[1:] {
			n := len(row)
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", i.Path, row[0], row[n-3], reasons(row[n-2]))))
		}
	}
	return lines, nil
}

// reasons takes the codes out of the words: each of the reasons begins with its code.
func reasons(text string) string {
	var codes []string
	for r := range strings.SplitSeq(text, "; ") {
		if c := code.FindString(r); c != "" && strings.HasPrefix(r, c) {
			codes = append(codes, c)
		}
	}
	return strings.Join(codes, " ")
}
