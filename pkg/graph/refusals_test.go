package graph_test

import "guestlist/pkg/graph"

// outcome is what a step sees of a refusal.
type outcome struct {
	class   graph.Class
	scope   graph.Scope
	certain bool
	verdict string // "later", "not found", "attempt", or the failure's code; after a slash the code of a spent budget
}

const badRequest, notFound, denied = "Request_BadRequest", "Request_ResourceNotFound", "Authorization_RequestDenied"

const insufficient = "Insufficient privileges to complete the operation."

const (
	throttled = graph.Throttled
	transient = graph.Transient
	lagging   = graph.Replicating
	refused   = graph.Refused

	nobody = graph.ScopeNone
	guest  = graph.ScopeGuest
	target = graph.ScopeTarget
	tenant = graph.ScopeTenant
	myself = graph.ScopeIdentity
	outage = graph.ScopeOutage
)

func missing(id string) answer {
	return refusal(404, notFound, "Resource '"+id+"' does not exist or one of its queried reference-property objects are not present.")
}

var html = map[string]string{"Content-Type": "text/html"}

// The operations that one row of refusals is about.
var (
	every    []graph.Operation
	invites  = []graph.Operation{graph.Invite}
	adds     = []graph.Operation{graph.AddMember, graph.AddMembers}
	assigns  = []graph.Operation{graph.AssignRole}
	grants   = []graph.Operation{graph.AddMember, graph.AddMembers, graph.AssignRole}
	byID     = []graph.Operation{graph.ReadUser, graph.ReadGroup, graph.ReadApplication, graph.ReadMembership}
	mails    = []graph.Operation{graph.SendMail}
	searches = []graph.Operation{graph.FindUser, graph.ListUsers, graph.ListGuests}
)

