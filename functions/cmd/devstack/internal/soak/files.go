package soak

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"guestlist/pkg/ledger"
)

// File is one file to drop.
type File struct {
	Source, Mode, Path string
	At                 float64 // share of the round's work that is done when it is dropped
	Again              int     // the file of this number, unchanged, when that one has been reported; -1: another file
	Replaces           int     // dropped over the file of this number, at once; -1: over none
	Events             []Event // more events about it than the storage raises
	Code               string  // why the whole file is refused; empty if it is not
	Rows               []Row
	Content            []byte
}

// Event is one more event about a file, beside that of the storage.
type Event struct {
	After float64       // share of the round's work that is done since the file was dropped
	Wait  time.Duration // since then, at least
	Cloud bool          // in the CloudEvents schema
	API   string
}

// write gives a round its files: as many rows as asked for, in files of very different sizes.
func (r *Round) write(g *rand.Rand, rows int) {
	for left := rows; left > 0; {
		n := min(left, r.size(g, rows))
		switch kind := g.IntN(20); {
		case kind == 0 && len(r.Files) > 2:
			n = r.again(g, left)
		case kind == 1 && left > 1:
			n = max(2, n)
			r.replaced(g, n)
		case kind == 2:
			r.useless(g)
			n = 0
		default:
			r.add(r.file(g, n))
		}
		left -= n
	}
	for n := range r.Files {
		// A little ahead of the work, so that there is always some.
		r.Files[n].At = max(0, 0.85*float64(r.before(n))/float64(max(1, rows))-0.15)
	}
}

// before counts the rows of the files before one.
func (r *Round) before(file int) (n int) {
	for _, f := range r.Files[:file] {
		n += len(f.Rows)
	}
	return n
}

func (r *Round) size(g *rand.Rand, rows int) int {
	switch g.IntN(4) {
	case 0:
		return 1 + g.IntN(5)
	case 1:
		return 1 + g.IntN(max(1, rows/40))
	default:
		return 1 + g.IntN(max(1, rows/8))
	}
}

func (r *Round) add(f File) { r.Files = append(r.Files, f) }

// file makes a file of n rows.
func (r *Round) file(g *rand.Rand, n int) File {
	s := sources[0]
	if k := g.IntN(10); k >= 6 {
		s = sources[1+min(1, (k-6)/3)]
	}
	f := File{Source: s.name, Mode: s.mode, Again: -1, Replaces: -1}
	f.Path = fmt.Sprintf("%s%03d.csv", pick(g, []string{"", "daily/", "Ünïcode ordner/", "a b/c'd/"}), len(r.Files))
	var open []person // may be named once more
	for range n {
		f.Rows = append(f.Rows, r.row(g, &f, &open))
	}
	r.finish(g, &f)
	return f
}

// row makes one row: mostly somebody new, sometimes somebody whom the file, or another file, has named.
func (r *Round) row(g *rand.Rand, f *File, open *[]person) Row {
	if g.IntN(25) == 0 {
		return hostile(g)
	}
	var p person
	switch k := g.IntN(100); {
	case k < 12 && len(*open) > 0:
		p = pick(g, *open)
	case k < 24:
		if len(r.shared) < 5 || g.IntN(3) == 0 {
			r.shared = append(r.shared, r.newPerson(g, shared))
		}
		p = pick(g, r.shared)
	case k < 28:
		p = r.newPerson(g, existing)
	case k < 32:
		p = r.newPerson(g, pick(g, []fate{member, disabled, otherMail, refused}))
	case k < 33 && f.Mode == "own":
		p = r.newPerson(g, bounced)
	default:
		p = r.newPerson(g, fresh)
	}
	if !slices.Contains(*open, p) {
		*open = append(*open, p)
	}
	row := rowOf(g, p, g.IntN(3) > 0)
	if p.fate == fresh {
		row.want(f.Mode, ledger.Done)
	} else {
		row.want(f.Mode, ledger.Done, ledger.Already)
	}
	return row
}

// finish encodes a file and gives it more events.
func (r *Round) finish(g *rand.Rand, f *File) {
	f.Content = encode(g, f.Rows)
	for n := g.IntN(4); n > 0; n-- {
		f.Events = append(f.Events, Event{After: g.Float64() / 2, Cloud: g.IntN(2) == 0,
			API: pick(g, []string{"PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit", "CreateFile"})})
	}
}

