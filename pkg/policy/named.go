package policy

import (
	"fmt"
	"slices"
	"strings"

	"guestlist/pkg/csvfile"
)

// Unknown reports whether a target was refused that has the form of a name: the directory may know whose it is.
func (v Verdict) Unknown() bool {
	return slices.ContainsFunc(v.Targets, func(t Target) bool {
		id, _ := SplitRole(t.Asked)
		return t.Problem != nil && t.Problem.Code == TargetForbidden && !csvfile.IsID(id)
	})
}

// Named returns p with a name for every entry that has none: what name returns for it, which may be empty. A name that
// cannot stand in a file is left out. The error is that of name, and says which entry.
func (p Policy) Named(name func(Target) (string, error)) (Policy, error) {
	p.Groups, p.Applications = slices.Clone(p.Groups), slices.Clone(p.Applications)
	fill := func(entry *string, t Target) error {
		if *entry != "" {
			return nil
		}
		found, err := name(t)
		if err != nil {
			return fmt.Errorf("name of %s %s: %w", t.Kind, t.ID, err)
		}
		if found = strings.Join(strings.Fields(found), " "); !strings.ContainsAny(found, ";|") {
			*entry = found
		}
		return nil
	}
	for i := range p.Groups {
		if err := fill(&p.Groups[i].Name, Target{Kind: KindGroup, ID: strings.ToLower(p.Groups[i].ID)}); err != nil {
			return p, err
		}
	}
	for i := range p.Applications {
		a := &p.Applications[i]
		if err := fill(&a.Name, Target{Kind: KindApplication, ID: strings.ToLower(a.ID), Role: a.Role}); err != nil {
			return p, err
		}
	}
	return p, nil
}
