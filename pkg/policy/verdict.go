package policy

import "guestlist/pkg/csvfile"

// Codes of problems. Target codes are about one target of a row, the others refuse the whole row.
const (
	DomainForbidden   = "domain.forbidden"
	RedirectForbidden = "redirect.forbidden"
	TextForbidden     = "text.forbidden"
	CCForbidden       = "cc.forbidden"
	TargetForbidden   = "target.forbidden"
	TargetAmbiguous   = "target.ambiguous"
	TooManyGuests     = "file.too-many-guests" // the file is held
)

// Kind is what kind of thing a target is.
type Kind string

// The kinds of target.
const (
	KindGroup       Kind = "group"
	KindApplication Kind = "application"
)

// Target is one group or application that a row names. It is allowed unless it has a Problem.
type Target struct {
	Kind    Kind
	Asked   string // as the file names it
	ID      string // object id of the group, application (client) id of the application; empty if not allowed
	Name    string
	Role    string // of an application; see Application
	Problem *csvfile.Problem
}

// Verdict is what a policy says of a row.
type Verdict struct {
	Problems []csvfile.Problem // the row is refused if there is any
	Targets  []Target          // in the row's order, groups first, each allowed one once
}
