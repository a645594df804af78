package graph

import "strings"

// rule is one row of the table: the conditions, and what they mean. Zero values match everything.
type rule struct {
	op     Operation
	status int    // a status, or its first digit
	coded  bool   // the answer carries a code of Microsoft Graph
	paced  bool   // the answer says when to come back
	code   string // exactly
	text   string // part of the message, in lower case

	class  Class
	reason string // stable code of the message.Failure
	advice string // what to do, to the person who answers for the import
}

const (
	denied       = "Authorization_RequestDenied"
	insufficient = "insufficient privileges"

	askSupport = "Only Microsoft support can lift this block: open a case, then close Guestlist's breaker with a reason."
	askInvite  = "Grant the application permission User.Invite.All to Guestlist's identity and give admin consent; changes take up to an hour."
	askRead    = "Grant Guestlist's identity the application permissions listed in the documentation and give admin consent; changes take up to an hour."
	askRoles   = "Grant the application permission AppRoleAssignment.ReadWrite.All to Guestlist's identity, or assign the application to a group and list the group instead."
	askGroup   = "The group may be dynamic, role-assignable or synchronised, or Guestlist's identity lacks GroupMember.ReadWrite.All. Use an assigned security group, or grant the permission."
	askMail    = "Mail-enabled security groups and distribution lists are managed in Exchange only. Use a security group or a Microsoft 365 group."
	askSearch  = "Check that the guest and the target still exist in the directory, then replay the row."
	askVerbose = "Look the message up with its request id; Guestlist does not know it."
)

// rules classifies every error answer; the first row that matches counts. Microsoft Graph's codes are generic, so most
// rows go by the text, and by as little of it as tells it apart. A text that no row knows is permanent and kept verbatim.
var rules = []rule{
	{status: 429, class: Throttled},
	{status: 5, paced: true, class: Throttled},
	{status: 5, class: Transient},
	{status: 408, class: Transient},

	{op: Invite, text: "suspicious activity", class: Tenant, reason: "tenant.blocked", advice: askSupport},
	{op: Invite, text: "guest invitations not allowed", class: Tenant, reason: "tenant.invitations-off",
		advice: "Allow guest invitations in the tenant's external collaboration settings, then close Guestlist's breaker."},
	{op: Invite, text: "verified domain of this directory", class: Refused, reason: "invite.domain-verified",
		advice: "The address belongs to this tenant's own domain. Create the person as a member instead, or correct the address."},
	{op: Invite, text: "already exists in the directory as object", class: Refused, reason: "member.exists",
		advice: "The person is a member of this tenant already. Give access to that account directly."},
	{op: Invite, text: "primary smtp address is an invalid value", class: Refused, reason: "invite.address-refused",
		advice: "Microsoft Graph does not accept this form of address; a plus sign is the usual cause. Correct it and drop the row again."},
	{op: Invite, text: "group email address is not supported", class: Refused, reason: "invite.address-refused",
		advice: "The address belongs to a group or distribution list. Use the person's own address."},
	{op: Invite, text: "cross-tenant access settings", class: Refused, reason: "invite.domain-blocked",
		advice: "Allow B2B collaboration with the person's organisation in the cross-tenant access settings of both organisations."},
	{op: Invite, text: "blocked by your invitation policy", class: Refused, reason: "invite.domain-blocked",
		advice: "Allow the domain in the tenant's collaboration restrictions."},
	{op: Invite, code: denied, class: Auth, reason: "permission.missing", advice: askInvite},
	{op: Invite, text: insufficient, class: Auth, reason: "permission.missing", advice: askInvite},

	{op: AddMember, text: "added object references already exist", class: already},
	{op: AddMember, text: "mail-enabled security group", class: Refused, reason: "group.mail-enabled", advice: askMail},
	{op: AddMember, text: "not allowed to join this unified group", class: Refused, reason: "group.forbidden",
		advice: "The Microsoft 365 group or the tenant's group settings do not allow guests. Change that, or use a security group."},
	{op: AddMember, text: "would exceed the maximum quota", class: Refused, reason: "group.full",
		advice: "The group has reached its limit of members. Use another group."},
	{op: AddMember, code: denied, class: Auth, reason: "group.forbidden", advice: askGroup},
	{op: AddMember, text: insufficient, class: Auth, reason: "group.forbidden", advice: askGroup},
	{op: AddMember, text: "the objects being referenced don't exist", class: Replicating, reason: "graph.not-found", advice: askSearch},
	{op: AddMember, status: 404, coded: true, class: Replicating, reason: "graph.not-found", advice: askSearch},

	{op: AssignRole, text: "permission being assigned already exists", class: already},
	{op: AssignRole, text: "permission being assigned was not found", class: Replicating, reason: "role.unknown",
		advice: "Check that the application still declares this app role for users, then replay the row."},
	{op: AssignRole, text: "not a valid reference update", class: Replicating, reason: "graph.not-found", advice: askSearch},
	{op: AssignRole, text: "the objects being referenced don't exist", class: Replicating, reason: "graph.not-found", advice: askSearch},
	{op: AssignRole, status: 404, coded: true, class: Replicating, reason: "graph.not-found", advice: askSearch},
	{op: AssignRole, code: denied, class: Auth, reason: "permission.missing", advice: askRoles},
	{op: AssignRole, text: insufficient, class: Auth, reason: "permission.missing", advice: askRoles},

	{op: ReadUser, status: 404, coded: true, class: Absent},
	{op: ReadGroup, status: 404, coded: true, class: Absent},
	{op: ReadApplication, status: 404, coded: true, class: Absent},
	{op: ReadMembership, status: 404, coded: true, class: Absent},
	{op: ReadUser, status: 400, text: "invalid object identifier", class: Absent},
	{op: ReadGroup, status: 400, text: "invalid object identifier", class: Absent},
	{op: ReadMembership, status: 400, text: "invalid object identifier", class: Absent},

	{status: 401, class: Auth, reason: "permission.missing", advice: askRead},
	{code: denied, class: Auth, reason: "permission.missing", advice: askRead},
	{status: 403, text: insufficient, class: Auth, reason: "permission.missing", advice: askRead},
	// A 404 without a code is no answer of Microsoft Graph: a proxy, or a wrong endpoint.
	{status: 404, coded: true, class: Refused, reason: "graph.refused", advice: askVerbose},
	{status: 404, class: Transient},
	{status: 4, class: Refused, reason: "graph.refused", advice: askVerbose},
	{class: Transient}, // no answer, an answer cut short, a redirect elsewhere
}

// rule returns the row for e.
func (e *Error) rule() rule {
	for _, r := range rules {
		if r.matches(e) {
			return r
		}
	}
	return rule{class: Transient}
}

func (r rule) matches(e *Error) bool {
	return (r.op == "" || r.op == e.Operation) &&
		(r.status == 0 || r.status == e.Status || r.status == e.Status/100) &&
		(!r.coded || e.Code != "") &&
		(!r.paced || e.RetryAfter > 0) &&
		(r.code == "" || r.code == e.Code) &&
		strings.Contains(strings.ToLower(e.Message), r.text)
}
