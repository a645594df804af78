package notify

import (
	"regexp"
	"strings"
	"unicode"
)

// Piece is a part of a line: text, which is a link if Link is set.
type Piece struct{ Text, Link string }

var (
	// linkLike is whatever a mail program might make a link of by itself: URLs, host names, addresses.
	linkLike = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://\S+|[\p{L}\p{N}._%+-]*@?[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}[^\s]*|mailto:\S+|tel:\S+`)
	webLink  = regexp.MustCompile(`(?i)https?://[^\s<>"]+`)
)

// joiner is a character without width that no link goes across.
const joiner = "\u2060"

// lines cuts a text into lines and each of them into pieces. Links are made only if they are allowed; if not, what would
// look like one is broken, so that mail programs do not make one either.
func lines(text string, links bool) [][]Piece {
	if text == "" {
		return nil
	}
	var all [][]Piece
	for line := range strings.SplitSeq(clean(text), "\n") {
		if !links {
			all = append(all, []Piece{{Text: breakLinks(line)}})
			continue
		}
		all = append(all, linked(line))
	}
	return all
}

func linked(line string) []Piece {
	var pieces []Piece
	at := 0
	for _, span := range webLink.FindAllStringIndex(line, -1) {
		end := span[0] + len(strings.TrimRight(line[span[0]:span[1]], `.,;:!?)]}'’”»`))
		pieces = append(pieces, Piece{Text: line[at:span[0]]}, Piece{Text: line[span[0]:end], Link: line[span[0]:end]})
		at = end
	}
	return append(pieces, Piece{Text: line[at:]})
}

// breakLinks takes from a text what makes mail programs find links in it. It reads the same.
func breakLinks(s string) string {
	return linkLike.ReplaceAllStringFunc(s, func(link string) string {
		return strings.NewReplacer(".", "."+joiner, "@", "@"+joiner, ":", ":"+joiner, "/", "/"+joiner).Replace(link)
	})
}

// lineBreaks are all that some program begins a new line at.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// clean drops what is not meant to be seen: control characters, and marks that turn the direction of writing, with which a
// text can be made to read otherwise than it is.
func clean(s string) string {
	s = lineBreaks.Replace(s)
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return -1
		}
		return r
	}, s)
}

// oneLine is for what stands in a sentence or a header.
func oneLine(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }
