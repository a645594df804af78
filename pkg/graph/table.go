package graph

const (
	denied       = "Authorization_RequestDenied"
	insufficient = "insufficient privileges"

	askBreaker = "Then close Guestlist's circuit breaker."
	askInvite  = "Grant the application permission User.Invite.All to Guestlist's identity and give admin consent; changes take up to an hour."
	askRead    = "Grant Guestlist's identity the application permissions listed in the documentation and give admin consent; changes take up to an hour."
	askRoles   = "Grant the application permission AppRoleAssignment.ReadWrite.All to Guestlist's identity, or assign the application to a group and list the group instead."
	askGroup   = "The group may be dynamic, role-assignable or synchronised, or Guestlist's identity lacks GroupMember.ReadWrite.All. Use an assigned security group, or grant the permission."
	askMail    = "Grant the application permission Mail.Send to Guestlist's identity, give admin consent, and let the application access policy include the mailbox; then replay."
	askSearch  = "Check that the guest and the target still exist in the directory, then replay the row."
	askVerbose = "Guestlist does not know this answer, so it did not try again. Search for the text, or give Microsoft's support the request id; then replay the row."
)

var (
	inviting  = []Operation{Invite}
	adding    = []Operation{AddMember, AddMembers}
	assigning = []Operation{AssignRole}
	granting  = []Operation{AddMember, AddMembers, AssignRole}
	searching = []Operation{FindUser, ListUsers, ListGuests}
	mailing   = []Operation{SendMail}
	reading   = []Operation{ReadUser, ReadGroup, ReadApplication, ReadMembership, ReadRoles}
)

