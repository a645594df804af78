package csvfile

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// charset is what the bytes of a file without byte order mark mean. It is unknown while all of them were ASCII; the
// first record that is not decides for the whole file. So no file is read twice, and none is guessed at from its first
// block.
type charset int

const (
	unknown charset = iota
	utf8Text
	windows1252
)

// decode turns cells into UTF-8, and reports whether they were what the charset says. U+FFFD stands where a letter was
// lost, here or before the file came to us, so it does not pass either.
func (c *charset) decode(cells []string) bool {
	ascii, valid, lost := true, true, false
	for _, cell := range cells {
		if !notASCII(cell) {
			continue
		}
		ascii = false
		valid = valid && utf8.ValidString(cell)
		lost = lost || strings.Contains(cell, "\uFFFD")
	}
	if ascii {
		return true
	}
	if *c == unknown {
		*c = utf8Text
		if !valid {
			*c = windows1252
		}
	}
	if *c == windows1252 {
		for i, cell := range cells {
			cells[i] = fromWindows1252(cell)
		}
		return true
	}
	return valid && !lost
}

// high1252 is Windows-1252 from 0x80 to 0x9F; the rest is as in Unicode. The five bytes that it leaves open are the
// control characters of the same number, as in the WHATWG Encoding Standard, and are refused as such later.
var high1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8D, 'Ž', 0x8F,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9D, 'ž', 'Ÿ',
}

func fromWindows1252(s string) string {
	if !notASCII(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		c := rune(s[i])
		if 0x80 <= c && c < 0xA0 {
			c = high1252[c-0x80]
		}
		b.WriteRune(c)
	}
	return b.String()
}

// utf16Reader reads UTF-16 as UTF-8. Half a surrogate pair, or half a character at the end, becomes U+FFFD.
type utf16Reader struct {
	src    *bufio.Reader
	little bool
	queue  []byte // decoded, not yet read
	back   [4]byte
	held   rune // read while looking for a pair's second half; -1 if none
}

func newUTF16(src io.Reader, little bool) *utf16Reader {
	return &utf16Reader{src: bufio.NewReader(src), little: little, held: -1}
}

func (r *utf16Reader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(r.queue) == 0 {
			c, err := r.rune()
			if err != nil {
				if n > 0 && err == io.EOF {
					err = nil
				}
				return n, err
			}
			r.queue = utf8.AppendRune(r.back[:0], c)
		}
		k := copy(p[n:], r.queue)
		r.queue = r.queue[k:]
		n += k
	}
	return n, nil
}

func (r *utf16Reader) rune() (rune, error) {
	first, err := r.unit()
	if err != nil || !utf16.IsSurrogate(first) {
		return first, err
	}
	second, err := r.unit()
	if err == io.EOF {
		return utf8.RuneError, nil
	}
	if err != nil {
		return 0, err
	}
	both := utf16.DecodeRune(first, second)
	if both == utf8.RuneError {
		r.held = second
	}
	return both, nil
}

func (r *utf16Reader) unit() (rune, error) {
	if c := r.held; c >= 0 {
		r.held = -1
		return c, nil
	}
	a, err := r.src.ReadByte()
	if err != nil {
		return 0, err
	}
	b, err := r.src.ReadByte()
	if err == io.EOF {
		return utf8.RuneError, nil
	}
	if err != nil {
		return 0, err
	}
	if r.little {
		a, b = b, a
	}
	return rune(a)<<8 | rune(b), nil
}
