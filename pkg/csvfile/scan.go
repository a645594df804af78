package csvfile

import (
	"bytes"
	"fmt"
	"io"
)

// record is one record of the file, not judged.
type record struct {
	line  int
	cells []string
	code  string // what is wrong with its form; empty if nothing is
}

// scanner cuts bytes into records.
//
// encoding/csv would be shorter, and it is what the tests compare with, but it cannot do three things that a file made
// by people needs: go on after a stray quote (it stops, or with LazyQuotes runs to the next quote wherever that is,
// taking whole rows into one cell), refuse a record that never ends without loading it, and end lines at a lone CR.
// Here a record whose quotes do not add up costs one line: reading goes on with the line after its first.
type scanner struct {
	src   io.Reader
	comma byte
	line  int // of the next byte

	buf        []byte // buf[start:end] is read and not used up
	start, end int
	err        error // of src, once it has ended

	text []byte // the cells of the present record, one after the other
	ends []int  // where in text they end

	used, usedLines int // by the last record
}

const firstBuffer = 64 << 10

func newScanner(src io.Reader, comma byte) *scanner {
	return &scanner{src: src, comma: comma, line: 1, buf: make([]byte, firstBuffer)}
}

// next returns the next record, blank lines included: those have one empty cell. The error is that of the source.
func (s *scanner) next() (record, error) {
	for {
		data := s.buf[s.start:s.end]
		if len(data) == 0 && s.err != nil {
			return record{}, s.err
		}
		p := parser{data: data, final: s.err == io.EOF, comma: s.comma, text: s.text[:0], ends: s.ends[:0]}
		form := p.record()
		s.text, s.ends = p.text, p.ends
		switch {
		case form == whole:
			return s.take(p.at, p.lines, p.code), nil
		case form == broken:
			return s.takeLine(p.code)
		case len(data) >= MaxRecord:
			return s.takeLine(UnclosedQuote)
		case s.err != nil:
			return record{}, s.err
		}
		s.fill()
	}
}

// take uses up n bytes that hold the parsed record.
func (s *scanner) take(n, lines int, code string) record {
	r := record{line: s.line, code: code, cells: make([]string, len(s.ends))}
	all, from := string(s.text), 0
	for i, end := range s.ends {
		r.cells[i], from = all[from:end], end
	}
	s.used, s.usedLines = n, lines
	s.start += n
	s.line += lines
	return r
}

// unread puts the last record back, so that it can be read with another comma. One that was skipped cannot come back.
func (s *scanner) unread() {
	s.start -= s.used
	s.line -= s.usedLines
	s.used, s.usedLines = 0, 0
}

// takeLine uses up one line of a record that cannot be read as a whole, and splits it without regard to quotes.
func (s *scanner) takeLine(code string) (record, error) {
	for {
		data := s.buf[s.start:s.end]
		n, body := lineOf(data, s.err == io.EOF)
		switch {
		case n > 0:
			s.split(body)
			return s.take(n, 1, code), nil
		case len(data) >= MaxRecord:
			return s.skipLine()
		case s.err != nil:
			return record{}, s.err
		}
		s.fill()
	}
}

func (s *scanner) split(line []byte) {
	s.text, s.ends = s.text[:0], s.ends[:0]
	for cell := range bytes.SplitSeq(line, []byte{s.comma}) {
		if len(s.ends) == MaxCells {
			s.text = append(s.text, s.comma)
			s.ends = s.ends[:MaxCells-1]
		}
		s.text = append(s.text, cell...)
		s.ends = append(s.ends, len(s.text))
	}
}

// shown is how many bytes of an endless line are kept, so that a person can see whose it is.
const shown = 1_000

// skipLine uses up a line that is longer than a record may be, and keeps its beginning.
func (s *scanner) skipLine() (record, error) {
	s.split(s.buf[s.start : s.start+shown])
	for {
		n, _ := lineOf(s.buf[s.start:s.end], s.err == io.EOF)
		if n > 0 || s.err == io.EOF {
			return s.take(n, 1, RowTooLong), nil
		}
		if s.err != nil {
			return record{}, s.err
		}
		// A CR in the last byte may be half of a CRLF.
		if s.start = s.end; s.buf[s.end-1] == '\r' {
			s.start--
		}
		s.fill()
	}
}

// lineOf returns the length of the first line of data with its end, and the line without; 0 if the end is not in data.
func lineOf(data []byte, final bool) (int, []byte) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0 && final:
		return len(data), data
	case i < 0, data[i] == '\r' && i+1 == len(data) && !final:
		return 0, nil
	case data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n':
		return i + 2, data[:i]
	}
	return i + 1, data[:i]
}

// fill reads until the buffer is full or the source has ended. A full buffer grows, as far as one record may be long.
func (s *scanner) fill() {
	if s.start > 0 {
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.start = 0
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, min(len(s.buf), max(0, MaxRecord-len(s.buf))))...)
	}
	n, err := io.ReadFull(s.src, s.buf[s.end:])
	s.end += n
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read the file: %w", err)
	}
	s.err = err
}
