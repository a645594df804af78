package csvfile

// form is how far a parser came.
type form int

const (
	whole  form = iota // a record, at its end
	broken             // quotes that do not add up; code says how
	more               // data ends before the record does
)

// parser reads one record from the beginning of data.
type parser struct {
	data  []byte
	final bool // nothing follows data
	comma byte

	at    int // bytes used
	lines int // line ends among them
	code  string
	text  []byte
	ends  []int
}

// record reads cells until the line ends outside quotes. Line breaks inside quotes become LF.
func (p *parser) record() form {
	for {
		f := more
		switch {
		case p.at < len(p.data) && p.data[p.at] == '"':
			p.at++
			f = p.quoted()
		case p.at < len(p.data) || p.final:
			p.plain()
			f = whole
		}
		if f != whole {
			return f
		}
		if p.at == len(p.data) {
			if !p.final {
				return more
			}
			p.endCell()
			return whole
		}
		switch c := p.data[p.at]; {
		case c != p.comma:
			p.endCell()
			return p.endLine()
		case len(p.ends) == MaxCells-1:
			p.text = append(p.text, c)
		default:
			p.endCell()
		}
		p.at++
	}
}

// plain reads a cell without quotes, up to the comma or line end. A quote within is kept: the writer meant it as text,
// but a spreadsheet may have meant something else, so the row is refused.
func (p *parser) plain() {
	from := p.at
	for ; p.at < len(p.data); p.at++ {
		c := p.data[p.at]
		if c == p.comma || c == '\n' || c == '\r' {
			break
		}
		if c == '"' {
			p.code = BareQuote
		}
	}
	p.text = append(p.text, p.data[from:p.at]...)
}

// quoted reads a cell after its opening quote.
func (p *parser) quoted() form {
	from := p.at
	for ; p.at < len(p.data); p.at++ {
		switch p.data[p.at] {
		case '\n':
			p.lines++
		case '\r':
			if p.at+1 == len(p.data) && !p.final {
				return more
			}
			p.text = append(p.text, p.data[from:p.at]...)
			from = p.at + 1
			if from == len(p.data) || p.data[from] != '\n' {
				p.text = append(p.text, '\n')
				p.lines++
			}
		case '"':
			if p.at+1 == len(p.data) && !p.final {
				return more
			}
			p.text = append(p.text, p.data[from:p.at]...)
			p.at++
			if p.at == len(p.data) || p.data[p.at] == p.comma || p.data[p.at] == '\n' || p.data[p.at] == '\r' {
				return whole
			}
			if p.data[p.at] != '"' {
				p.code = BareQuote
				return broken
			}
			from = p.at
		}
	}
	if p.final {
		p.code = UnclosedQuote
		return broken
	}
	return more
}

func (p *parser) endCell() { p.ends = append(p.ends, len(p.text)) }

// endLine uses up CR, LF or CRLF.
func (p *parser) endLine() form {
	if p.data[p.at] == '\r' {
		if p.at+1 == len(p.data) && !p.final {
			return more
		}
		if p.at+1 < len(p.data) && p.data[p.at+1] == '\n' {
			p.at++
		}
	}
	p.at++
	p.lines++
	return whole
}
