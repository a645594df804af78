package soak

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	"guestlist/pkg/csvfile"
)

// TestASeedMakesOneRound: files, faults and clocks are the same again, and others with another seed.
func TestASeedMakesOneRound(t *testing.T) {
	t.Parallel()
	s := Settings{Rows: 1000, Kills: 40, Hosts: 3, Faults: true, Skew: 10 * time.Minute}
	one, same, other := NewRound(5, s), NewRound(5, s), NewRound(6, s)
	var a, b, c bytes.Buffer
	one.Print(&a)
	same.Print(&b)
	other.Print(&c)
	if a.String() != b.String() || a.String() == c.String() {
		t.Errorf("the same seed: %v; another seed: %v", a.String() == b.String(), a.String() != c.String())
	}
	for n := range one.Files {
		if !bytes.Equal(one.Files[n].Content, same.Files[n].Content) {
			t.Errorf("file %d differs", n)
		}
	}
	if !slices.Equal(one.Skews, same.Skews) {
		t.Error("clocks differ")
	}
	if one.Rows() != s.Rows || one.Kills() != s.Kills {
		t.Errorf("%d rows, %d kills; want %d and %d", one.Rows(), one.Kills(), s.Rows, s.Kills)
	}
	if !slices.IsSortedFunc(one.Faults, func(a, b Fault) int { return int(1e6 * (a.At - b.At)) }) {
		t.Error("faults are not in order")
	}
	if slices.ContainsFunc(one.Skews, func(d time.Duration) bool { return d.Abs() > s.Skew }) {
		t.Error("a clock is wronger than asked for")
	}
}

// TestRoundsHaveEverything: every kind of fault, of person and of file occurs within a few thousand rows.
func TestRoundsHaveEverything(t *testing.T) {
	t.Parallel()
	kinds, fates, files := map[Kind]bool{}, map[fate]bool{}, map[string]bool{}
	for seed := range uint64(5) {
		r := NewRound(seed, Settings{Rows: 2000, Kills: 100, Hosts: 3, Faults: true})
		if r.Rows() != 2000 {
			t.Errorf("seed %d: %d rows, want 2000", seed, r.Rows())
		}
		for _, f := range r.Faults {
			kinds[f.Kind] = true
		}
		for _, f := range r.Files {
			files[f.Code], files[f.Source] = true, true
			files["again"] = files["again"] || f.Again >= 0
			files["replaced"] = files["replaced"] || f.Replaces >= 0
			for _, row := range f.Rows {
				fates[row.who] = true
			}
		}
	}
	if len(kinds) != 11 || len(fates) != 8 || len(files) != 9 {
		t.Errorf("%d kinds of fault %v, %d of person %v, %d of file %v", len(kinds), kinds, len(fates), fates, len(files), files)
	}
}

// TestFilesAreReadAsTheyWereMeant: each file's rows are told apart as they were made.
func TestFilesAreReadAsTheyWereMeant(t *testing.T) {
	t.Parallel()
	for _, f := range NewRound(3, Settings{Rows: 2000, Hosts: 1}).Files {
		if f.Code != "" {
			continue
		}
		r, err := csvfile.NewReader(bytes.NewReader(f.Content))
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		n := 0
		for {
			row, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil || n >= len(f.Rows) {
				t.Fatalf("%s, row %d: %v", f.Path, n, err)
			}
			if want := f.Rows[n]; want.Address != "" && row.Email != want.Address {
				t.Errorf("%s, row %d: %q, want %q", f.Path, n, row.Email, want.Address)
			}
			n++
		}
		if n != len(f.Rows) {
			t.Errorf("%s: %d rows were read, want %d", f.Path, n, len(f.Rows))
		}
	}
}
