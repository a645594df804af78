package entra

import (
	"errors"
	"fmt"
	"strings"
)

// parseFilter reads comparisons joined by and, or and not, with parentheses.
func parseFilter(s string) (condition, error) {
	p := &parser{rest: s}
	c, err := p.either()
	if p.space(); err == nil && p.rest != "" {
		err = errors.New("want and, or, or the end")
	}
	if err != nil {
		return condition{}, fmt.Errorf("at %q: %w", p.rest, err)
	}
	return c, nil
}

// maxDepth bounds how deep parentheses nest.
const maxDepth = 20

type parser struct {
	rest  string
	depth int
}

// either reads parts joined by or, which binds least.
func (p *parser) either() (condition, error) { return p.joined("or", p.both) }

func (p *parser) both() (condition, error) { return p.joined("and", p.one) }

func (p *parser) joined(by string, part func() (condition, error)) (condition, error) {
	c, err := part()
	if err != nil || !p.keyword(by) {
		return c, err
	}
	c = condition{op: by, parts: []condition{c}}
	for {
		next, err := part()
		if err != nil {
			return c, err
		}
		if c.parts = append(c.parts, next); !p.keyword(by) {
			return c, nil
		}
	}
}

// one reads a comparison, one in parentheses, or not and one of these.
func (p *parser) one() (condition, error) {
	if p.depth++; p.depth > maxDepth {
		return condition{}, errors.New("parentheses nest too deep")
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("("):
		c, err := p.either()
		return c, p.closed(err)
	case p.keyword("not"):
		c, err := p.one()
		return condition{op: "not", parts: []condition{c}}, err
	}
	return p.comparison()
}

func (p *parser) comparison() (condition, error) {
	name := p.word()
	switch lower := strings.ToLower(name); lower {
	case "":
		return condition{}, errors.New("want a property")
	case "startswith", "endswith":
		return p.function(lower)
	}
	if collection, isAny := strings.CutSuffix(name, "/any"); isAny {
		return p.anyOf(collection)
	}
	c := condition{property: name, op: p.word()}
	var err error
	switch c.op {
	case "eq", "ne":
		var v literal
		v, err = p.literal()
		c.values = []literal{v}
	case "in":
		c.values, err = p.list()
	default:
		err = fmt.Errorf("operator %q is not served", c.op)
	}
	return c, err
}

// function reads (property,'literal').
func (p *parser) function(op string) (condition, error) {
	c := condition{op: op}
	if !p.take("(") {
		return c, errors.New("want (")
	}
	if c.property = p.word(); c.property == "" || !p.take(",") {
		return c, errors.New("want a property and a comma")
	}
	v, err := p.literal()
	c.values = []literal{v}
	return c, p.closed(err)
}

// anyOf reads (x:x eq 'literal').
func (p *parser) anyOf(collection string) (condition, error) {
	c := condition{property: collection, op: "any"}
	if !p.take("(") {
		return c, errors.New("want (")
	}
	x := p.word()
	if x == "" || !p.take(":") || p.word() != x || p.word() != "eq" {
		return c, errors.New("want x:x eq")
	}
	v, err := p.literal()
	c.values = []literal{v}
	return c, p.closed(err)
}

// list reads ('literal','literal').
func (p *parser) list() ([]literal, error) {
	if !p.take("(") {
		return nil, errors.New("want (")
	}
	var values []literal
	for {
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		if p.take(")") {
			return values, nil
		}
		if !p.take(",") {
			return nil, errors.New("want , or )")
		}
	}
}

func (p *parser) closed(err error) error {
	if err == nil && !p.take(")") {
		err = errors.New("want )")
	}
	return err
}

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

// take skips spaces and then token, if it is next.
func (p *parser) take(token string) bool {
	p.space()
	rest, found := strings.CutPrefix(p.rest, token)
	if found {
		p.rest = rest
	}
	return found
}

// keyword takes a word of the filter language, in any case.
func (p *parser) keyword(word string) bool {
	p.space()
	before := p.rest
	if strings.EqualFold(p.word(), word) {
		return true
	}
	p.rest = before
	return false
}

// word reads a name, with the slashes of a path.
func (p *parser) word() string {
	p.space()
	i := strings.IndexFunc(p.rest, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '/'
	})
	if i < 0 {
		i = len(p.rest)
	}
	w := p.rest[:i]
	p.rest = p.rest[i:]
	return w
}

// literal reads true, false, null or a quoted string; a quote inside is doubled.
func (p *parser) literal() (literal, error) {
	if !p.take("'") {
		if w := p.word(); w == "true" || w == "false" || w == "null" {
			return literal{text: w}, nil
		}
		return literal{}, errors.New("want a quoted string, true, false or null")
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(p.rest, "'")
		if !found {
			return literal{}, errors.New("the string has no end")
		}
		b.WriteString(before)
		p.rest = after
		if !strings.HasPrefix(after, "'") {
			return literal{b.String(), true}, nil
		}
		b.WriteByte('\'')
		p.rest = after[1:]
	}
}
