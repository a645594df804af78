package csvfile_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/csvfile"
)

// FuzzReader holds three promises for any bytes: reading ends without panic, lines grow, and a result file of the same
// cells reads as the same rows.
func FuzzReader(f *testing.F) {
	for _, file := range goldens(f) {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte("Email,B\n\"a\"\"\n\"b\n\"\"\"c\",\"\r\"\r"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := csvfile.NewReader(bytes.NewReader(raw))
		if err != nil {
			return
		}
		header, rows := r.Header(), sound(rest(t, r))
		again, err := csvfile.NewReader(bytes.NewReader(write(t, header, rows)))
		if err != nil {
			t.Fatalf("the written file: %v", err)
		}
		if diff := cmp.Diff(rows, sound(rest(t, again))); diff != "" {
			t.Errorf("-read +written and read:\n%s", diff)
		}
	})
}

func rest(t *testing.T, r *csvfile.Reader) []csvfile.Row {
	t.Helper()
	line := 1
	var rows []csvfile.Row
	for {
		row, err := r.Next()
		if err == io.EOF {
			return rows
		}
		if err != nil {
			t.Fatalf("Next on bytes in memory: %v", err)
		}
		if row.Line <= line {
			t.Fatalf("line %d follows line %d", row.Line, line)
		}
		line = row.Line
		rows = append(rows, row)
	}
}

// write writes rows as a result file, with a byte order mark so that the charset is not found anew.
func write(t *testing.T, header []string, rows []csvfile.Row) []byte {
	t.Helper()
	b := bytes.NewBufferString("\xEF\xBB\xBF")
	w := csvfile.NewWriter(b)
	lines := [][]string{header}
	for _, row := range rows {
		lines = append(lines, row.Cells)
	}
	for _, line := range lines {
		if err := w.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sound leaves out rows whose cells are not what the file had, and the numbers of lines.
func sound(rows []csvfile.Row) []csvfile.Row {
	var kept []csvfile.Row
	for _, row := range rows {
		if row.Line = 0; strings.Contains(codes(row.Problems), "row.") || strings.Contains(codes(row.Problems), "field.") {
			continue
		}
		kept = append(kept, row)
	}
	return kept
}
