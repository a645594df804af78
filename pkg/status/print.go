package status

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"guestlist/pkg/ledger"
)

// PrintGuests writes a table of guests: invited, groups, applications, outcome and reason, in that order.
func PrintGuests(w io.Writer, guests []Guest) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "LINES\tGUEST\tINVITED\tGROUPS\tAPPLICATIONS\tOUTCOME\tREASON")
	for _, g := range guests {
		reason := g.Text
		if g.Code != "" {
			reason = g.Code + ": " + g.Text
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", lines(g.Lines), g.Address, dash(invited(g)), dash(access(g.Groups)),
			dash(access(g.Applications)), dash(outcome(g)), reason)
	}
	return t.Flush()
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
		return g.State
	}
	return "no"
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
			name += " (" + a.State + ")"
		default:
			name += " (" + string(a.Outcome) + ")"
		}
		s = append(s, name)
	}
	return strings.Join(s, ", ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
