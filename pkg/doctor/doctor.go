// Package doctor examines a tenant before guests are invited into it: which permissions the identity has, what the tenant's
// invitation settings are, and from which domain its mails come.
//
// Start with [Examine]. It changes nothing: reading is tried on what is there, writing on what cannot be there, an
// invitation of nobody and a member and an app role for an id that no object has. Every [Finding] says on what it rests: on
// an answer to what was asked, on a text that was read, or on an inference from either, since no document says that
// permissions are checked before anything else.
//
// The package knows no Microsoft Graph client; it asks through [Tenant].
package doctor

import "context"

// State is how a finding turned out.
type State string

// The states.
const (
	Good   State = "good"
	Unsure State = "unsure" // nothing is known to be wrong, but something is not known
	Bad    State = "bad"    // guests will not be invited, or not all of them
)

// Basis is what a finding rests on.
type Basis string

// The bases.
const (
	Tried    Basis = "tried"    // Microsoft Graph answered the very request
	Read     Basis = "read"     // from the token or from a setting
	Inferred Basis = "inferred" // from an answer to something else
)

// Finding is one result. Next says what to do, if anything.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Basis Basis  `json:"basis"`
	Text  string `json:"text"`
	Next  string `json:"next,omitempty"`
	// Request is the id by which Microsoft's support finds the answer that the finding rests on.
	Request string `json:"request,omitempty"`
}

// Trial names a request that shows whether a permission is there.
type Trial string

// The trials. Those that write name what cannot exist.
const (
	ReadUsers       Trial = "read users"
	ReadGroup       Trial = "read a group"
	ReadApplication Trial = "read an application"
	Invite          Trial = "invite nobody"
	AddMember       Trial = "add nobody to no group"
	AssignRole      Trial = "assign no app role"
)

// Answer is what Microsoft Graph said to a request. Status 0 means that there was no answer; Message then says why. A
// request that worked has a status below 300.
type Answer struct {
	Status                   int
	Code, Message, RequestID string
}

func (a Answer) worked() bool { return a.Status >= 200 && a.Status < 300 }

// refused reports whether the identity was turned away, as opposed to the request.
func (a Answer) refused() bool { return a.Status == 401 || a.Status == 403 }

// Caller is who asks, as its token says.
type Caller struct {
	Tenant, AppID, ObjectID string
	// Roles are the application permissions that the token carries.
	Roles []string
	// Delegated means that a person asks, with permissions of their own.
	Delegated bool
}

// Organization is the tenant.
type Organization struct {
	Name                   string
	PrimaryDomain, Initial string
}

// Tenant is what the examination asks. An Answer that did not work says why; what is returned beside it is then empty.
type Tenant interface {
	Caller(ctx context.Context) (Caller, error)
	Try(ctx context.Context, t Trial) Answer
	Organization(ctx context.Context) (Organization, Answer)
	// InvitesFrom returns the setting allowInvitesFrom of the authorization policy.
	InvitesFrom(ctx context.Context) (string, Answer)
}

// Options say what the installation is set up for.
type Options struct {
	MailMode string // own, microsoft, none
	// Mailbox is the mailbox in Exchange Online that sends own mail, if one does.
	Mailbox string
	// Assignments is false where applications are not assigned, so that the permission for it is not needed.
	Assignments bool
}

// Examine asks the tenant and returns what was found, in the order in which one thing depends on another. It ends early
// if there is no token: nothing else can be found out then. It makes about eight requests and no retry.
func Examine(ctx context.Context, t Tenant, o Options) []Finding {
	who, err := t.Caller(ctx)
	if err != nil {
		return []Finding{{Check: "identity", State: Bad, Basis: Tried, Text: "There is no token for Microsoft Graph: " + err.Error() + ".",
			Next: "Run this where the Function App's managed identity is, or sign in with az login."}}
	}
	found := []Finding{identity(who)}
	answers := map[Trial]Answer{}
	for _, p := range permissions {
		if p.trial == AssignRole && !o.Assignments {
			continue
		}
		answers[p.trial] = t.Try(ctx, p.trial)
		found = append(found, p.judge(answers[p.trial], who))
	}
	if o.Mailbox != "" {
		found = append(found, mailbox(who, o.Mailbox))
	}
	found = append(found, excess(who)...)
	found = append(found, invitations(ctx, t, answers[Invite]))
	return append(found, domain(ctx, t, o))
}

// Worst returns the worst state among findings.
func Worst(all []Finding) State {
	worst := Good
	for _, f := range all {
		if f.State == Bad || f.State == Unsure && worst == Good {
			worst = f.State
		}
	}
	return worst
}