// refusals has an answer for every row of the table, word for word where the words are known.
var refusals = []struct {
	on   []graph.Operation
	got  answer
	want outcome
}{
	{every, refusal(429, "TooManyRequests", "Too many requests."), outcome{throttled, nobody, true, "later"}},
	{mails, refusal(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit."), outcome{throttled, nobody, true, "later"}},
	{mails, refusal(503, "serviceUnavailable", "busy"), outcome{transient, outage, false, "attempt"}},
	{mails, refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."), outcome{graph.Auth, myself, true, "mail.permission-missing"}},
	{mails, refusal(401, "InvalidAuthenticationToken", "Access token is empty."), outcome{graph.Auth, myself, true, "mail.permission-missing"}},
	{mails, refusal(404, "ErrorInvalidUser", "The requested user '"+userID+"' is invalid."), outcome{refused, myself, true, "mail.mailbox-unknown"}},
	{mails, refusal(400, "ErrorInvalidRecipients", "At least one recipient is not valid: "+address), outcome{refused, guest, true, "mail.refused"}},
	{every, paced(refusal(503, "serviceUnavailable", "busy")), outcome{throttled, outage, false, "later"}},
	{every, paced(refusal(504, "", "")), outcome{throttled, outage, false, "later"}},
	{every, paced(refusal(500, "InternalServerError", "")), outcome{throttled, outage, false, "later"}},
	{every, refusal(500, "InternalServerError", "Unable to find target address"), outcome{transient, outage, false, "attempt"}},
	{every, answer{502, "<html>", html}, outcome{transient, outage, false, "attempt"}},
	{every, answer{503, "", nil}, outcome{transient, outage, false, "attempt"}},
	{every, refusal(504, "UnknownError", ""), outcome{transient, outage, false, "attempt"}},
	{every, answer{408, "", nil}, outcome{transient, outage, false, "attempt"}},
	{every, answer{302, "", map[string]string{"Location": "https://elsewhere.example/"}}, outcome{transient, outage, false, "attempt"}},
	{every, answer{302, `{"id":"u","value":[],"invitedUser":{"id":"u"}}`, nil}, outcome{transient, outage, false, "attempt"}},
	{every, answer{200, "<html>", html}, outcome{transient, outage, false, "attempt"}},
	{every, answer{200, "", nil}, outcome{transient, outage, false, "attempt"}},
	{every, answer{200, "{}", nil}, outcome{transient, outage, false, "attempt"}},
	{every, refusal(401, "InvalidAuthenticationToken", "Access token is empty."), outcome{graph.Auth, myself, true, "permission.missing"}},
	{every, answer{404, "page not found", map[string]string{"Content-Type": "text/plain"}}, outcome{transient, outage, true, "attempt"}},
	{every, answer{404, "{}", nil}, outcome{transient, outage, true, "attempt"}},
	{every, answer{400, "<html>", html}, outcome{refused, guest, true, "graph.refused"}},

	{invites, refusal(403, "Forbidden", "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support for help."),
		outcome{graph.Tenant, tenant, true, "tenant.blocked"}},
	{invites, refusal(403, "Forbidden", "Guest invitations not allowed for your company. Contact your company administrator for more details."),
		outcome{graph.Tenant, tenant, true, "tenant.invitations-off"}},
	{invites, refusal(403, "Directory_QuotaExceeded", "The directory object quota limit for the Tenant has been exceeded. Please ask your administrator to "+
		"increase the quota limit or delete objects to reduce the used quota."), outcome{graph.Tenant, tenant, true, "tenant.full"}},

	{invites, refusal(400, "BadRequest", "This user cannot be invited because the domain of the user's email address is a verified domain of this directory."),
		outcome{refused, guest, true, "invite.domain-verified"}},
	{invites, refusal(400, "BadRequest", "The invited user already exists in the directory as objectID: "+userID+
		". They can use that account to sign in to shared apps and resources."), outcome{refused, guest, true, "member.exists"}},
	{invites, refusal(412, "PreconditionFailed", "The invited user already exists in the directory as object ID: "+userID+", but the account is blocked "+
		"from signing in. If the account is unblocked, they can use that account to sign in to shared apps and resources."),
		outcome{refused, guest, true, "member.disabled"}},
	{invites, refusal(400, badRequest, "Another object with the same value for property proxyAddresses already exists."), outcome{refused, guest, true, "invite.address-taken"}},
	{invites, refusal(400, "BadRequest", "The Primary SMTP Address is an invalid value"), outcome{refused, guest, true, "invite.address-refused"}},
	{invites, refusal(400, "BadRequest", "Group email address is not supported"), outcome{refused, guest, true, "invite.address-refused"}},
	{invites, refusal(403, "Forbidden", "This invitation is blocked by cross-tenant access settings. Admins in both your organization and the invited "+
		"user's organization must configure cross-tenant access settings to allow the invitation."), outcome{refused, guest, true, "invite.domain-blocked"}},
	{invites, refusal(400, "BadRequest", "The domain of the user is currently blocked by your invitation policy."), outcome{refused, guest, true, "invite.domain-blocked"}},
	{invites, refusal(400, "BadRequest", "The email you’re using to invite this user doesn’t match any emails on the user object. Please add this email to the user "+
		"object and try again."), outcome{refused, guest, true, "invite.address-refused"}},
	{invites, refusal(403, denied, insufficient), outcome{graph.Auth, myself, true, "permission.missing"}},
	{invites, refusal(403, "Forbidden", insufficient), outcome{graph.Auth, myself, true, "permission.missing"}},
	{invites, refusal(403, "Forbidden", "Generic authorization exception."), outcome{graph.Auth, myself, true, "permission.missing"}},
	{invites, refusal(404, notFound, "no such thing"), outcome{refused, guest, true, "graph.refused"}},

	{[]graph.Operation{graph.AddMember}, refusal(400, badRequest, "One or more added object references already exist for the following modified properties: 'members'."),
		outcome{"", nobody, false, "done"}},
	{[]graph.Operation{graph.AddMembers}, refusal(400, badRequest, "One or more added object references already exist for the following modified properties: 'members'."),
		outcome{graph.Already, nobody, true, "attempt"}},
	{adds, refusal(400, badRequest, "Cannot Update a mail-enabled security groups and or distribution list."), outcome{refused, target, true, "group.mail-enabled"}},
	{adds, refusal(400, badRequest, "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration."),
		outcome{refused, target, true, "group.synced"}},
	{adds, refusal(403, "Forbidden", "Guests users are not allowed to join this Unified Group due to policy setting. paramName: Members"),
		outcome{refused, target, true, "group.forbidden"}},
	{adds, refusal(403, "Forbidden", "The operation would exceed the maximum quota count 250 for forward-link type members"), outcome{refused, target, true, "group.full"}},
	{adds, refusal(403, denied, insufficient), outcome{graph.Auth, target, true, "group.forbidden"}},
	{adds, refusal(403, "Forbidden", insufficient), outcome{graph.Auth, target, true, "group.forbidden"}},
	{adds, missing(groupID), outcome{lagging, target, true, "later/group.unknown"}},
	{adds, missing(userID), outcome{lagging, nobody, true, "later/graph.not-found"}},

	{assigns, refusal(400, badRequest, "Permission being assigned already exists on the object"), outcome{"", nobody, false, "done"}},
	{assigns, refusal(400, badRequest, "Permission being assigned was not found on application"), outcome{lagging, target, true, "later/role.unknown"}},
	{assigns, refusal(403, "Directory_QuotaExceeded", "Unable to perform operation as it would exceed the maximum quota count '1500' for app role assignments."),
		outcome{refused, target, true, "application.full"}},
	{assigns, refusal(400, badRequest, "Not a valid reference update."), outcome{lagging, nobody, true, "later/graph.not-found"}},
	{assigns, missing(spID), outcome{lagging, target, true, "later/application.unknown"}},
	{assigns, missing(userID), outcome{lagging, nobody, true, "later/graph.not-found"}},
	{assigns, refusal(403, denied, insufficient), outcome{graph.Auth, myself, true, "permission.missing"}},
	{assigns, refusal(403, "Forbidden", insufficient), outcome{graph.Auth, myself, true, "permission.missing"}},

	{grants, refusal(400, badRequest, "The source resource object or one of the objects being referenced don't exist."), outcome{lagging, nobody, true, "later/graph.not-found"}},
	{grants, refusal(404, "Directory_ObjectNotFound", "Unable to read the company information from the directory."), outcome{lagging, nobody, true, "later/graph.not-found"}},
	{grants, refusal(403, "Forbidden", "Some new reason"), outcome{refused, target, true, "graph.forbidden"}},
	{grants, refusal(400, badRequest, "Violet elephants may not join on Tuesdays."), outcome{refused, target, true, "graph.refused"}},

	{byID, missing(userID), outcome{graph.Absent, nobody, true, "not found"}},
	{byID, refusal(404, "Directory_ObjectNotFound", "Unable to read the company information from the directory."), outcome{graph.Absent, nobody, true, "not found"}},
	{byID, refusal(400, badRequest, "Invalid object identifier 'x'."), outcome{graph.Absent, nobody, true, "not found"}},
	{searches, refusal(404, "Directory_ObjectNotFound", "Unable to read the company information from the directory."), outcome{transient, outage, true, "attempt"}},
	{searches, refusal(403, denied, insufficient), outcome{graph.Auth, myself, true, "permission.missing"}},
	{byID, refusal(403, "Forbidden", insufficient), outcome{graph.Auth, myself, true, "permission.missing"}},

	{append(searches, invites...), refusal(403, "Forbidden", "Some new reason"), outcome{refused, myself, true, "graph.forbidden"}},
	{append(searches, invites...), refusal(400, "BadRequest", "Violet elephants may not be invited on Tuesdays."), outcome{refused, guest, true, "graph.refused"}},
}
