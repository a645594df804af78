package entra

import (
	"errors"
	"fmt"
	"strings"
)

// maxTerms is how many terms a filter may have (source: known issue 13635 of Microsoft Graph: 15 expressions by default;
// advanced queries are bound by the length of the URL, 2,048 characters).
const (
	maxTerms = 15
	maxURL   = 2048
)

// term is one comparison of a filter: a property, an operator and its literals.
type term struct {
	property string
	op       string // eq, in, any, startswith
	values   []string
}

// parseFilter reads comparisons joined by "or". Parentheses round them, "and", "not" and other operators are errors.
func parseFilter(s string) ([]term, error) {
	p := &parser{rest: s}
	var terms []term
	for {
		t, err := p.term()
		if err != nil {
			return nil, fmt.Errorf("at %q: %w", p.rest, err)
		}
		terms = append(terms, t)
		if p.space(); p.rest == "" {
			return terms, nil
		}
		if p.word() != "or" {
			return nil, fmt.Errorf("at %q: want or", p.rest)
		}
	}
}

type parser struct{ rest string }

func (p *parser) term() (term, error) {
	name := p.word()
	switch {
	case name == "":
		return term{}, errors.New("want a property")
	case strings.EqualFold(name, "startswith"):
		return p.startsWith()
	}
	if collection, isAny := strings.CutSuffix(name, "/any"); isAny {
		return p.anyOf(collection)
	}
	switch op := p.word(); op {
	case "eq":
		v, err := p.literal()
		return term{name, "eq", []string{v}}, err
	case "in":
		return p.oneOf(name)
	default:
		return term{}, fmt.Errorf("operator %q is not served", op)
	}
}

// startsWith reads (property,'literal').
func (p *parser) startsWith() (term, error) {
	if !p.take("(") {
		return term{}, errors.New("want (")
	}
	t := term{property: p.word(), op: "startswith"}
	if !p.take(",") {
		return term{}, errors.New("want ,")
	}
	v, err := p.literal()
	if err == nil && !p.take(")") {
		err = errors.New("want )")
	}
	t.values = []string{v}
	return t, err
}

// anyOf reads (x:x eq 'literal').
func (p *parser) anyOf(collection string) (term, error) {
	if !p.take("(") {
		return term{}, errors.New("want (")
	}
	x := p.word()
	if x == "" || !p.take(":") || p.word() != x || p.word() != "eq" {
		return term{}, errors.New("want x:x eq")
	}
	v, err := p.literal()
	if err == nil && !p.take(")") {
		err = errors.New("want )")
	}
	return term{collection, "any", []string{v}}, err
}

// oneOf reads ('literal','literal').
func (p *parser) oneOf(name string) (term, error) {
	if !p.take("(") {
		return term{}, errors.New("want (")
	}
	t := term{property: name, op: "in"}
	for {
		v, err := p.literal()
		if err != nil {
			return term{}, err
		}
		t.values = append(t.values, v)
		if p.take(")") {
			return t, nil
		}
		if !p.take(",") {
			return term{}, errors.New("want , or )")
		}
	}
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

// literal reads a quoted string; a quote inside is doubled.
func (p *parser) literal() (string, error) {
	if !p.take("'") {
		return "", errors.New("want a quoted string")
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(p.rest, "'")
		if !found {
			return "", errors.New("the string has no end")
		}
		b.WriteString(before)
		p.rest = after
		if !strings.HasPrefix(after, "'") {
			return b.String(), nil
		}
		b.WriteByte('\'')
		p.rest = after[1:]
	}
}

// filter reads $filter of q and checks its size.
func (q *request) filter() ([]term, answer, bool) {
	terms, err := parseFilter(q.query.Get("$filter"))
	if err != nil {
		return nil, refuse(400, plainBad, "Invalid filter clause: "+err.Error()), false
	}
	n := 0
	for _, t := range terms {
		n += len(t.values)
	}
	switch {
	case q.eventual() && len(q.RequestURI) > maxURL:
		return nil, refuse(400, badQuery, "The request URL is too long."), false
	case !q.eventual() && n > maxTerms:
		return nil, refuse(400, badQuery, fmt.Sprintf("Too many child clauses specified in search filter expression containing 'OR' operators: %d. Max allowed: %d.", n, maxTerms)), false
	}
	return terms, answer{}, true
}
