package crashmatrix

import (
	"slices"
	"strings"
)

// allowance is what a crash at some points may leave beside what a calm run leaves. It must show in one of their cells, or
// it is no longer true.
type allowance struct {
	scenario string
	points   []string // as in CRASH_AT, or what they begin with
	reason   string
	repeats  string      // who may get one mail more than once, with the same Message-ID
	rows     [][2]string // what a row says in a calm run, and what it may say
}

var (
	uncertainRow = [2]string{"partners.csv: ana@partner.example done", "partners.csv: ana@partner.example done mail.uncertain"}
	existed      = [][2]string{
		{"partners.csv: dieter@partner.example done", "partners.csv: dieter@partner.example already"},
		{"partners.csv: rita@partner.example done", "partners.csv: rita@partner.example already"},
		{"partners.csv: sam@partner.example done", "partners.csv: sam@partner.example already"},
	}
)

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
		points:   []string{"notifyguest/mail.Send#2:after", "notifyguest/ledger.SaveGuest#4:before"},
		reason:   "the copy was taken, and the process died before it recorded that",
		repeats:  "lead@contoso.example", rows: [][2]string{uncertainRow},
	},
	{
		scenario: "own mail",
		points:   []string{"notifyguest/ledger.SaveGuest#3:after", "notifyguest/mail.Send#2:before"},
		reason:   "that a copy is being sent was recorded, and nobody can tell that it was not",
		rows:     [][2]string{uncertainRow},
	},
	{
		scenario: "mail by Exchange",
		points:   []string{"notifyguest/graph.SendMail#1:after"},
		reason:   "Exchange took the mail, and the process died before it recorded that",
		repeats:  "ana@partner.example", rows: [][2]string{uncertainRow},
	},
	{
		scenario: "mail by Exchange",
		points:   []string{"notifyguest/graph.SendMail#1:before"},
		reason:   "that a mail is being sent was recorded, and nobody can tell that it was not",
		rows:     [][2]string{uncertainRow},
	},
	{
		scenario: "a link that is lost",
		points:   []string{"notifyguest/ledger.SaveGuest#3:before"},
		reason:   "the mail server took the mail, and the process died before it recorded that",
		repeats:  "rita@partner.example", rows: ritaUncertain,
	},
	{
		scenario: "a link that is lost",
		points:   []string{"notifyguest/ledger.SaveGuest#2:after"},
		reason:   "that a mail is being sent was recorded, and nobody can tell that it was not",
		rows:     ritaUncertain,
	},
	{
		scenario: "own mail", // wherever it dies, the process may have this in hand too
		points:   []string{"assignaccess/", "notifyguest/", "reportimport/", "sweepledger/"},
		reason:   "a member whom the dead process added cannot be told from one who had been there before",
		rows:     existed,
	},
	{
		scenario: "members one by one",
		points:   []string{"assignaccess/"},
		reason:   "a member whom the dead process added cannot be told from one who had been there before",
		rows:     existed,
	},
}

var ritaUncertain = [][2]string{{"partners.csv: rita@partner.example already", "partners.csv: rita@partner.example already mail.uncertain"}}

// allowed returns what a crash at a point may leave beside what a calm run leaves.
func allowed(p point) (list []*allowance) {
	for _, a := range allowances {
		if a.scenario == p.scenario.name && slices.ContainsFunc(a.points, func(begin string) bool { return strings.HasPrefix(p.String(), begin) }) {
			list = append(list, a)
		}
	}
	return list
}

// except takes out of a state what may be there, and notes that it was. A guest's mail that came twice is only taken out if
// the row says so.
func (b *bench) except(may *allowance, state string, repeated []string) (string, []string) {
	said := false
	for _, r := range may.rows {
		if strings.Contains("\n"+state+"\n", "\n"+r[1]+"\n") {
			state, said = strings.Replace(state, r[1], r[0], 1), true
		}
	}
	shown := may.repeats == "" || slices.Contains(repeated, may.repeats)
	if said && shown {
		repeated = slices.DeleteFunc(slices.Clone(repeated), func(to string) bool { return to == may.repeats })
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
