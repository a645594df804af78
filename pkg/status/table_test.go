package status_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/status"
)

func write(t *testing.T, table *status.Table) []string {
	t.Helper()
	var b bytes.Buffer
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func TestColumnsAreAsWideAsTheirWidestCell(t *testing.T) {
	t.Parallel()
	table := &status.Table{Indent: 3, Columns: []status.Column{{Title: "A"}, {Title: "ROWS", Right: true}, {Title: "C"}}}
	table.Note("there is no row yet, so this is dropped")
	table.Row("Ünal", "7", "x")
	table.Note("why")
	table.Note("")
	table.Row("b", "12345", "y", "one too many")
	table.Row("only one")
	want := []string{
		"A          ROWS  C",
		"Ünal          7  x",
		"   why",
		"b         12345  y",
		"only one",
	}
	if diff := cmp.Diff(want, write(t, table)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestWideTablesBend: nothing is lost, words stay whole, and columns that do not bend keep their width.
func TestWideTablesBend(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0123456789abcdef", 2)
	long := strings.TrimSpace(strings.Repeat("a group with a long name, ", 12))
	table := &status.Table{Columns: []status.Column{{Title: "ID"}, {Title: "GROUPS", Bends: true}, {Title: "FILE", Bends: true}}}
	table.Row(id, long, "in/autumn fair of the partners.csv")
	lines := write(t, table)
	var words []string
	for _, l := range lines {
		if n := utf8.RuneCountInString(l); n > status.Width {
			t.Errorf("%d columns: %s", n, l)
		}
		if len(l) > 34 {
			words = append(words, strings.Fields(l[34:])...)
		}
	}
	if !strings.HasPrefix(lines[1], id+"  a group") || len(lines) < 4 {
		t.Errorf("the id is not whole, or nothing bent:\n%s", strings.Join(lines, "\n"))
	}
	count := map[string]int{}
	for _, w := range words {
		count[w]++
	}
	if count["group"] != 12 || count["name,"] != 12 || count["partners.csv"] != 1 {
		t.Errorf("words were lost or cut: %v", count)
	}
}

// TestTheWidestColumnGivesWayAndWordsStayWhole while there is another way.
func TestTheWidestColumnGivesWayAndWordsStayWhole(t *testing.T) {
	t.Parallel()
	id, word, file := strings.Repeat("i", 30), strings.Repeat("w", 50), "two words"
	table := &status.Table{Columns: []status.Column{{Title: "ID"}, {Title: "A", Bends: true}, {Title: "B", Bends: true}, {Title: "FILE", Bends: true}}}
	table.Row(id, word, strings.Repeat("sentence ", 20), file)
	lines := write(t, table)
	if !strings.Contains(lines[1], word+"  sentence") || !strings.HasSuffix(lines[1], "  "+file) || utf8.RuneCountInString(lines[1]) > status.Width {
		t.Errorf("got %q, want the long word and the file whole", lines[1])
	}
}

func TestAWordThatIsTooLongIsCut(t *testing.T) {
	t.Parallel()
	table := &status.Table{Columns: []status.Column{{Title: "A", Bends: true}}}
	table.Row(strings.Repeat("x", 200))
	lines := write(t, table)
	if len(lines) != 3 || len(lines[1]) != status.Width || lines[1]+lines[2] != strings.Repeat("x", 200) {
		t.Errorf("got %q, want two full lines", lines)
	}
}

func TestColumnsThatCannotBendMakeTheTableWide(t *testing.T) {
	t.Parallel()
	cell := strings.Repeat("x", 100)
	table := &status.Table{Columns: []status.Column{{Title: "A"}, {Title: "B"}}}
	table.Row(cell, cell)
	if lines := write(t, table); lines[1] != cell+"  "+cell {
		t.Errorf("got %q, want both cells whole", lines[1])
	}
}

func TestNotesAreWrappedAndIndented(t *testing.T) {
	t.Parallel()
	table := &status.Table{Indent: 7, Columns: []status.Column{{Title: "A"}}}
	table.Row("x")
	table.Note(strings.Repeat("word ", 60))
	for _, l := range write(t, table)[2:] {
		if !strings.HasPrefix(l, "       word") || len(l) > status.Width {
			t.Errorf("%d columns: %q", len(l), l)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"  a \n b ", 0, []string{"a b"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one two three", 6, []string{"one", "two", "three"}},
		{"abcdefg hi", 3, []string{"abc", "def", "g", "hi"}},
		{"ÄÖÜ ß", 5, []string{"ÄÖÜ ß"}},
		{"abc", 3, []string{"abc"}},
	} {
		if diff := cmp.Diff(c.want, status.Wrap(c.text, c.width)); diff != "" {
			t.Errorf("Wrap(%q, %d), -want +got:\n%s", c.text, c.width, diff)
		}
	}
}

type full struct{}

var errFull = errors.New("broken pipe")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsAreTold(t *testing.T) {
	t.Parallel()
	if err := status.PrintGuests(full{}, nil); !errors.Is(err, errFull) || !strings.Contains(fmt.Sprint(err), "table") {
		t.Errorf("got %v", err)
	}
}
