package csvfile

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// runs are the characters with which a spreadsheet takes a cell for a formula (OWASP, "CSV injection").
const runs = "=+-@\t\r"

// Neutral puts an apostrophe before a cell that a spreadsheet would run as a formula. It does so again before one that
// has such apostrophes already, so that reading takes off exactly what writing put on: a result file can be corrected
// and dropped again.
func Neutral(cell string) string {
	if dangerous(cell) {
		return "'" + cell
	}
	return cell
}

func unneutral(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && dangerous(cell) {
		return cell[1:]
	}
	return cell
}

func dangerous(cell string) bool {
	rest := strings.TrimLeft(cell, "'")
	return rest != "" && strings.IndexByte(runs, rest[0]) >= 0
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
