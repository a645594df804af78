package memledger

import (
	"maps"
	"slices"

	"guestlist/pkg/ledger"
)

// partitions is how many partitions an import has; each holds ledger.Parts/partitions parts and one tally.
const partitions = 16

// book is the entries of one import.
type book struct {
	parts   [ledger.Parts]map[string]ledger.Entry
	tallies [partitions]ledger.Tally
}

func partition(guest string) int { return ledger.PartOf(guest) * partitions / ledger.Parts }

func (b *book) get(guest string) (ledger.Entry, bool) {
	if b == nil {
		return ledger.Entry{}, false
	}
	e, ok := b.parts[ledger.PartOf(guest)][guest]
	return clone(e), ok
}

// put writes an entry and moves the tally from its former state to its new one.
func (b *book) put(e ledger.Entry) {
	part, tally := &b.parts[ledger.PartOf(e.Guest)], &b.tallies[partition(e.Guest)]
	if *part == nil {
		*part = map[string]ledger.Entry{}
	}
	if old, ok := (*part)[e.Guest]; ok {
		*tally = tally.Plus(-1, ledger.Count(&old))
	}
	*tally = tally.Plus(1, ledger.Count(&e))
	(*part)[e.Guest] = clone(e)
}

func (b *book) keys(part int) []string {
	if b == nil || part < 0 || part >= ledger.Parts {
		return nil
	}
	return slices.Sorted(maps.Keys(b.parts[part]))
}

// clone returns a copy that shares nothing with e, with its times as a table would return them.
func clone(e ledger.Entry) ledger.Entry {
	e.Lines = slices.Clone(e.Lines)
	e.Targets = slices.Clone(e.Targets)
	for _, step := range e.Steps() {
		step.Due, step.At = utc(step.Due), utc(step.At)
	}
	return e
}
