package entra

import "slices"

// Switch is one behaviour that a test or an operator chooses.
type Switch struct {
	// Name is where it is set: config.X for a field of Config; seed.x, user.x, group.x, application.x, role.x and identity.x
	// for a key of the seed; setting.x for a key of POST /tenant and of the seed's settings; fault.x for a key of POST
	// /faults and rate.x for one of its rates; refusal.x for a fault of that name; control for a request to the second port.
	Name string `json:"name"`
	Does string `json:"does"`
	// Source says where the behaviour is described.
	Source string `json:"source"`
	// Evidence is D, M, T or U as in [Refusal]; E marks what only the emulator needs.
	Evidence string `json:"evidence"`
}

// Switches returns all switches, those of the catalogue of refusals included. GET /switches lists them.
func Switches() []Switch {
	all := slices.Clone(switches)
	for _, r := range catalogue {
		all = append(all, Switch{"refusal." + r.Name, "answers so, whatever the state of the directory", r.Source, r.Evidence})
	}
	return all
}

const own = "the emulator's own"

var switches = []Switch{
	{"config.Lag", "a new user is 404, then takes no app roles; filtered member lists follow later", "docs-contrib issue 2465, msgraph-sdk-dotnet issue 2508; no bound is documented", "T"},
	{"config.Limits", "429 beyond the limits on writes, invitations and resource units", "page throttling-limits", "D"},
	{"config.LimitWindow", "shorter windows at the same rates", own, "E"},
	{"config.Outgoing", "sendMail is served, and its mails go there", "page user-sendmail; its refusals are a guess", "U"},
	{"config.Faults", "a few requests fail by chance", "resource page errors: 503 and 504", "D"},
	{"config.RandSeed", "decides lags and chance", own, "E"},
	{"config.BlockAfter", "as setting.blockAfter", "Microsoft Q&A 5781008", "T"},
	{"config.IdentityHeader", "the secret of the identity endpoint, which tokens survive a restart with", "page on managed identities for App Service", "D"},
	{"config.TokenLife", "tokens end after so long", "page How managed identities work, 24 hours", "D"},
	{"config.Now", "the directory's clock", own, "E"},

	{"seed.verifiedDomains", "nobody in them is invited; initial and primary domain", "seen in a tenant in 2026; page organization", "T"},
	{"seed.contacts", "a guest beside a contact has no proxy address, so no direct link", "Entra page Troubleshoot B2B collaboration", "D"},
	{"seed.deletedUsers", "users in the recycle bin: not found, invited anew, restorable for 30 days", "page directory-deleteditems-restore; that an invitation makes a new user is a guess", "U"},
	{"seed.identities", "what each identity may do", "the page of each method, section Permissions", "D"},
	{"identity.permissions", "403 without them, 401 for invitations without any", "the page of each method; reports for 401", "D"},
	{"seed.settings", "the settings at the start", own, "E"},
	{"user.userType", "a member is refused an invitation, a guest is invited again", "msgraph-beta-sdk-dotnet issue 798", "T"},
	{"user.otherMails", "found by its filter; whose they are is invited again if a guest", "Entra page customize-invitation-api; for members a guess", "U"},
	{"user.proxyAddresses", "found by its filter with the prefix as written; collide with invitations", "Entra page Troubleshoot B2B collaboration; the case of the prefix is a guess", "U"},
	{"user.externalUserState", "PendingAcceptance until the link is redeemed", "resource page user", "D"},
	{"user.creationType", "Invitation makes a member that was a guest invitable", "reports on converted guests", "T"},
	{"user.accountEnabled", "a disabled member is refused with 412", "msgraph-sdk-php issue 301", "T"},
	{"group.mail", "an address that cannot be invited", "page on cross-tenant synchronisation", "D"},
	{"group.proxyAddresses", "addresses that cannot be invited", "Entra page Troubleshoot B2B collaboration", "D"},
	{"group.groupTypes", "DynamicMembership takes no members", "troubleshooting article of 2025-04-21", "D"},
	{"group.mailEnabled", "without Unified it takes no members", "reports", "T"},
	{"group.isAssignableToRole", "takes members from RoleManagement.ReadWrite.Directory only", "page group-post-members", "D"},
	{"group.onPremisesSyncEnabled", "takes no members", "resource page group; the text is that of other writes", "U"},
	{"group.refusesGuests", "takes no guests", "reports", "T"},
	{"group.maxMembers", "takes no more members", "tests of instructure/canvas-lms", "T"},
	{"application.appRoles", "without any the default role is assigned, else one of them", "resource page appRoleAssignment", "D"},
	{"role.isEnabled", "a disabled role is not assigned", "resource page appRole; the answer is a guess", "U"},
	{"role.allowedMemberTypes", "only roles for User are assigned to users and groups", "resource page appRole; the answer is a guess", "U"},
	{"application.assignments", "assigned already; 1,500 for one principal at most", "include entra-service-limits; that answer is a guess", "U"},
	{"application.appOwnerOrganizationId", "tells Microsoft's own applications", "resource page servicePrincipal", "D"},
	{"application.homepage", "where My Apps leads", "resource page servicePrincipal", "D"},

	{"setting.invitations", "the anti-abuse block, or no guests for this company", "Microsoft Q&A 12731593", "T"},
	{"setting.blockAfter", "the anti-abuse block after so many invitations", "Microsoft Q&A 5781008; thresholds are unknown", "T"},
	{"setting.allowInvitesFrom", "none and adminsAndGuestInviters keep applications out", "page invitation-post", "D"},
	{"setting.appsInviteUnderAdmins", "applications invite under adminsAndGuestInviters", "a report against the page", "T"},
	{"setting.dailyCap", "so many invitations a day, then 429 until midnight UTC", "no number and no answer is published", "U"},
	{"setting.mailsPerDay", "mails beyond it are lost in silence", "press on the limit of Exchange Online, 2025; entra-docs PR 1994", "T"},
	{"setting.allowedDomains", "other domains are not invited", "Entra page allow-deny-list", "D"},
	{"setting.blockedDomains", "these domains are neither invited nor redeem", "Entra page allow-deny-list", "D"},
	{"setting.crossTenantBlocked", "these domains are not invited", "Entra page Troubleshoot B2B collaboration", "D"},
	{"setting.objectQuota", "no new guests beyond it; deleted objects count", "include entra-service-limits; that answer is a guess", "U"},
	{"setting.stateFilter", "whether filters on externalUserState are advanced queries", "tables of the page aad-advanced-queries leave it out", "U"},
	{"setting.proxyPrefixFolds", "filters find SMTP:a by smtp:a", "no page says", "U"},
	{"setting.membersOtherMails", "a member's other mails block invitations", "no page says", "U"},
	{"setting.deletedGuests", "inviting a deleted guest's address makes a new user, or restores the old one", "no page says", "U"},
	{"setting.oldLinksLive", "older redeem links stay alive", "no page says; docs issue 8380 hints at it", "U"},
	{"setting.invitationsApart", "invitations do not count as writes", "no page says", "U"},
	{"setting.patchCost", "a PATCH of members costs one write, or a third of one for each", "instructure/canvas-lms", "T"},
	{"setting.retryAfter", "the form of Retry-After: seconds, date, wrong, zero, none", "page throttling; RFC 9110; a report of answers without it", "T"},
	{"setting.limitHeaders", "resource units of each answer, use from 0.8 on", "page throttling-limits", "D"},

	{"fault.operation", "strikes requests of one operation", own, "E"},
	{"fault.method", "strikes one method only", own, "E"},
	{"fault.address", "strikes requests about one guest only", own, "E"},
	{"fault.refusal", "answers from the catalogue", "see the refusal", "E"},
	{"fault.status", "answers with a status", own, "E"},
	{"fault.code", "with this code", own, "E"},
	{"fault.message", "with this text", own, "E"},
	{"fault.retryAfter", "with this header, in any form", "RFC 9110", "D"},
	{"fault.after", "after the work was done", "resource page errors: 504 says nothing of the outcome", "D"},
	{"fault.reset", "cuts the connection", own, "E"},
	{"fault.delay", "answers late", own, "E"},
	{"fault.vanish", "201, and no guest ever appears", "msgraph-sdk-powershell issue 3399", "T"},
	{"fault.count", "strikes so often", own, "E"},
	{"fault.rate", "strikes a share of requests", own, "E"},
	{"rate.before", "503 or 504, nothing done", "resource page errors", "D"},
	{"rate.afterWrite", "504, the write done", "resource page errors", "D"},
	{"rate.reset", "the connection cut before or after", own, "E"},
	{"rate.throttle", "429, half of them without Retry-After", "page throttling: below the limits too", "D"},
	{"rate.slow", "a second late", own, "E"},

	{"control POST /identities", "an identity's permissions, from its next token on", "page access-tokens, claim roles", "D"},
	{"control POST /tokens/revoke", "all tokens end", "page on continuous access evaluation; the text is that of expiry", "U"},
	{"control POST /reset", "back to the seed", own, "E"},
	{"control POST /users", "adds or changes a user, also /groups and /applications; DELETE removes", own, "E"},
}
