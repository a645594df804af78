package crashmatrix

import (
	"fmt"
	"slices"
	"strings"
)

// allowance is what a crash at some points may leave beside what a calm run leaves. It must show in one of their cells, or
// it is no longer true.
type allowance struct {
	scenario string   // empty: all, at all points
	points   []string // as in CRASH_AT
	reason   string
	repeats  string      // who may get one mail more than once, with the same Message-ID
	rows     [][2]string // what a row says in a calm run, and what it may say
	// meanwhile: what the dead process had in hand beside the act, at points of every function but notifyguest. It need not
	// show, and whoever's row tells of it may get the mail more than once.
	meanwhile bool
}

// copied gets a copy of ana's mail.
const copied = "lead@contoso.example"

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
		repeats:  copied, rows: [][2]string{uncertainRow},
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
	{ // in every scenario, wherever the process dies: it may have such a write in hand too
		reason: "a member whom the dead process, or the other copy of a message, has just added cannot be told from one who had been there before",
		rows:   existed,
	},
	{
		reason:    "the dead process was sending a guest's mail beside the act, and nobody can tell whether it was taken",
		rows:      slices.Concat(unsure("partners.csv", five...), unsure("stage.csv", "ana"), unsure("invite.csv", "bea")),
		meanwhile: true,
	},
}

// unsure is what the rows of guests may say whose mail may have been taken.
func unsure(file string, names ...string) (rows [][2]string) {
	for _, n := range names {
		calm := fmt.Sprintf("%s: %s@partner.example done", file, n)
		rows = append(rows, [2]string{calm, calm + " mail.uncertain"})
	}
	return rows
}

var ritaUncertain = [][2]string{{"partners.csv: rita@partner.example already", "partners.csv: rita@partner.example already mail.uncertain"}}

// allowed returns what a crash at a point may leave beside what a calm run leaves.
func allowed(p point) (list []*allowance) {
	for _, a := range allowances {
		if a.meanwhile && strings.HasPrefix(p.act, "notifyguest/") {
			continue
		}
		if a.scenario == "" || a.scenario == p.scenario.name && slices.Contains(a.points, p.String()) {
			list = append(list, a)
		}
	}
	return list
}

// except takes out of a state what may be there, and notes that it was. A guest's mail that came twice is only taken out if
// the row says so.
func (b *bench) except(may *allowance, want, state string, repeated []string) (string, []string) {
	var said []string
	for _, r := range may.rows {
		if strings.Contains("\n"+want+"\n", "\n"+r[0]+"\n") && strings.Contains("\n"+state+"\n", "\n"+r[1]+"\n") {
			state, said = strings.Replace(state, r[1], r[0], 1), append(said, r[1])
		}
	}
	shown := may.repeats == "" || slices.Contains(repeated, may.repeats)
	if len(said) > 0 && shown {
		repeated = slices.DeleteFunc(slices.Clone(repeated), func(to string) bool { return to == may.repeats || may.meanwhile && told(said, to) })
		b.mu.Lock()
		b.shown[may] = true
		b.mu.Unlock()
	}
	return state, repeated
}

// told reports whether a row tells that a mail may come again to somebody.
func told(rows []string, to string) bool {
	if to == copied {
		to = "ana@partner.example"
	}
	return slices.ContainsFunc(rows, func(r string) bool { return strings.Contains(r, ": "+to+" ") })
}

// compareAllowances fails for those that no cell needed.
func (b *bench) compareAllowances() {
	for _, a := range allowances {
		if !b.shown[a] && !a.meanwhile {
			b.Errorf("no cell showed what is allowed at %v of %q (%s): take the allowance out", a.points, a.scenario, a.reason)
		}
	}
}
