package csvfile

import (
	"bytes"
	"fmt"
	"io"

	"guestlist/pkg/message"
)

// sniffed is how many bytes are looked at before the file is taken for text.
const sniffed = 4 << 10

// text returns r as UTF-8, as far as the first bytes tell: a byte order mark is dropped, UTF-16 is decoded. Without a
// mark, the charset is found later; see charset. What is no text is refused.
func text(r io.Reader) (io.Reader, charset, error) {
	head := make([]byte, sniffed)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, unknown, fmt.Errorf("read the file: %w", err)
	}
	head = head[:n]
	all := io.MultiReader(bytes.NewReader(head), r)
	if what := binary(head); what != "" {
		return nil, unknown, notCSV(what)
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		_, err := io.CopyN(io.Discard, all, 3)
		return all, utf8Text, err
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("\xFE\xFF")):
		_, err := io.CopyN(io.Discard, all, 2)
		return newUTF16(all, head[0] == 0xFF), utf8Text, err
	case bytes.IndexByte(head, 0) >= 0:
		return nil, unknown, notCSV("binary data")
	}
	return all, unknown, nil
}

func notCSV(what string) error {
	return message.Never(FileNotCSV, fmt.Sprintf("the file holds %s, not CSV text: export the sheet as \"CSV UTF-8\" and drop that", what))
}

// binary names the kind of a file that people drop by mistake; empty if the first bytes are of no such kind.
func binary(head []byte) string {
	for _, k := range []struct{ magic, name string }{
		{"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)"},
		{"PK\x05\x06", "an empty zip archive"},
		{"\x1F\x8B", "gzip-compressed data"},
		{"%PDF", "a PDF document"},
		{"\xD0\xCF\x11\xE0", "an old Excel workbook (.xls) or another Office document"},
		{"\xFF\xFE\x00\x00", "UTF-32 text"},
		{"7z\xBC\xAF", "a 7-Zip archive"},
	} {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.name
		}
	}
	return ""
}
