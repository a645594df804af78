package policy

import (
	"encoding/json"
	"slices"
	"strings"

	"guestlist/pkg/csvfile"
)

// What an Ask lists of each kind; what goes beyond is counted. The JSON of a hostile file's ask, too, fits into one
// property of a table (32 Ki characters).
const (
	mostValues = 50
	mostBytes  = 6_000 // of JSON
)

// Ask is what the rows of a file ask for. The zero value asks for nothing.
type Ask struct {
	Groups        Wanted `json:"groups,omitzero"` // ids, or names as the file has them
	Applications  Wanted `json:"applications,omitzero"`
	Domains       Wanted `json:"domains,omitzero"`
	CCDomains     Wanted `json:"ccDomains,omitzero"`
	RedirectHosts Wanted `json:"redirectHosts,omitzero"`
	Text          bool   `json:"text,omitempty"` // some row has an invitation text
	CC            bool   `json:"cc,omitempty"`
	Rows          int    `json:"rows"`
	Guests        int    `json:"guests,omitempty"` // set by whoever merges rows; Add does not know which are the same guest
}

// Wanted are different values in the order in which they first came, at most 50 and 6,000 bytes.
type Wanted struct {
	List []string `json:"list,omitempty"`
	More int      `json:"more,omitempty"` // values beyond the list, counted once for each row that has them
}

// Add takes in one row. A refused row asks for nothing: what stands in it may be a slip, and nobody should be led to
// allow it.
func (a *Ask) Add(row csvfile.Row) {
	if row.Refused() {
		return
	}
	a.Rows++
	for _, g := range row.Groups {
		a.Groups.add(g)
	}
	for _, id := range row.Applications {
		a.Applications.add(id)
	}
	a.Domains.add(domainOf(row.Email))
	a.CCDomains.add(domainOf(row.CC))
	a.RedirectHosts.add(hostOf(row.RedirectURL))
	a.Text = a.Text || row.Text != ""
	a.CC = a.CC || row.CC != ""
}

func (w *Wanted) add(v string) {
	same := func(u string) bool { return strings.EqualFold(u, v) }
	switch {
	case v == "" || slices.ContainsFunc(w.List, same):
	case len(w.List) == mostValues || w.size()+jsonSize(v) > mostBytes:
		w.More++
	default:
		w.List = append(w.List, strings.Clone(v)) // v keeps its whole row in memory
	}
}

func (w *Wanted) size() int {
	n := 0
	for _, v := range w.List {
		n += jsonSize(v)
	}
	return n
}

func jsonSize(v string) int {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a string
	}
	return len(b) + 1
}

// Propose returns the policy that allows what a file asks for and nothing else; where guests were not counted, it allows
// as many as there are rows. Names that are no ids cannot be
// proposed, since only the directory knows whose they are: [Ask.Named] lists them. Names in the policy are empty; fill
// them in from the directory before a person looks at it.
func Propose(source string, a Ask) Policy {
	guests := a.Guests
	if guests == 0 {
		guests = a.Rows
	}
	p := Policy{Version: Version, Source: source, MaxGuests: max(1, guests), AllowText: a.Text, AllowCC: a.CC}
	for _, id := range a.Groups.List {
		if csvfile.IsID(id) {
			p.Groups = append(p.Groups, Group{ID: id})
		}
	}
	for _, asked := range a.Applications.List {
		if id, role := SplitRole(asked); csvfile.IsID(id) {
			one := []Application{{ID: id}}
			if role != "" {
				one[0].Roles = []string{role}
			}
			p.Applications = unionOfRoles(p.Applications, one)
		}
	}
	p.Domains = valid(a.Domains.List)
	p.CCDomains = slices.DeleteFunc(valid(a.CCDomains.List), func(d string) bool { return contains(p.Domains, d) })
	p.RedirectHosts = valid(a.RedirectHosts.List)
	return p
}

// Named lists the groups and applications that the file names otherwise than by id.
func (a Ask) Named() (groups, applications []string) {
	return slices.DeleteFunc(slices.Clone(a.Groups.List), csvfile.IsID), slices.DeleteFunc(slices.Clone(a.Applications.List), func(asked string) bool {
		id, _ := SplitRole(asked)
		return csvfile.IsID(id)
	})
}

// SplitRole takes apart what a row asks for by an id: the application (client) id, and the app role that may follow it
// after a colon.
func SplitRole(asked string) (id, role string) {
	id, role, _ = strings.Cut(asked, ":")
	id, role = strings.TrimSpace(id), strings.TrimSpace(role)
	if !csvfile.IsID(id) || role != "" && !isRole(role) {
		return asked, ""
	}
	return id, role
}

func valid(hosts []string) []string {
	return slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return !isHost(h) })
}
