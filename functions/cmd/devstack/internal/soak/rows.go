package soak

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"guestlist/pkg/ledger"
)

// Row is one row of a file, and what must become of it.
type Row struct {
	Cells   []string
	Address string           // normal; empty if the row is rejected
	Want    []ledger.Outcome // one of them
	Code    string           // that the reason must name; empty if none is needed
	targets []target         // that it names, of a row that is taken
	cc      string
	who     fate
}

// names are the columns of the legacy format.
var names = []string{"Email", "DisplayName", "InvitationText", "InviteRedirectUrl", "InvitedToApplications", "InvitedToGroups", "CcEmailAddress", "Language"}

// Columns by their place in names.
const (
	colEmail = iota
	colName
	colText
	colURL
	colApps
	colGroups
	colCC
	colLanguage
)

var (
	someNames     = []string{"Ana Prieto", "Dieter O’Neill", "李 小龍", "Inês \"Nina\" Costa", "", "=cmd|' /C calc'!A0", "Grace, Lindqvist; PhD"}
	someTexts     = []string{"", "", "Welcome, and thank you for joining us.", "Hello,\nplease book your hours by Friday;\nsee \"who does what\".", "=1+1", "Bonjour à tous, voilà l’été", "-- \n| a | table |"}
	someLanguages = []string{"", "en", "de", "fr", "ja", "pt-BR", "zh-Hans", "xx-unknown"}
	separators    = []string{";", "|", " ", " ; "}
)

// rowOf makes a row for a person. tidy means that all of it can be granted.
func rowOf(g *rand.Rand, p person, tidy bool) Row {
	r := Row{Cells: make([]string, len(names)), Address: p.address, who: p.fate}
	r.Cells[colEmail], r.Cells[colName] = written(g, p.address), pick(g, someNames)
	r.Cells[colText], r.Cells[colLanguage] = pick(g, someTexts), pick(g, someLanguages)
	if g.IntN(4) > 0 {
		r.Cells[colURL] = "https://myapplications.microsoft.com/"
	}
	if g.IntN(10) == 0 {
		r.cc = fmt.Sprintf("manager%d@contoso.example", g.IntN(20))
		r.Cells[colCC] = r.cc
	}
	good := goodTargets()
	for n := g.IntN(4); n > 0; n-- {
		r.add(pick(g, good))
	}
	if !tidy && g.IntN(15) == 0 {
		r.add(pick(g, badTargets))
		if g.IntN(3) > 0 && len(r.targets) == 1 {
			r.add(pick(g, good))
		}
	}
	if !tidy && g.IntN(60) == 0 {
		r.add(failingGroup)
	}
	r.write(g)
	return r
}

func (r *Row) add(t target) {
	for _, u := range r.targets {
		if u.asked() == t.asked() {
			return
		}
	}
	r.targets = append(r.targets, t)
}

// write puts the targets into their cells.
func (r *Row) write(g *rand.Rand) {
	var groups, apps []string
	for _, t := range r.targets {
		asked := t.asked()
		if g.IntN(6) == 0 && t.role == "" {
			asked = strings.ToUpper(asked)
		}
		if t.kind == ledger.Group {
			groups = append(groups, asked)
		} else {
			apps = append(apps, asked)
		}
	}
	r.Cells[colGroups], r.Cells[colApps] = strings.Join(groups, pick(g, separators)), strings.Join(apps, pick(g, separators))
}

// hostile makes a row that is rejected before anything is sent.
func hostile(g *rand.Rand) Row {
	n := g.IntN(1_000_000)
	r := rowOf(g, person{address: fmt.Sprintf("rejected%06d@partner.example", n)}, true)
	switch g.IntN(9) {
	case 0:
		r.Cells[colEmail], r.Code = "", "email.missing"
	case 1:
		r.Cells[colEmail], r.Code = fmt.Sprintf("no address %d", n), "email.invalid"
	case 2:
		r.Cells[colEmail], r.Code = fmt.Sprintf("rejected+%d@partner.example", n), "email.forbidden-character"
	case 3:
		r.Cells[colEmail], r.Code = fmt.Sprintf("rejéctéd%d@partner.example", n), "email.not-ascii"
	case 4:
		r.Cells[colEmail], r.Code = fmt.Sprintf("rejected%d@forbidden.example", n), "domain.forbidden"
	case 5:
		r.Cells[colURL], r.Code = "https://evil.example/", "redirect.forbidden"
	case 6:
		r.Cells[colCC], r.Code = "somebody@evil.example", "cc.forbidden"
	case 7:
		r.Cells[colText], r.Code = strings.Repeat("too long ", 1200), "text.too-long"
	default:
		r.Cells[colName], r.Code = "bell\x07", "field.control-character"
	}
	r.Address, r.targets, r.cc, r.Want = "", nil, "", []ledger.Outcome{ledger.Rejected}
	return r
}

// want says what must become of a row that names somebody; mode is that of its source. granted are the outcomes of what
// goes well.
func (r *Row) want(mode string, granted ...ledger.Outcome) {
	var refused, failed, good int
	for _, t := range r.targets {
		switch {
		case t.fails:
			failed++
			r.Code = t.code
		case !t.granted():
			refused++
			r.Code = t.code
		default:
			good++
		}
	}
	switch {
	case refused > 0 && good+failed == 0:
		r.Address, r.targets, r.cc = "", nil, "" // nobody is invited for it
		r.Want = []ledger.Outcome{ledger.Rejected}
	case r.who.code() != "":
		r.Want, r.Code = []ledger.Outcome{ledger.Failed}, r.who.code()
		if refused > 0 {
			r.Want = []ledger.Outcome{ledger.Partial}
		}
	case refused+failed > 0:
		r.Want = []ledger.Outcome{ledger.Partial}
	case r.who == bounced && mode == "own":
		r.Want, r.Code = []ledger.Outcome{ledger.Partial}, "mail.refused"
	default:
		r.Want = granted
	}
}
