package entra

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// maxTerms is how many terms a filter may have (source: known issue 13635 of Microsoft Graph: 15 expressions by default;
// advanced queries are bound by the length of the URL, 2,048 characters).
const (
	maxTerms = 15
	maxURL   = 2048
)

// condition is a filter or a part of one: and, or and not of others, or a comparison.
type condition struct {
	op       string      // and, or, not; eq, ne, in, any, startswith, endswith
	parts    []condition // of and, or, not
	property string      // of comparisons
	values   []literal
}

// literal is a value in a filter: a string, true, false or null.
type literal struct {
	text   string
	quoted bool
}

// support says which operators a property takes by default, and which only in advanced queries, in the words of a filter
// separated by spaces.
type support struct{ plain, advanced string }

// Filters by property (source: include filter-directory-objects, which the concept page aad-advanced-queries shows; in is
// supported wherever eq is).
var (
	text        = support{"eq in startswith", "ne not"}
	mailLike    = support{"eq in startswith", "ne not endswith"}
	choice      = support{"eq in", "ne not"}
	userFilters = map[string]support{"id": choice, "displayName": text, "mail": mailLike, "userPrincipalName": mailLike, "otherMails": {"any", "not"},
		"proxyAddresses": {"any", "not"}, "userType": choice, "creationType": choice, "accountEnabled": choice, "externalUserState": {"", "eq in ne not"}}
	groupFilters = map[string]support{"id": choice, "displayName": text, "mail": text, "mailEnabled": {"eq", "ne not"}, "securityEnabled": {"eq", "ne not"},
		"onPremisesSyncEnabled": {"eq", "ne not"}, "groupTypes": {"any", "not"}}
	appFilters    = map[string]support{"id": choice, "appId": choice, "displayName": text, "servicePrincipalType": choice}
	memberFilters = map[string]support{"id": choice}
)

// filterError is a filter that is understood and not served.
type filterError struct{ text string }

func (e filterError) Error() string { return e.text }

// check refuses what the properties do not support. negated: c stands below not.
func (c condition) check(kind string, all map[string]support, advanced, negated bool) error {
	for _, p := range c.parts {
		if err := p.check(kind, all, advanced, negated || c.op == "not"); err != nil {
			return err
		}
	}
	if c.property == "" {
		return nil
	}
	ops := []string{c.op}
	if negated {
		ops = append(ops, "not")
	}
	s := all[c.property]
	for _, op := range ops {
		switch {
		case slices.Contains(strings.Fields(s.plain), op):
		case !slices.Contains(strings.Fields(s.advanced), op):
			return filterError{fmt.Sprintf("Unsupported or invalid query filter clause specified for property '%s' of resource '%s'.", c.property, kind)}
		case !advanced:
			return filterError{fmt.Sprintf("Operator '%s' is not supported because the required parameters might be missing. Try adding $count=true query parameter and ConsistencyLevel:eventual header. "+
				"Refer to https://aka.ms/graph-docs/advanced-queries for more information", op)}
		}
	}
	return nil
}

// terms counts the comparisons, each value of in for itself.
func (c condition) terms() int {
	n := len(c.values)
	for _, p := range c.parts {
		n += p.terms()
	}
	return n
}

// filter reads $filter of q and checks it against what the properties support.
func (q *request) filter(kind string, all map[string]support) (condition, answer, bool) {
	c, err := parseFilter(q.query.Get("$filter"))
	if err != nil {
		return c, refuse(http.StatusBadRequest, codePlainBad, "Invalid filter clause: "+err.Error()), false
	}
	switch n := c.terms(); {
	case q.eventual() && len(q.RequestURI) > maxURL:
		return c, refuse(http.StatusBadRequest, codeQuery, "The request URL is too long."), false
	case !q.eventual() && n > maxTerms:
		return c, refuse(http.StatusBadRequest, codeQuery, fmt.Sprintf("Too many child clauses specified in search filter expression containing 'OR' operators: %d. Max allowed: %d.", n, maxTerms)), false
	}
	if err := c.check(kind, all, q.advanced(), false); err != nil {
		return c, refuse(http.StatusBadRequest, codeQuery, err.Error()), false
	}
	if q.foldsPrefix {
		c = c.folded()
	}
	return c, answer{}, true
}

// folded asks for proxy addresses with their prefix in both cases.
func (c condition) folded() condition {
	for i, p := range c.parts {
		c.parts[i] = p.folded()
	}
	if c.property != "proxyAddresses" || c.op != "any" {
		return c
	}
	both := condition{op: "or"}
	_, address, _ := strings.Cut(c.values[0].text, ":")
	for _, prefix := range []string{"SMTP:", "smtp:"} {
		both.parts = append(both.parts, condition{op: c.op, property: c.property, values: []literal{{prefix + address, true}}})
	}
	return both
}

// holds reports whether an object satisfies c; of returns its properties. Addresses and names compare without case; the
// prefix of a proxy address keeps it, since nobody documents that SMTP: finds smtp:.
func (c condition) holds(of func(property string) any) bool {
	switch c.op {
	case "and":
		return !slices.ContainsFunc(c.parts, func(p condition) bool { return !p.holds(of) })
	case "or":
		return slices.ContainsFunc(c.parts, func(p condition) bool { return p.holds(of) })
	case "not":
		return !c.parts[0].holds(of)
	case "ne":
		return !same(of(c.property), c.values[0], strings.EqualFold)
	case "any":
		list, _ := of(c.property).([]string)
		return slices.ContainsFunc(list, func(s string) bool { return same(s, c.values[0], equalKeepingPrefix) })
	case "startswith":
		return same(of(c.property), c.values[0], func(s, v string) bool { return strings.HasPrefix(strings.ToLower(s), strings.ToLower(v)) })
	case "endswith":
		return same(of(c.property), c.values[0], func(s, v string) bool { return strings.HasSuffix(strings.ToLower(s), strings.ToLower(v)) })
	}
	return slices.ContainsFunc(c.values, func(v literal) bool { return same(of(c.property), v, strings.EqualFold) })
}

// ids returns the ids that c asks for, if it asks for nothing else.
func (c condition) ids() (ids []string, only bool) {
	for _, p := range c.parts {
		more, only := p.ids()
		if c.op != "or" || !only {
			return nil, false
		}
		ids = append(ids, more...)
	}
	if c.property == "id" && (c.op == "eq" || c.op == "in") {
		for _, v := range c.values {
			ids = append(ids, strings.ToLower(v.text))
		}
	}
	return ids, len(ids) > 0
}

// same compares a property with a literal.
func same(property any, v literal, compare func(property, value string) bool) bool {
	switch p := property.(type) {
	case nil:
		return !v.quoted && (v.text == "null" || v.text == "false")
	case bool:
		return !v.quoted && v.text == fmt.Sprint(p)
	case string:
		return v.quoted && compare(p, v.text)
	}
	return false
}

func equalKeepingPrefix(s, v string) bool {
	prefix, rest, found := strings.Cut(s, ":")
	if !found {
		return strings.EqualFold(s, v)
	}
	wanted, value, _ := strings.Cut(v, ":")
	return prefix == wanted && strings.EqualFold(rest, value)
}
