package csvfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// judge makes a row of a record. It looks at everything, so that a person can mend all of a row at once; but where cells
// may have moved to a wrong column, only the address is taken, to say whose row it is.
func (c *Reader) judge(rec record) Row {
	row := Row{Line: rec.line, Cells: rec.cells}
	sound := c.judgeForm(&row, rec.code)
	cell := func(f field) string {
		if i := c.layout[f]; i >= 0 && i < len(row.Cells) {
			return trim(row.Cells[i])
		}
		return ""
	}
	if !sound {
		row.Email = NormalAddress(cell(email))
		return row
	}
	row.judgeEmail(cell(email))
	row.judgeName(cell(displayName))
	row.judgeText(cell(invitationText))
	c.judgeRedirect(&row, cell(redirectURL))
	row.judgeCC(cell(cc))
	row.judgeLanguage(cell(language))
	row.Applications, row.Groups = values(cell(applications)), values(cell(groups))
	return row
}

// judgeForm judges the cells as cells, and reports whether each is in its column.
func (c *Reader) judgeForm(row *Row, code string) (sound bool) {
	if last := len(row.Cells) - 1; code == RowTooLong && c.charset != windows1252 { // cut anywhere
		row.Cells[last] = strings.ToValidUTF8(row.Cells[last], "")
	}
	if text := formText(code); text != "" {
		row.refuse(code, text)
	}
	if !c.charset.decode(row.Cells) {
		row.refuse(DamagedText, "letters of the line were lost when the file was converted (they show as \uFFFD): write them anew, and export the sheet as \"CSV UTF-8\"")
		for i, cell := range row.Cells {
			row.Cells[i] = strings.ToValidUTF8(cell, "\uFFFD")
		}
	}
	for i, cell := range row.Cells {
		c.judgeCell(row, i, cell)
	}
	if code != "" {
		return false
	}
	if len(row.Cells) > len(c.header) && !blank(row.Cells[len(c.header):]) {
		row.refuse(TooManyCells, fmt.Sprintf("the line has %d cells, the header %d: put cells that hold a %s in double quotes",
			len(row.Cells), len(c.header), separator(c.scan.comma)))
		return false
	}
	return true
}

func (c *Reader) judgeCell(row *Row, i int, cell string) {
	switch {
	case len(cell) > MaxField:
		row.Cells[i] = strings.ToValidUTF8(cell[:MaxField], "")
		row.refuse(FieldTooLong, fmt.Sprintf("column %s has %d bytes, more than %d", c.column(i), len(cell), MaxField))
	case hasControl(cell):
		row.refuse(ControlCharacter, fmt.Sprintf("column %s has an invisible control character: type the cell anew", c.column(i)))
	default:
		row.Cells[i] = unneutral(cell)
	}
}

func (c *Reader) column(i int) string {
	if i < len(c.header) && trim(c.header[i]) != "" {
		return clip(trim(c.header[i]), 40)
	}
	return fmt.Sprint(i + 1)
}

func formText(code string) string {
	switch code {
	case BareQuote:
		return "a double quote stands where none may: put the whole cell in double quotes, and write each one inside twice"
	case UnclosedQuote:
		return "a double quote is opened and never closed: close it, or write it twice if it is meant as text"
	case RowTooLong:
		return fmt.Sprintf("the line has more than %d bytes; the lines after it were read", MaxRecord)
	}
	return ""
}

func separator(comma byte) string {
	switch comma {
	case ',':
		return "comma"
	case ';':
		return "semicolon"
	case '\t':
		return "tab"
	}
	return fmt.Sprintf("%q", comma)
}

func (r *Row) refuse(code, text string) { r.Problems = append(r.Problems, Problem{code, text}) }
func (r *Row) warn(code, text string)   { r.Warnings = append(r.Warnings, Problem{code, text}) }

func (r *Row) judgeEmail(cell string) {
	r.Email = NormalAddress(cell)
	if code, text := judgeAddress(r.Email, microsoftForbids); code != "" {
		r.refuse(code, text)
	} else if strings.Contains(r.Email, "'") {
		r.warn(EmailApostrophe, "Microsoft's documentation is of two minds about apostrophes in addresses: the address is tried as it is")
	}
}

// judgeName puts the name on one line: it goes into mail headers.
func (r *Row) judgeName(cell string) {
	if r.DisplayName = cell; notASCII(cell) || strings.ContainsAny(cell, "\n\t") || strings.Contains(cell, "  ") {
		r.DisplayName = strings.Join(strings.Fields(cell), " ")
	}
	if r.DisplayName == "" {
		r.warn(NameMissing, "no display name: the directory will show the address")
	}
}

func (r *Row) judgeText(cell string) {
	r.Text = cell
	if n := utf8.RuneCountInString(cell); n > MaxText {
		r.refuse(TextTooLong, fmt.Sprintf("the invitation text has %d characters, more than %d", n, MaxText))
	}
	if !strings.Contains(cell, "\n") {
		return
	}
	for line := range strings.SplitSeq(cell, "\n") {
		if strings.Contains(line, "@") && strings.Count(line, ",")+strings.Count(line, ";") > 2 {
			r.warn(TextHasRows, "the invitation text has several lines, and one looks like a row of its own: is a double quote missing?")
			return
		}
	}
}

// judgeRedirect remembers one URL, since most files have the same in every row.
func (c *Reader) judgeRedirect(row *Row, cell string) {
	if cell != c.url {
		c.url, c.urlProblem = cell, judgeURL(cell)
	}
	if row.RedirectURL = cell; c.urlProblem != "" {
		row.refuse(RedirectInvalid, c.urlProblem)
	}
}

func (r *Row) judgeCC(cell string) {
	if cell == "" {
		return
	}
	r.CC = NormalAddress(cell)
	if _, text := judgeAddress(r.CC, ""); text != "" {
		r.refuse(CCInvalid, "CcEmailAddress takes one address: "+text)
	}
}

func (r *Row) judgeLanguage(cell string) {
	tag, ok := languageTag(cell)
	if r.Language = tag; !ok {
		r.warn(LanguageUnknown, fmt.Sprintf("%q is no language tag such as de or pt-BR: the default language is used", clip(cell, 40)))
	}
}

// values splits a cell of ids or names; an app role may follow an id after a colon. Semicolon and bar separate them; so does space, but only beside an id, since
// names have spaces. A run of words without id is one value here; whoever knows the names takes it apart.
// A value that is named twice is there once.
func values(cell string) []string {
	if cell == "" {
		return nil
	}
	if IsID(cell) {
		return []string{strings.ToLower(cell)}
	}
	var list []string
	add := func(v string) {
		same := func(w string) bool { return strings.EqualFold(v, w) }
		if v != "" && !slices.ContainsFunc(list, same) {
			list = append(list, v)
		}
	}
	for _, piece := range strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == '|' }) {
		var name []string
		for _, word := range strings.Fields(piece) {
			id, ok := byID(word)
			if !ok {
				name = append(name, word)
				continue
			}
			add(strings.Join(name, " "))
			add(id)
			name = name[:0]
		}
		add(strings.Join(name, " "))
	}
	return list
}

// byID reports whether a word names something by its id, alone or with an app role after a colon, and returns it with the
// id in lower case.
func byID(word string) (string, bool) {
	id, role, hasRole := strings.Cut(word, ":")
	if !IsID(id) || hasRole && role == "" {
		return "", false
	}
	return strings.ToLower(id) + word[len(id):], true
}

// IsID reports whether s is an id as the directory writes them: 8-4-4-4-12 hexadecimal digits, in any letter case.
func IsID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'):
			return false
		}
	}
	return true
}
