package csvfile

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	// runs are the characters with which a spreadsheet takes a cell for a formula (OWASP, "CSV injection"), and their wide
	// forms, which some languages' spreadsheets take for the same.
	runs = "=+-@\t\r＝＋－＠"
	// parts are the characters inside a cell at which a spreadsheet begins another one when its list separator is not the
	// comma, as in most of Europe: it then does not see the quotes.
	parts = ";\n"
)

// Neutral puts an apostrophe before a cell that a spreadsheet would run as a formula, and before what it would run as one
// after a semicolon or a line break inside the cell. It does so again where such apostrophes are already, so that reading
// takes off exactly what writing put on: a result file can be corrected and dropped again.
func Neutral(cell string) string {
	return eachPart(cell, func(part string) string {
		if dangerous(part) {
			return "'" + part
		}
		return part
	})
}

func unneutral(cell string) string {
	if strings.IndexByte(cell, '\'') < 0 {
		return cell
	}
	return eachPart(cell, func(part string) string {
		if part != "" && part[0] == '\'' && dangerous(part) {
			return part[1:]
		}
		return part
	})
}

// eachPart changes what lies between the separators of a cell.
func eachPart(cell string, change func(string) string) string {
	if !strings.ContainsAny(cell, parts) {
		return change(cell)
	}
	var b strings.Builder
	for {
		i := strings.IndexAny(cell, parts)
		if i < 0 {
			return b.String() + change(cell)
		}
		b.WriteString(change(cell[:i]))
		b.WriteByte(cell[i])
		cell = cell[i+1:]
	}
}

func dangerous(part string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(part, "'"))
	return strings.ContainsRune(runs, first)
}

// Writer writes result files: UTF-8 without byte order mark, commas, LF at the end of lines (every spreadsheet reads
// it, and line tools do too), quotes where RFC 4180 asks for them, each cell made neutral.
type Writer struct {
	csv *csv.Writer
	row []string
}

// NewWriter returns a Writer on w. Nothing is sure to be written before Flush.
func NewWriter(w io.Writer) *Writer { return &Writer{csv: csv.NewWriter(w)} }

// Write writes one row.
func (w *Writer) Write(cells []string) error {
	w.row = w.row[:0]
	for _, cell := range cells {
		w.row = append(w.row, Neutral(cell))
	}
	if err := w.csv.Write(w.row); err != nil {
		return fmt.Errorf("write a row: %w", err)
	}
	return nil
}

// Flush writes what is still held back, and returns the first error of all writes.
func (w *Writer) Flush() error {
	w.csv.Flush()
	if err := w.csv.Error(); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}
