package status

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Width is how many columns of a terminal a [Table] takes at most, as far as it can.
const Width = 120

// Column is the head of a column. The cells of one that bends are wrapped where the table would be too wide.
type Column struct {
	Title string
	Bends bool
	Right bool // for numbers
}

// Table lays out text for a terminal: columns as wide as their widest cell, two spaces apart, cells wrapped where all
// together would be wider than [Width], and notes, such as a reason, on lines of their own below their row. It is used by
// one goroutine.
type Table struct {
	Columns []Column
	Indent  int // of notes
	rows    []tableRow
}

type tableRow struct{ cells, notes []string }

// Row adds a row with one cell for each column.
func (t *Table) Row(cells ...string) {
	r := tableRow{cells: make([]string, len(t.Columns))}
	for n := range min(len(cells), len(t.Columns)) {
		r.cells[n] = strings.Join(Wrap(cells[n], 0), "")
	}
	t.rows = append(t.rows, r)
}

// Note adds text below the row that was added last.
func (t *Table) Note(text string) {
	if len(t.rows) > 0 && text != "" {
		r := &t.rows[len(t.rows)-1]
		r.notes = append(r.notes, Wrap(text, Width-t.Indent)...)
	}
}

// Write prints the titles and all rows.
func (t *Table) Write(w io.Writer) error {
	var head tableRow
	for _, c := range t.Columns {
		head.cells = append(head.cells, c.Title)
	}
	all := append([]tableRow{head}, t.rows...)
	widths := t.fit(all)
	var b bytes.Buffer
	for _, r := range all {
		t.writeRow(&b, r, widths)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write a table: %w", err)
	}
	return nil
}

// fit returns the widths of the columns. Those that bend give way, the widest first: down to their longest word, so that
// an id stays whole, and beyond that only if it must be.
func (t *Table) fit(rows []tableRow) []int {
	widths, words := make([]int, len(t.Columns)), make([]int, len(t.Columns))
	for _, r := range rows {
		for n, cell := range r.cells {
			widths[n] = max(widths[n], utf8.RuneCountInString(cell))
			for word := range strings.SplitSeq(cell, " ") {
				words[n] = max(words[n], utf8.RuneCountInString(word))
			}
		}
	}
	t.shrink(widths, words)
	least := make([]int, len(t.Columns))
	for n, c := range t.Columns {
		least[n] = max(10, utf8.RuneCountInString(c.Title))
	}
	t.shrink(widths, least)
	return widths
}

func (t *Table) shrink(widths, least []int) {
	total := 2 * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > Width; total-- {
		widest := -1
		for n, c := range t.Columns {
			if c.Bends && widths[n] > least[n] && (widest < 0 || widths[n] > widths[widest]) {
				widest = n
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func (t *Table) writeRow(b *bytes.Buffer, r tableRow, widths []int) {
	cells, height := make([][]string, len(r.cells)), 1
	for n, cell := range r.cells {
		cells[n] = Wrap(cell, widths[n])
		height = max(height, len(cells[n]))
	}
	for row := range height {
		var line strings.Builder
		for n, cell := range cells {
			text := ""
			if row < len(cell) {
				text = cell[row]
			}
			pad := strings.Repeat(" ", widths[n]-utf8.RuneCountInString(text))
			if t.Columns[n].Right {
				text, pad = pad+text, ""
			}
			line.WriteString(text + pad + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	for _, note := range r.notes {
		b.WriteString(strings.Repeat(" ", t.Indent) + note + "\n")
	}
}

// Wrap cuts text into lines of at most width characters, at spaces where it can; 0 means no limit. Nothing that could
// steer the terminal stays in it: the text may come from a file that somebody dropped.
func Wrap(text string, width int) []string {
	words := strings.Fields(Clean(text))
	if width <= 0 || len(words) == 0 {
		return []string{strings.Join(words, " ")}
	}
	var lines []string
	line := ""
	for _, word := range words {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for line = word; utf8.RuneCountInString(line) > width; {
			r := []rune(line)
			lines, line = append(lines, string(r[:width])), string(r[width:])
		}
	}
	return append(lines, line)
}

// Clean returns text on one line, with a mark in place of every character that could steer a terminal or turn the
// direction of writing.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return utf8.RuneError
		}
		return r
	}, text)
}
