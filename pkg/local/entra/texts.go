package entra

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Refusal is one answer that Microsoft Graph is known to give instead of success. The directory gives it by its state
// where it can; a [Fault] with its name gives it in any case. In Message, {id} stands for the object in question, {n} and
// {max} for numbers.
type Refusal struct {
	Name       string   `json:"name"`
	Operations []string `json:"operations"` // where it was seen
	Status     int      `json:"status"`
	Code       string   `json:"code"`
	Message    string   `json:"message"`
	Source     string   `json:"source"`
	// Evidence is D for Microsoft's documents, M for a Microsoft employee's statement, T for a report by somebody else. U
	// marks an answer of which some part, as Source says, is the emulator's own.
	Evidence string `json:"evidence"`
}

// The names of the refusals, as a [Fault] takes them.
const (
	memberExists      = "member-exists"
	memberDisabled    = "member-disabled"
	verifiedDomain    = "verified-domain"
	groupAddress      = "group-address"
	badAddress        = "bad-address"
	crossTenant       = "cross-tenant-blocked"
	domainDenied      = "domain-denied"
	guestsDisallowed  = "guests-disallowed"
	suspicious        = "suspicious-activity"
	noPermission      = "no-permission"
	insufficient      = "insufficient-privileges"
	resetMismatch     = "reset-mismatch"
	resetDenied       = "reset-denied"
	noTarget          = "no-target-address"
	dailyCap          = "daily-cap"
	objectQuota       = "object-quota"
	tooMany           = "too-many-requests"
	notThere          = "not-there"
	companyUnreadable = "company-unreadable"
	alreadyMember     = "already-member"
	sourceMissing     = "source-missing"
	mailEnabled       = "mail-enabled"
	syncedGroup       = "synced-group"
	guestsKeptOut     = "guests-kept-out"
	memberQuota       = "member-quota"
	tooManyReferences = "too-many-references"
	badReference      = "bad-reference"
	alreadyAssigned   = "already-assigned"
	unknownRole       = "unknown-role"
	notValidReference = "not-valid-reference"
	assignmentQuota   = "assignment-quota"
	tokenEmpty        = "token-empty"
	tokenBroken       = "token-broken"
	tokenAudience     = "token-audience"
	tokenExpired      = "token-expired"
	unavailable       = "unavailable"
	gatewayTimeout    = "gateway-timeout"
	internalError     = "internal-error"
)

// Codes that Microsoft Graph puts into the envelope (source: resource page errors, and the sources of the rows).
const (
	codeBad       = "Request_BadRequest"
	codeQuery     = "Request_UnsupportedQuery"
	codeNotFound  = "Request_ResourceNotFound"
	codeDenied    = "Authorization_RequestDenied"
	codePlainBad  = "BadRequest"
	codeForbidden = "Forbidden"
	codeTooMany   = "TooManyRequests"
	codeToken     = "InvalidAuthenticationToken"
)

// Refusals returns the catalogue: every text that the emulator has from a source.
func Refusals() []Refusal { return slices.Clone(catalogue) }

var (
	inviting  = []string{opInvite}
	anything  = []string{opAny}
	writing   = []string{opMember}
	assigning = []string{opAppRole}
)

