package status

import (
	"fmt"
	"io"
	"strings"

	"guestlist/pkg/ledger"
)

// PrintGuests writes a table of guests: invited, groups, applications and outcome, and below each guest, on lines of its
// own, the reason.
func PrintGuests(w io.Writer, guests []Guest) error {
	t := Table{Indent: 7, Columns: []Column{{Title: "LINES"}, {Title: "GUEST", Bends: true}, {Title: "INVITED"}, {Title: "MAIL"},
		{Title: "GROUPS", Bends: true}, {Title: "APPLICATIONS", Bends: true}, {Title: "OUTCOME"}}}
	for _, g := range guests {
		t.Row(lines(g.Lines), g.Address, dash(invited(g)), dash(mailed(g)), dash(access(g.Groups)), dash(access(g.Applications)), dash(outcome(g)))
		if g.Code != "" {
			t.Note(reason(g))
		}
	}
	return t.Write(w)
}

// reason adds the request id where the text asks for it; elsewhere it would only be noise.
func reason(g Guest) string {
	text := g.Code + ": " + g.Text
	if g.Request != "" && strings.Contains(g.Text, "request id") {
		text += " Request id: " + g.Request
	}
	return text
}

func lines(all []int) string {
	var s []string
	for i, n := range all {
		if i == 5 {
			s = append(s, "…")
			break
		}
		s = append(s, fmt.Sprint(n))
	}
	return strings.Join(s, ",")
}

func invited(g Guest) string {
	switch {
	case g.Invite == ledger.Done:
		return "yes"
	case g.Invite == ledger.Already:
		return "was there"
	case g.State != string(ledger.Ended):
		return underWay(g.State)
	}
	return "no"
}

func mailed(g Guest) string {
	switch g.Mail {
	case string(ledger.Done):
		return "yes"
	case string(ledger.Already):
		return "before"
	}
	return underWay(g.Mail)
}

func outcome(g Guest) string {
	if g.Outcome == ledger.None {
		return "open"
	}
	return string(g.Outcome)
}

// access lists targets by name; one that was not simply granted says what it is instead.
func access(all []Access) string {
	var s []string
	for _, a := range all {
		name := a.Name
		if name == "" {
			name = a.ID
		}
		switch a.Outcome {
		case ledger.Done:
		case ledger.None:
			name += " (" + underWay(a.State) + ")"
		default:
			name += " (" + string(a.Outcome) + ")"
		}
		s = append(s, name)
	}
	return strings.Join(s, ", ")
}

// underWay says a state of an open step in a person's words.
func underWay(state string) string {
	switch ledger.State(state) {
	case ledger.Planned:
		return "not yet"
	case ledger.Sent:
		return "under way"
	}
	return state
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
