package soak

import "slices"

// Work is how much there is to do in a round that can be counted from outside: accounts to be made, and mails to be sent.
func (r *Round) Work() (n int) {
	type all struct{ own, microsoft, existing, copied bool }
	people := map[string]*all{}
	for n, f := range r.Files {
		if r.replacement(n) { // most likely nobody reads it
			continue
		}
		for _, row := range f.Rows {
			if row.Address == "" || row.who.code() != "" || row.who == bounced {
				continue
			}
			p := people[row.Address]
			if p == nil {
				p = &all{existing: row.who == existing}
				people[row.Address] = p
			}
			p.own = p.own || f.Mode == "own"
			p.microsoft = p.microsoft || f.Mode == "microsoft"
			p.copied = p.copied || row.cc != "" && f.Mode == "own"
		}
	}
	for _, p := range people {
		if p.existing {
			continue
		}
		n++
		if p.own || p.microsoft {
			n++
		}
		if p.copied {
			n++
		}
	}
	return max(1, n)
}

// Rows is how many rows its files have.
func (r *Round) Rows() (n int) { return r.before(len(r.Files)) }

// Kills is how many of its faults are kills.
func (r *Round) Kills() (n int) {
	for _, f := range r.Faults {
		if slices.Contains(Kills, f.Kind) {
			n++
		}
	}
	return n
}