var catalogue = []Refusal{
	{memberExists, inviting, 400, codePlainBad, "The invited user already exists in the directory as objectID: {id}. They can use that account to sign in to shared apps and resources.",
		"msgraph-beta-sdk-dotnet issue 798; status and code not recorded", "U"},
	{memberDisabled, inviting, 412, codePlainBad, "The invited user already exists in the directory as object ID: {id}, but the account is blocked from signing in. " +
		"If the account is unblocked, they can use that account to sign in to shared apps and resources.", "msgraph-sdk-php issue 301; code not recorded", "U"},
	{verifiedDomain, inviting, 400, codePlainBad, "This user cannot be invited because the domain of the user's email address is a verified domain of this directory.",
		"seen in a tenant in 2026; status and code not recorded", "U"},
	{groupAddress, inviting, 400, codePlainBad, "Group email address is not supported", "page on cross-tenant synchronisation, list of causes; code not recorded", "U"},
	{badAddress, inviting, 400, codePlainBad, "The Primary SMTP Address is an invalid value", "msgraph-sdk-dotnet issue 2786; code not recorded", "U"},
	{crossTenant, inviting, 400, codePlainBad, "This invitation is blocked by cross-tenant access settings. Admins in both your organization and the invited user's organization " +
		"must configure cross-tenant access settings to allow the invitation.", "Entra page Troubleshoot B2B collaboration; status and code not recorded", "U"},
	{domainDenied, inviting, 400, codePlainBad, "The domain of the user is currently blocked by your invitation policy.", "Entra page on allow and deny lists, a paraphrase; status, code and exact text not recorded", "U"},
	{guestsDisallowed, inviting, 403, codeForbidden, "Guest invitations not allowed for your company. Contact your company administrator for more details.", "several reports", "T"},
	{suspicious, inviting, 403, codeForbidden, "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support for help.", "Microsoft Q&A 12731593 and 5781008", "T"},
	{noPermission, inviting, 401, "Unauthorized", "The application has no permission for Microsoft Graph.", "reports of service principals without any permission; only the status is known", "U"},
	{insufficient, anything, 403, codeDenied, "Insufficient privileges to complete the operation.", "troubleshooting article of 2025-04-21", "D"},
	{resetMismatch, inviting, 400, codePlainBad, "The email you’re using to invite this user doesn’t match any emails on the user object. Please add this email to the user object and try again.", "azure-docs issue 71825", "T"},
	{resetDenied, inviting, 403, codeForbidden, "Generic authorization exception.", "azure-docs issue 71825", "T"},
	{noTarget, inviting, 500, "InternalServerError", "Unable to find target address", "microsoft-graph-docs issue 22397", "T"},
	{dailyCap, inviting, 429, codeTooMany, "Too many requests.", "nobody has published a number of invitations a day, nor what is answered beyond it", "U"},
	{objectQuota, inviting, 403, "Directory_QuotaExceeded", "The directory object quota limit for the Tenant has been exceeded. Please ask your administrator to increase the quota limit or delete objects to reduce the used quota.",
		"active-directory-dotnet-graphapi-console issue 45; for invitations not recorded", "U"},
	{tooMany, anything, 429, codeTooMany, "Too many requests.", "microsoft-graph-docs-contrib issue 1975", "T"},
	{notThere, anything, 404, codeNotFound, "Resource '{id}' does not exist or one of its queried reference-property objects are not present.", "troubleshooting article of 2025-04-21", "D"},
	{companyUnreadable, []string{opLookup, opMember, opAppRole}, 404, "Directory_ObjectNotFound", "Unable to read the company information from the directory.", "microsoft-graph-docs-contrib issue 2465", "T"},
	{alreadyMember, writing, 400, codeBad, "One or more added object references already exist for the following modified properties: 'members'.", "page group-post-members", "D"},
	{sourceMissing, []string{opMember, opAppRole}, 400, codeBad, "The source resource object or one of the objects being referenced don't exist.", "page group-post-members, on groups just created; code not recorded", "D"},
	{mailEnabled, writing, 400, codeBad, "Cannot Update a mail-enabled security groups and or distribution list.", "reports; code not recorded", "T"},
	{syncedGroup, writing, 400, codeBad, "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.", "reports on other writes to synchronised objects; for members not recorded", "U"},
	{guestsKeptOut, writing, 403, codeDenied, "Guests users are not allowed to join this Unified Group due to policy setting. paramName: Members", "reports; cut short there, code not recorded", "U"},
	{memberQuota, writing, 403, "Directory_QuotaExceeded", "Unable to perform operation as '{n}' would exceed the maximum quota count '{max}' for forward-link 'members'.", "tests of instructure/canvas-lms", "T"},
	{tooManyReferences, writing, 400, codeBad, "The number of references in 'members@odata.bind' must be between 1 and 20.", "page group-post-members gives the number; the text is the emulator's own", "U"},
	{badReference, writing, 400, codeBad, "Invalid URL format specified in payload.", "reports; not recorded for all malformed references", "U"},
	{alreadyAssigned, assigning, 400, codeBad, "Permission being assigned already exists on the object", "reports in issues of terraform-provider-azuread and msgraph SDKs", "T"},
	{unknownRole, assigning, 400, codeBad, "Permission being assigned was not found on application", "reports; for disabled roles and those of applications not recorded", "T"},
	{notValidReference, assigning, 400, codeBad, "Not a valid reference update.", "msgraph-sdk-dotnet issue 2508", "T"},
	{assignmentQuota, assigning, 403, "Directory_QuotaExceeded", "Unable to perform operation as it would exceed the maximum quota count '{max}' for app role assignments.",
		"include entra-service-limits gives the number; the answer is the emulator's own", "U"},
	{tokenEmpty, anything, 401, codeToken, "Access token is empty.", "seen at Microsoft Graph; not documented", "T"},
	{tokenBroken, anything, 401, codeToken, "CompactToken parsing failed with error code: 80049217", "seen at Microsoft Graph; not documented", "T"},
	{tokenAudience, anything, 401, codeToken, "Access token validation failure. Invalid audience.", "seen at Microsoft Graph; not documented", "T"},
	{tokenExpired, anything, 401, codeToken, "Lifetime validation failed, the token is expired.", "seen at Microsoft Graph; not documented", "T"},
	{unavailable, anything, 503, "ServiceUnavailable", "The service is unavailable.", "resource page errors gives the status; the text is the emulator's own", "U"},
	{gatewayTimeout, anything, 504, "UnknownError", "The gateway did not receive a response in time.", "resource page errors gives the status; the text is the emulator's own", "U"},
	{internalError, anything, 500, "InternalServerError", "There was an internal server error while processing the request.", "resource page errors gives the status; the text is the emulator's own", "U"},
}

// known finds a refusal by its name.
func known(name string) (Refusal, bool) {
	i := slices.IndexFunc(catalogue, func(r Refusal) bool { return r.Name == name })
	if i < 0 {
		return Refusal{}, false
	}
	return catalogue[i], true
}

// say gives a refusal of the catalogue; words are pairs of a placeholder, with its braces, and what it stands for.
func say(name string, words ...any) answer {
	r, ok := known(name)
	if !ok {
		panic("entra: no refusal is called " + name)
	}
	a := refuse(r.Status, r.Code, fill(r.Message, words...))
	if r.Status == http.StatusUnauthorized {
		a.header = map[string]string{"WWW-Authenticate": challenge}
	}
	return a
}

func fill(message string, words ...any) string {
	for i := 0; i+1 < len(words); i += 2 {
		message = strings.ReplaceAll(message, fmt.Sprint(words[i]), fmt.Sprint(words[i+1]))
	}
	return message
}

// challenge comes with every 401 (source: concept page auth, and what Microsoft Graph was seen to send).
const challenge = `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`

// missing is the answer about an object that is not there, or not yet.
func missing(id string) answer { return say(notThere, "{id}", id) }