// table classifies every error answer; the first row that matches counts. Microsoft Graph's codes are generic, so most rows
// go by the text, and by as little of it as tells it apart. A text that no row knows is permanent and kept verbatim.
var table = []rule{
	{status: 429, class: Throttled},
	{status: 5, paced: true, class: Throttled, scope: ScopeOutage},
	{status: 5, class: Transient, scope: ScopeOutage},
	{status: 408, class: Transient, scope: ScopeOutage},

	// The whole tenant. "tenant.full" is a quota of objects, in which deleted ones count until they are purged.
	{on: inviting, text: "suspicious activity", class: Tenant, scope: ScopeTenant, reason: "tenant.blocked",
		advice: "Only Microsoft support can lift this block, and trying again makes it worse: open a case. " + askBreaker},
	{on: inviting, text: "guest invitations not allowed", class: Tenant, scope: ScopeTenant, reason: "tenant.invitations-off",
		advice: "Allow guest invitations in the tenant's external collaboration settings. " + askBreaker},
	{on: inviting, text: "object quota limit", class: Tenant, scope: ScopeTenant, reason: "tenant.full",
		advice: "Delete objects from the directory and from its recycle bin, or have Microsoft raise the quota. " + askBreaker},

	// One address.
	{on: inviting, text: "verified domain of this directory", class: Refused, scope: ScopeGuest, reason: "invite.domain-verified",
		advice: "The address belongs to this tenant's own domain. Create the person as a member instead, or correct the address."},
	{on: inviting, text: "account is blocked from signing in", class: Refused, scope: ScopeGuest, reason: "member.disabled",
		advice: "The person is a member of this tenant whose account is blocked. Unblock it and give access to it directly, or leave it blocked and delete the row."},
	{on: inviting, text: "already exists in the directory as object", class: Refused, scope: ScopeGuest, reason: "member.exists",
		advice: "The person is a member of this tenant already. Give access to that account directly."},
	{on: inviting, text: "proxyaddresses already exists", class: Refused, scope: ScopeGuest, reason: "invite.address-taken",
		advice: "Another user, group or contact has the address. Find it in the directory, its recycle bin included, and remove the address there; then replay the row."},
	{on: inviting, text: "primary smtp address is an invalid value", class: Refused, scope: ScopeGuest, reason: "invite.address-refused",
		advice: "Microsoft Graph does not accept this form of address; a plus sign is the usual cause. Correct it and drop the row again."},
	{on: inviting, text: "group email address is not supported", class: Refused, scope: ScopeGuest, reason: "invite.address-refused",
		advice: "The address belongs to a group or distribution list. Use the person's own address."},
	{on: inviting, text: "cross-tenant access settings", class: Refused, scope: ScopeGuest, reason: "invite.domain-blocked",
		advice: "Allow B2B collaboration with the person's organisation in the cross-tenant access settings of both organisations, then replay the row."},
	{on: inviting, text: "blocked by your invitation policy", class: Refused, scope: ScopeGuest, reason: "invite.domain-blocked",
		advice: "Allow the domain in the tenant's collaboration restrictions, then replay the row."},
	{on: inviting, text: "match any emails on the user object", class: Refused, scope: ScopeGuest, reason: "invite.address-refused",
		advice: "The guest has other addresses. Add this one to the guest in the directory, then replay the row."},

	// A group. What the preflight refuses can still become so while an import runs.
	{on: adding, text: "added object references already exist", class: Already},
	{on: adding, text: "mail-enabled security group", class: Refused, scope: ScopeTarget, reason: "group.mail-enabled",
		advice: "Mail-enabled security groups and distribution lists are managed in Exchange only. Use a security group or a Microsoft 365 group."},
	{on: adding, text: "on-premises mastered", class: Refused, scope: ScopeTarget, reason: "group.synced",
		advice: "The group is managed on premises. Use a group of the cloud."},
	{on: adding, text: "not allowed to join this unified group", class: Refused, scope: ScopeTarget, reason: "group.forbidden",
		advice: "The Microsoft 365 group or the tenant's group settings do not allow guests. Change that and replay the row, or use a security group."},
	{on: adding, text: "would exceed the maximum quota", class: Refused, scope: ScopeTarget, reason: "group.full",
		advice: "The group has reached its limit of members. Use another group."},
	{on: adding, code: denied, class: Auth, scope: ScopeTarget, reason: "group.forbidden", advice: askGroup},
	{on: adding, text: insufficient, class: Auth, scope: ScopeTarget, reason: "group.forbidden", advice: askGroup},
	{on: adding, target: true, class: Replicating, scope: ScopeTarget, reason: "group.unknown",
		advice: "The group was there when the file was read and is gone now. Restore it and replay the row, or correct the file."},

	// An application.
	{on: assigning, text: "permission being assigned already exists", class: Already},
	{on: assigning, text: "would exceed the maximum quota", class: Refused, scope: ScopeTarget, reason: "application.full",
		advice: "The guest or the application has reached its limit of assignments. Assign the application to a group and list the group instead."},
	{on: assigning, text: "permission being assigned was not found", class: Replicating, scope: ScopeTarget, reason: "role.unknown",
		advice: "Check that the application still declares this app role for users, then replay the row."},
	{on: assigning, text: "not a valid reference update", class: Replicating, reason: "graph.not-found", advice: askSearch},
	{on: assigning, target: true, class: Replicating, scope: ScopeTarget, reason: "application.unknown",
		advice: "The enterprise app was there when the file was read and is gone now. Restore it and replay the row, or correct the file."},

	{on: granting, text: "the objects being referenced don't exist", class: Replicating, reason: "graph.not-found", advice: askSearch},
	{on: granting, status: 404, coded: true, class: Replicating, reason: "graph.not-found", advice: askSearch},

	{on: reading, status: 404, coded: true, class: Absent},
	{on: reading, status: 400, text: "invalid object identifier", class: Absent},
	{on: searching, status: 404, coded: true, class: Transient, scope: ScopeOutage}, // it names no object; it must not pass for "nobody"

	// A mail. The texts are Exchange's, and few are documented.
	{on: mailing, status: 403, class: Auth, scope: ScopeIdentity, reason: "mail.permission-missing", advice: askMail},
	{on: mailing, status: 401, class: Auth, scope: ScopeIdentity, reason: "mail.permission-missing", advice: askMail},
	{on: mailing, status: 404, coded: true, class: Refused, scope: ScopeIdentity, reason: "mail.mailbox-unknown",
		advice: "The app setting MAIL_MAILBOX must name a user with a mailbox in Exchange Online. Correct it, then replay."},
	{on: mailing, status: 4, coded: true, class: Refused, scope: ScopeGuest, reason: "mail.refused",
		advice: "Check the guest's address and the mailbox that sends, then replay the row."},

	// What Guestlist's identity may do.
	{status: 401, class: Auth, scope: ScopeIdentity, reason: "permission.missing", advice: askRead},
	{on: inviting, code: denied, class: Auth, scope: ScopeIdentity, reason: "permission.missing", advice: askInvite},
	{on: inviting, text: insufficient, class: Auth, scope: ScopeIdentity, reason: "permission.missing", advice: askInvite},
	{on: inviting, text: "generic authorization exception", class: Auth, scope: ScopeIdentity, reason: "permission.missing", advice: askInvite},
	{on: assigning, code: denied, class: Auth, scope: ScopeIdentity, reason: "permission.missing", advice: askRoles},
	{on: assigning, text: insufficient, class: Auth, scope: ScopeIdentity, reason: "permission.missing", advice: askRoles},
	{code: denied, class: Auth, scope: ScopeIdentity, reason: "permission.missing", advice: askRead},
	{status: 403, text: insufficient, class: Auth, scope: ScopeIdentity, reason: "permission.missing", advice: askRead},

	// What nobody has seen yet. A 403 of a grant stays its target's; any other may be everybody's.
	{on: granting, status: 403, class: Refused, scope: ScopeTarget, reason: "graph.forbidden", advice: askVerbose},
	{status: 403, class: Refused, scope: ScopeIdentity, reason: "graph.forbidden", advice: askVerbose},
	{on: granting, status: 4, coded: true, class: Refused, scope: ScopeTarget, reason: "graph.refused", advice: askVerbose},
	{status: 4, coded: true, class: Refused, scope: ScopeGuest, reason: "graph.refused", advice: askVerbose},
	// A 404 without a code is no answer of Microsoft Graph: a proxy, or a wrong endpoint.
	{status: 404, class: Transient, scope: ScopeOutage},
	{status: 4, class: Refused, scope: ScopeGuest, reason: "graph.refused", advice: askVerbose},
	{class: Transient, scope: ScopeOutage}, // no answer, an answer cut short, a redirect elsewhere
}
