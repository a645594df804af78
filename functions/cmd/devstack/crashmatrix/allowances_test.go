package crashmatrix

import (
	"slices"
	"strings"
)

// allowance is what a crash at some points may leave beside what a calm run leaves. It must show, or it is no longer true.
type allowance struct {
	scenario string
	points   []string // as in CRASH_AT
	reason   string
	repeats  string      // who may get one mail more than once, with the same Message-ID
	rows     [][2]string // what a row may say in place of what it says in a calm run
}

var uncertainRow = [2]string{"partners.csv: ana@partner.example done", "partners.csv: ana@partner.example done mail.uncertain"}

var allowances = []*allowance{
	{
		scenario: "own mail",
		points:   []string{"notifyguest/mail.Send#1:after", "notifyguest/ledger.SaveGuest#2:before"},
		reason:   "the mail server took the mail, and the process died before it recorded that",
		repeats:  "ana@partner.example", rows: [][2]string{uncertainRow},
	},
	{
		scenario: "own mail",
		points:   []string{"notifyguest/ledger.SaveGuest#1:after", "notifyguest/mail.Send#1:before"},
		reason:   "that a mail is being sent was recorded, and nobody can tell that it was not",
		rows:     [][2]string{uncertainRow},
	},
	{
		scenario: "own mail",
		points:   []string{"notifyguest/mail.Send#2:after", "notifyguest/ledger.UpdateEntry#1:before"},
		reason:   "the copy was taken, and the process died before it recorded that; a copy has no link",
		repeats:  "lead@contoso.example",
	},
}

// allowed returns what a crash at a point may leave; nil if nothing but what a calm run leaves.
func allowed(p point) *allowance {
	for _, a := range allowances {
		if a.scenario == p.scenario.name && slices.Contains(a.points, p.String()) {
			return a
		}
	}
	return nil
}

// except takes out of a state what may be there, and notes that it was. A guest's mail that came twice is only taken out if
// the row says so.
func (b *bench) except(may *allowance, want, state string, repeated []string) (string, []string) {
	shown := may.repeats == ""
	said := len(may.rows) == 0
	for _, r := range may.rows {
		if strings.Contains("\n"+state+"\n", "\n"+r[1]+"\n") {
			state, said = strings.Replace(state, r[1], r[0], 1), true
		}
	}
	if said && slices.Contains(repeated, may.repeats) {
		repeated = slices.DeleteFunc(slices.Clone(repeated), func(to string) bool { return to == may.repeats })
		shown = true
	}
	if shown && said {
		b.mu.Lock()
		b.shown[may] = true
		b.mu.Unlock()
	}
	return state, repeated
}

// compareAllowances fails for those that no cell needed.
func (b *bench) compareAllowances() {
	for _, a := range allowances {
		if !b.shown[a] {
			b.Errorf("no cell showed what is allowed at %v of %q (%s): take the allowance out", a.points, a.scenario, a.reason)
		}
	}
}
