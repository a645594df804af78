package soak

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"guestlist/functions/cmd/devstack/internal/oracle"
	"guestlist/pkg/csvfile"
	"guestlist/pkg/ledger"
)

// Judge says what the files asked for and did not get, or got and did not ask for. imports are the ids of the imports of
// the files that were dropped, by the files' numbers.
func (r *Round) Judge(w *oracle.World, imports map[int]string) []oracle.Violation {
	j := &judge{round: r, world: w, wants: map[string]*wants{}, entries: map[string]ledger.Entry{}}
	byID := map[string]oracle.Import{}
	for _, i := range w.Imports {
		byID[i.ID] = i
		for _, e := range i.Entries {
			j.entries[e.Import+e.Address] = e
		}
	}
	for n := range r.Files {
		id, dropped := imports[n]
		if !dropped {
			continue
		}
		i, known := byID[id]
		if !known {
			j.bad(oracle.Violation{Check: oracle.Lost, Import: id, Text: "nobody has heard of " + r.Files[n].Path})
			continue
		}
		delete(byID, id)
		j.file(n, i)
	}
	for id, i := range byID {
		j.bad(oracle.Violation{Check: oracle.NotAskedFor, Import: id, Text: "an import of " + i.Path + " that nobody dropped"})
	}
	j.people()
	j.mails()
	return j.found
}

// wants is what all files together ask for one person.
type wants struct {
	person
	targets map[string]bool // kind, id and role id
	modes   map[string]bool // of the sources that invite
	copies  map[string]bool // addresses that may get a copy
}

type judge struct {
	round   *Round
	world   *oracle.World
	wants   map[string]*wants
	entries map[string]ledger.Entry // by import and address
	found   []oracle.Violation
}

func (j *judge) bad(v oracle.Violation) { j.found = append(j.found, v) }

// file judges the results of one file, and adds up what it asks for.
func (j *judge) file(n int, i oracle.Import) {
	f := &j.round.Files[n]
	switch {
	case f.Code != "":
		if i.State != ledger.Refused || i.Code != f.Code {
			j.bad(oracle.Violation{Check: oracle.WrongOutcome, Import: i.ID, Text: fmt.Sprintf("%s is %s (%s), want it refused as %s", f.Path, i.State, i.Code, f.Code)})
		}
		return
	case i.State == ledger.Superseded && j.round.replacement(n):
		if len(i.Entries) > 0 {
			j.bad(oracle.Violation{Check: oracle.NotAskedFor, Import: i.ID, Text: fmt.Sprintf("a version that was replaced before it was read has %d guests", len(i.Entries))})
		}
		return
	case i.State != ledger.Running:
		j.bad(oracle.Violation{Check: oracle.Lost, Import: i.ID, Text: fmt.Sprintf("%s is %s (%s): %s", f.Path, i.State, i.Code, i.Text)})
	case len(i.Rows) != len(f.Rows):
		j.bad(oracle.Violation{Check: oracle.Lost, Import: i.ID, Text: fmt.Sprintf("%s has %d rows, its result file %d", f.Path, len(f.Rows), len(i.Rows))})
	default:
		j.rows(f, i)
	}
	for _, row := range f.Rows {
		j.ask(f, row)
	}
}

