package policy

import (
	"slices"
	"strings"

	"guestlist/pkg/csvfile"
)

// most is how many of each kind an Ask lists; what goes beyond is counted. It keeps the ask of a hostile file small
// enough for one property of a table.
const most = 50

// Ask is what a file asks for. The zero value asks for nothing. Rows that are refused for their own problems count as
// far as they can be read: mending them must not need another look at the policy.
type Ask struct {
	Groups        Wanted `json:"groups,omitzero"` // ids, or names as the file has them
	Applications  Wanted `json:"applications,omitzero"`
	Domains       Wanted `json:"domains,omitzero"`
	RedirectHosts Wanted `json:"redirectHosts,omitzero"`
	Text          bool   `json:"text,omitempty"` // some row has an invitation text
	CC            bool   `json:"cc,omitempty"`
	Rows          int    `json:"rows"`
	Guests        int    `json:"guests"` // set by whoever merges rows; Add does not know which are the same guest
}

// Wanted are different values in the order in which they first came, at most 50.
type Wanted struct {
	List []string `json:"list,omitempty"`
	More int      `json:"more,omitempty"` // values beyond the list, counted once for each row that has them
}

// Add takes in one row.
func (a *Ask) Add(row csvfile.Row) {
	a.Rows++
	for _, g := range row.Groups {
		a.Groups.add(g)
	}
	for _, id := range row.Applications {
		a.Applications.add(id)
	}
	a.Domains.add(domainOf(row.Email))
	a.RedirectHosts.add(hostOf(row.RedirectURL))
	a.Text = a.Text || row.Text != ""
	a.CC = a.CC || row.CC != ""
}

func (w *Wanted) add(v string) {
	same := func(u string) bool { return strings.EqualFold(u, v) }
	switch {
	case v == "" || slices.ContainsFunc(w.List, same):
	case len(w.List) == most || len(v) > 253:
		w.More++
	default:
		w.List = append(w.List, strings.Clone(v)) // v keeps its whole row in memory
	}
}

// Propose returns the policy that allows what a file asks for and nothing else. Names that are no ids cannot be
// proposed, since only the directory knows whose they are: [Ask.Named] lists them. Names in the policy are empty; fill
// them in from the directory before a person looks at it.
func Propose(source string, a Ask) Policy {
	p := Policy{Version: Version, Source: source, MaxGuests: max(1, a.Guests, min(a.Rows, 1)), AllowText: a.Text, AllowCC: a.CC}
	for _, id := range a.Groups.List {
		if csvfile.IsID(id) {
			p.Groups = append(p.Groups, Group{ID: id})
		}
	}
	for _, id := range a.Applications.List {
		if csvfile.IsID(id) {
			p.Applications = append(p.Applications, Application{ID: id})
		}
	}
	p.Domains = valid(a.Domains.List)
	p.RedirectHosts = valid(a.RedirectHosts.List)
	return p
}

// Named lists the groups and applications that the file names otherwise than by id.
func (a Ask) Named() (groups, applications []string) {
	isID := func(s string) bool { return csvfile.IsID(s) }
	return slices.DeleteFunc(slices.Clone(a.Groups.List), isID), slices.DeleteFunc(slices.Clone(a.Applications.List), isID)
}

func valid(hosts []string) []string {
	return slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return !isHost(h) })
}
