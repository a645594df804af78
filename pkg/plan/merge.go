package plan

import (
	"slices"
	"strings"
	"unicode/utf8"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/work"
)

// Limits of one guest in one import. They keep an entry inside one entity of a table (1 MiB, 252 properties).
const (
	MaxTargets = 50
	MaxRows    = 500
	MaxText    = 10_000 // characters, after joining
)

// merge unites the rows of one guest: the first value of a field stands, texts are joined in order, targets united.
func merge(importID string, rows []work.Row) ledger.Entry {
	first := rows[0]
	e := ledger.Entry{Import: importID, Guest: first.Guest, Address: first.Address,
		Invite: ledger.Step{Generation: 1, State: ledger.Planned}}
	for _, r := range rows[:min(len(rows), MaxRows)] {
		e.Lines = append(e.Lines, r.Line)
		e.DisplayName = firstOf(e.DisplayName, r.DisplayName)
		e.RedirectURL = firstOf(e.RedirectURL, r.RedirectURL)
		e.CC = firstOf(e.CC, r.CC)
		e.Language = firstOf(e.Language, r.Language)
		e.Text = join(e.Text, r.Text)
		for _, t := range r.Targets {
			addTarget(&e, t)
		}
	}
	return e
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// join appends a text that is not there yet, unless the whole would be too long.
func join(all, text string) string {
	switch {
	case text == "" || hasText(all, text):
		return all
	case all == "":
		return text
	case utf8.RuneCountInString(all)+2+utf8.RuneCountInString(text) > MaxText:
		return all
	}
	return all + "\n\n" + text
}

func hasText(all, text string) bool {
	return slices.Contains(strings.Split(all, "\n\n"), text) || strings.Contains(all, text)
}

func addTarget(e *ledger.Entry, t ledger.Target) {
	same := func(u ledger.Target) bool { return u.Key() == t.Key() }
	if len(e.Targets) >= MaxTargets || slices.ContainsFunc(e.Targets, same) {
		return
	}
	t.Generation = 1
	if t.State != ledger.Ended {
		t.State = ledger.Planned
	}
	e.Targets = append(e.Targets, t)
}

// Explain says how a row fared in the entry of its guest: the outcome, and what a person should know. It is the
// counterpart of merging, so both know the same limits.
func Explain(r work.Row, e ledger.Entry) (ledger.Outcome, []message.Failure) {
	if !slices.Contains(e.Lines, r.Line) {
		return ledger.Rejected, []message.Failure{{Code: "guest.too-many-rows",
			Text: "The file has more than 500 rows for this address. Put the row into another file."}}
	}
	outcomes := []ledger.Outcome{e.Invite.Outcome, e.Notify.Outcome}
	why := reasons(e.Invite, e.Notify)
	for _, t := range r.Targets {
		i := slices.IndexFunc(e.Targets, func(u ledger.Target) bool { return u.Key() == t.Key() })
		if i < 0 {
			outcomes = append(outcomes, ledger.Rejected)
			why = append(why, message.Failure{Code: "guest.too-many-targets",
				Text: "The file asks for more than 50 groups and applications for this address: " + Name(t) + " was left out. Put it into another file."})
			continue
		}
		outcomes = append(outcomes, e.Targets[i].Outcome)
		why = append(why, reasons(e.Targets[i].Step)...)
	}
	return ledger.Combine(outcomes...), append(dedupe(why), conflicts(r, e)...)
}

// Name returns the name of a target for people.
func Name(t ledger.Target) string {
	kind := "group "
	if t.Kind == ledger.Application {
		kind = "application "
	}
	if t.Name != "" {
		return kind + t.Name
	}
	return kind + t.ID
}

func reasons(steps ...ledger.Step) []message.Failure {
	var out []message.Failure
	for _, s := range steps {
		if s.Code != "" {
			out = append(out, *s.Failure())
		}
	}
	return out
}

func dedupe(all []message.Failure) []message.Failure {
	var out []message.Failure
	for _, f := range all {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// conflicts lists the values of a row that gave way to those of an earlier row of the same guest.
func conflicts(r work.Row, e ledger.Entry) []message.Failure {
	out := slices.Clone(r.Warnings)
	note := func(field, mine, theirs string) {
		if mine != "" && mine != theirs {
			out = append(out, message.Failure{Code: "conflict." + field, Text: "An earlier row of the same address says otherwise and stands: " + theirs})
		}
	}
	note("display-name", r.DisplayName, e.DisplayName)
	note("redirect-url", r.RedirectURL, e.RedirectURL)
	note("cc", r.CC, e.CC)
	note("language", r.Language, e.Language)
	if r.Text != "" && !strings.Contains(e.Text, r.Text) {
		out = append(out, message.Failure{Code: "text.left-out", Text: "Together with earlier rows the text would exceed 10,000 characters; this row's text was left out."})
	}
	return out
}