// rows compares the result file, row by row, with the upload and with what had to become of it.
func (j *judge) rows(f *File, i oracle.Import) {
	place := map[string]int{}
	for n, name := range i.Header {
		place[name] = n
	}
	mend := 0
	for n, row := range f.Rows {
		got := i.Rows[n]
		bad := func(check, format string, a ...any) {
			j.bad(oracle.Violation{Check: check, Import: i.ID, Row: n + 1, Guest: cmp.Or(row.Address, row.Cells[colEmail]), Text: fmt.Sprintf(format, a...)})
		}
		for k, name := range names {
			if want := csvfile.Neutral(row.Cells[k]); strings.ReplaceAll(got[place[name]], "\r\n", "\n") != want {
				bad(oracle.Lost, "the result file has %q in place of %q", got[place[name]], want)
			}
		}
		outcome, reason := ledger.Outcome(got[place["Outcome"]]), got[place["Reason"]]
		if !slices.Contains(row.Want, outcome) {
			bad(oracle.WrongOutcome, "%s (%s), want one of %v", cmp.Or(string(outcome), "no outcome"), reason, row.Want)
		} else if !strings.Contains(reason, row.Code) {
			bad(oracle.WrongOutcome, "the reason is %q, want %s", reason, row.Code)
		}
		if outcome == ledger.Rejected || outcome == ledger.Failed || outcome == ledger.Partial {
			mend++
		}
	}
	if len(i.ToCorrect) != mend {
		j.bad(oracle.Violation{Check: oracle.Lost, Import: i.ID, Text: fmt.Sprintf("the file of rows to correct has %d rows, want %d", len(i.ToCorrect), mend)})
	}
}

// ask adds what a row asks for to what its person is to get.
func (j *judge) ask(f *File, row Row) {
	if row.Address == "" {
		return
	}
	w := j.wants[row.Address]
	if w == nil {
		w = &wants{person: person{row.Address, row.who}, targets: map[string]bool{}, modes: map[string]bool{}, copies: map[string]bool{}}
		j.wants[row.Address] = w
	}
	if row.who.code() != "" {
		return
	}
	w.modes[f.Mode] = true
	if row.cc != "" && f.Mode == "own" {
		w.copies[row.cc] = true
	}
	for _, t := range row.targets {
		if t.granted() {
			w.targets[key(t)] = true
		}
	}
}

func key(t target) string { return string(t.kind) + " " + t.id + " " + t.roleID }

// people compares the directory with what was asked for: who is there, and who has what.
func (j *judge) people() {
	has, account := map[string]map[string]bool{}, map[string]string{} // by address; by user id
	for _, u := range j.world.Directory.Users {
		address := strings.ToLower(u.Mail)
		account[u.ID], has[address] = address, map[string]bool{}
	}
	give := func(id string, t target) {
		if address, known := account[id]; known {
			has[address][key(t)] = true
		} else {
			j.bad(oracle.Violation{Check: oracle.NotAskedFor, Guest: id, Text: "no account has this id, which has " + key(t)})
		}
	}
	for _, g := range j.world.Directory.Groups {
		for _, id := range g.Members {
			give(id, target{kind: ledger.Group, id: g.ID})
		}
	}
	for _, a := range j.world.Directory.Applications {
		for _, grant := range a.Assignments {
			give(grant.PrincipalID, target{kind: ledger.Application, id: a.AppID, roleID: grant.AppRoleID})
		}
	}
	seeded := map[string]bool{}
	for _, u := range j.round.users {
		seeded[strings.ToLower(u.Mail)] = true
	}
	for _, address := range slices.Sorted(maps.Keys(has)) {
		w := j.wants[address]
		if w == nil && !seeded[address] || w != nil && w.fate.code() != "" && !seeded[address] {
			j.bad(oracle.Violation{Check: oracle.WrongAccounts, Guest: address, Text: "an account that no row asks for"})
		}
		for t := range has[address] {
			if w == nil || !w.targets[t] {
				j.bad(oracle.Violation{Check: oracle.NotAskedFor, Guest: address, Text: "has " + t})
			}
		}
	}
	for _, address := range slices.Sorted(maps.Keys(j.wants)) {
		w := j.wants[address]
		if w.fate.code() != "" {
			continue
		}
		if has[address] == nil {
			j.bad(oracle.Violation{Check: oracle.Lost, Guest: address, Text: "has no account"})
		}
		for t := range w.targets {
			if !has[address][t] {
				j.bad(oracle.Violation{Check: oracle.Lost, Guest: address, Text: "lacks " + t})
			}
		}
	}
}