// again drops a file a second time. What was granted is there by then.
func (r *Round) again(g *rand.Rand, most int) int {
	n := g.IntN(len(r.Files))
	first := r.Files[n]
	if first.Replaces >= 0 || r.replacement(n) || len(first.Rows) > most || first.Code != "" {
		f := r.file(g, 1)
		r.add(f)
		return 1
	}
	f := first
	f.Again, f.Path, f.Events = n, fmt.Sprintf("again/%03d.csv", len(r.Files)), nil
	f.Rows = slices.Clone(first.Rows)
	for k := range f.Rows {
		row := &f.Rows[k]
		if slices.Contains(row.Want, ledger.Done) {
			row.Want = []ledger.Outcome{ledger.Already}
		}
	}
	r.add(f)
	return len(f.Rows)
}

// replacement reports whether another file is dropped over file n.
func (r *Round) replacement(n int) bool {
	return slices.ContainsFunc(r.Files, func(f File) bool { return f.Replaces == n })
}

// replaced makes two versions of one file, with n rows together, at least two. Only one of them, or both, are worked on; each whole or not at all.
func (r *Round) replaced(g *rand.Rand, n int) {
	f := r.file(g, n/2)
	// The storage does not see two versions between two looks, and its event about the new one may come first.
	f.Events = []Event{{API: "PutBlob", Wait: time.Duration(g.IntN(3000)) * time.Millisecond}}
	r.add(f)
	old := len(r.Files) - 1
	f = r.file(g, n-n/2)
	f.Source, f.Mode, f.Path, f.Replaces = r.Files[old].Source, r.Files[old].Mode, r.Files[old].Path, old
	for k := range f.Rows { // another source may mail otherwise
		if row := &f.Rows[k]; row.who == bounced {
			*row = hostile(g)
		}
	}
	r.finish(g, &f)
	r.add(f)
}

// useless makes a file of which nothing can be imported.
func (r *Round) useless(g *rand.Rand) {
	f := r.file(g, 0)
	f.Events = nil
	switch g.IntN(3) {
	case 0:
		f.Content, f.Code = []byte("Name,Group\nAna,x\n"), "file.no-email-column"
	case 1:
		f.Content, f.Code = []byte("Email,DisplayName\n"), "file.empty"
	default:
		f.Content, f.Code = []byte("PK\x03\x04\x14\x00\x06\x00"), "file.not-csv"
	}
	r.add(f)
}

// encode writes rows as people's programs do.
func encode(g *rand.Rand, rows []Row) []byte {
	order := g.Perm(len(names))
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = pick(g, []rune{',', ';', '\t'})
	w.UseCRLF = g.IntN(2) == 0
	line := make([]string, len(order))
	put := func(cells []string) {
		for i, n := range order {
			line[i] = cells[n]
		}
		_ = w.Write(line) // to memory
	}
	put(names)
	for _, r := range rows {
		put(r.Cells)
	}
	w.Flush()
	switch g.IntN(4) {
	case 0:
		return append([]byte("\xef\xbb\xbf"), b.Bytes()...)
	case 1:
		out := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(b.String())) {
			out = append(out, byte(u), byte(u>>8))
		}
		return out
	}
	return b.Bytes()
}

// describe is one line for people.
func (f File) describe() string {
	guests := map[string]bool{}
	for _, r := range f.Rows {
		if r.Address != "" {
			guests[r.Address] = true
		}
	}
	var more []string
	if f.Again >= 0 {
		more = append(more, fmt.Sprintf("again file %d", f.Again))
	}
	if f.Replaces >= 0 {
		more = append(more, fmt.Sprintf("over file %d", f.Replaces))
	}
	if f.Code != "" {
		more = append(more, f.Code)
	}
	if len(f.Events) > 0 {
		more = append(more, fmt.Sprintf("%d more events", len(f.Events)))
	}
	return fmt.Sprintf("%-14s %5d rows %5d guests  %s  %s", f.Source, len(f.Rows), len(guests), f.Path, strings.Join(more, ", "))
}
