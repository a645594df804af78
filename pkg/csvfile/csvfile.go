// Package csvfile reads files of guests: the CSV that the Azure AD B2B preview took, as people really write it. It
// judges every row with a stable code and the line number, and writes result files that a spreadsheet cannot be tricked
// with.
//
// Start with [NewReader] and [Reader.Next]; write with [NewWriter].
//
// A file may be UTF-8 with or without byte order mark, UTF-16 with one, or Windows-1252; its lines may end with LF, CRLF
// or CR; its cells may be separated by comma, semicolon or tab. Memory is bounded by one record ([MaxRecord]), however
// long the file or a line of it is. A bad row never stops the good ones after it.
//
// The package does not know what may be asked for (see package policy), whether anything exists, or which rows are about
// the same guest.
package csvfile

import (
	"errors"
	"io"
	"strings"

	"guestlist/pkg/message"
)

// Reader reads the rows of one file. It must not be used by two goroutines at once.
type Reader struct {
	scan    *scanner
	charset charset
	header  []string
	dialect Dialect
	layout  layout

	url, urlProblem string // of an earlier row
}

// NewReader reads the header. The error is a *message.Failure (file.empty, file.not-csv, file.no-email-column,
// file.duplicate-column) if r holds no file of guests, and wraps r's own if r cannot be read.
func NewReader(r io.Reader) (*Reader, error) {
	src, charset, err := text(r)
	if err != nil {
		return nil, err
	}
	c := &Reader{scan: newScanner(src, ','), charset: charset}
	if err := c.readHeader(); err != nil {
		return nil, err
	}
	return c, nil
}

// Header returns the names of the columns as they stand in the file.
func (c *Reader) Header() []string { return c.header }

// Dialect returns the form of the file.
func (c *Reader) Dialect() Dialect { return c.dialect }

// Next returns the next row that is not blank, judged. At the end of the file the error is io.EOF; any other is that of
// the source, wrapped. Whatever is wrong with the form of a record is a problem of its row.
func (c *Reader) Next() (Row, error) {
	for {
		rec, err := c.scan.next()
		if err != nil {
			return Row{}, err
		}
		if rec.code != "" || !blank(rec.cells) {
			return c.judge(rec), nil
		}
	}
}

// readHeader finds the first line that is not blank, and the separator with which it has an address column.
func (c *Reader) readHeader() error {
	var most []string
	commas := ",;\t"
	for len(commas) > 0 {
		c.scan.comma = commas[0]
		header, err := c.headerRecord()
		if err != nil {
			return err
		}
		if sep, ok := strings.CutPrefix(strings.Join(header, ","), "sep="); ok && len(sep) == 1 {
			commas = sep // a line for Excel, not part of the table
			continue
		}
		d, l, ok, err := find(header)
		if err != nil {
			return err
		}
		if ok {
			c.header, c.dialect, c.layout = header, d, l
			return nil
		}
		if len(header) > len(most) {
			most = header
		}
		c.scan.unread()
		commas = commas[1:]
	}
	return noEmailColumn(most)
}

func (c *Reader) headerRecord() ([]string, error) {
	for {
		rec, err := c.scan.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, message.Never(FileEmpty, "the file is empty: it needs a first line with column names, such as Email,DisplayName")
		case err != nil:
			return nil, err
		case rec.code == RowTooLong:
			return nil, notCSV("a first line of more than 1 MiB")
		}
		if c.charset.decode(rec.cells); !blank(rec.cells) {
			return rec.cells, nil
		}
	}
}

func blank(cells []string) bool {
	for _, cell := range cells {
		if trim(cell) != "" {
			return false
		}
	}
	return true
}
