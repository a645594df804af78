package graph

import (
	"slices"
	"strings"
)

// rule is one row of the table: the conditions, and what they mean. Zero values match everything.
type rule struct {
	on     []Operation
	status int    // a status, or its first digit
	coded  bool   // the answer carries a code of Microsoft Graph
	paced  bool   // the answer says when to come back
	target bool   // the text names the group or application that was to be granted as missing
	code   string // exactly
	text   string // part of the message, in lower case

	class  Class
	scope  Scope
	reason string // stable code of the message.Failure
	advice string // what to do, to the person who answers for the import
}

// rule returns the row for e: the first that matches.
func (e *Error) rule() rule {
	for _, r := range table {
		if r.matches(e) {
			return r
		}
	}
	return rule{class: Transient, scope: ScopeOutage}
}

func (r rule) matches(e *Error) bool {
	return (r.on == nil || slices.Contains(r.on, e.Operation)) &&
		(r.status == 0 || r.status == e.Status || r.status == e.Status/100) &&
		(!r.coded || e.Code != "") &&
		(!r.paced || e.RetryAfter > 0) &&
		(!r.target || e.Missing != "" && e.Missing == e.target) &&
		(r.code == "" || r.code == e.Code) &&
		strings.Contains(strings.ToLower(e.Message), r.text)
}
