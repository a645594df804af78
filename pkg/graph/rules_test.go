package graph_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/graph"
	"guestlist/pkg/message"
)

const badRequest, notFound, denied = "Request_BadRequest", "Request_ResourceNotFound", "Authorization_RequestDenied"

const insufficient = "Insufficient privileges to complete the operation."

// outcome is what a step sees of a refusal.
type outcome struct {
	class   graph.Class
	certain bool
	verdict string // "later", "not found", "attempt", or the failure's code; after a slash the code of a spent budget
}

var refusals = []struct {
	op   graph.Operation // "" is every operation
	got  answer
	want outcome
}{
	{"", refusal(429, "TooManyRequests", "Too many requests."), outcome{graph.Throttled, true, "later"}},
	{"", paced(refusal(503, "serviceUnavailable", "busy")), outcome{graph.Throttled, false, "later"}},
	{"", paced(refusal(504, "", "")), outcome{graph.Throttled, false, "later"}},
	{"", paced(refusal(500, "InternalServerError", "")), outcome{graph.Throttled, false, "later"}},
	{"", refusal(500, "InternalServerError", "Unable to find target address"), outcome{graph.Transient, false, "attempt"}},
	{"", answer{502, "<html>", map[string]string{"Content-Type": "text/html"}}, outcome{graph.Transient, false, "attempt"}},
	{"", answer{503, "", nil}, outcome{graph.Transient, false, "attempt"}},
	{"", refusal(504, "UnknownError", ""), outcome{graph.Transient, false, "attempt"}},
	{"", answer{408, "", nil}, outcome{graph.Transient, false, "attempt"}},
	{"", answer{302, "", map[string]string{"Location": "https://elsewhere.example/"}}, outcome{graph.Transient, false, "attempt"}},
	{"", answer{302, `{"id":"u","value":[],"invitedUser":{"id":"u"}}`, nil}, outcome{graph.Transient, false, "attempt"}},
	{"", answer{200, "<html>", map[string]string{"Content-Type": "text/html"}}, outcome{graph.Transient, false, "attempt"}},
	{"", answer{200, "", nil}, outcome{graph.Transient, false, "attempt"}},
	{"", answer{200, "{}", nil}, outcome{graph.Transient, false, "attempt"}},
	{"", refusal(401, "InvalidAuthenticationToken", "Access token is empty."), outcome{graph.Auth, true, "permission.missing"}},
	{"", answer{404, "page not found", map[string]string{"Content-Type": "text/plain"}}, outcome{graph.Transient, true, "attempt"}},
	{"", answer{404, "{}", nil}, outcome{graph.Transient, true, "attempt"}},
	{"", answer{403, `{"error":{}}`, nil}, outcome{graph.Refused, true, "graph.refused"}},
	{"", refusal(400, "BadRequest", "Something nobody has seen before"), outcome{graph.Refused, true, "graph.refused"}},

	{graph.Invite, refusal(403, "Forbidden", "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support for help."),
		outcome{graph.Tenant, true, "tenant.blocked"}},
	{graph.Invite, refusal(403, "Forbidden", "Guest invitations not allowed for your company. Contact your company administrator for more details."),
		outcome{graph.Tenant, true, "tenant.invitations-off"}},
	{graph.Invite, refusal(400, "BadRequest", "This user cannot be invited because the domain of the user's email address is a verified domain of this directory."),
		outcome{graph.Refused, true, "invite.domain-verified"}},
	{graph.Invite, refusal(400, "BadRequest", "The invited user already exists in the directory as objectID: "+userID+
		". They can use that account to sign in to shared apps and resources."), outcome{graph.Refused, true, "member.exists"}},
	{graph.Invite, refusal(412, "PreconditionFailed", "The invited user already exists in the directory as object ID: "+userID+
		", but the account is blocked from signing in."), outcome{graph.Refused, true, "member.exists"}},
	{graph.Invite, refusal(400, "BadRequest", "The Primary SMTP Address is an invalid value"), outcome{graph.Refused, true, "invite.address-refused"}},
	{graph.Invite, refusal(400, "BadRequest", "Group email address is not supported"), outcome{graph.Refused, true, "invite.address-refused"}},
	{graph.Invite, refusal(403, "Forbidden", "This invitation is blocked by cross-tenant access settings. Admins in both your organization and the invited "+
		"user's organization must configure cross-tenant access settings to allow the invitation."), outcome{graph.Refused, true, "invite.domain-blocked"}},
	{graph.Invite, refusal(400, "BadRequest", "The domain of the user is currently blocked by your invitation policy."), outcome{graph.Refused, true, "invite.domain-blocked"}},
	{graph.Invite, refusal(403, denied, insufficient), outcome{graph.Auth, true, "permission.missing"}},
	{graph.Invite, refusal(403, "Forbidden", insufficient), outcome{graph.Auth, true, "permission.missing"}},
	{graph.Invite, refusal(403, "Forbidden", "Some new reason"), outcome{graph.Refused, true, "graph.refused"}},
	{graph.Invite, refusal(404, notFound, "no such thing"), outcome{graph.Refused, true, "graph.refused"}},

	{graph.AddMember, refusal(400, badRequest, "One or more added object references already exist for the following modified properties: 'members'."),
		outcome{"", false, "done"}},
	{graph.AddMember, refusal(400, badRequest, "Cannot Update a mail-enabled security groups and or distribution list."), outcome{graph.Refused, true, "group.mail-enabled"}},
	{graph.AddMember, refusal(403, "Forbidden", "Guests users are not allowed to join this Unified Group due to policy setting. paramName: Members"),
		outcome{graph.Refused, true, "group.forbidden"}},
	{graph.AddMember, refusal(403, "Forbidden", "The operation would exceed the maximum quota count 250 for forward-link type members"), outcome{graph.Refused, true, "group.full"}},
	{graph.AddMember, refusal(403, denied, insufficient), outcome{graph.Auth, true, "group.forbidden"}},
	{graph.AddMember, refusal(403, "Forbidden", insufficient), outcome{graph.Auth, true, "group.forbidden"}},
	{graph.AddMember, refusal(400, badRequest, "The source resource object or one of the objects being referenced don't exist."),
		outcome{graph.Replicating, true, "later/graph.not-found"}},
	{graph.AddMember, refusal(404, notFound, "Resource '"+userID+"' does not exist or one of its queried reference-property objects are not present."),
		outcome{graph.Replicating, true, "later/graph.not-found"}},

	{graph.AssignRole, refusal(400, badRequest, "Permission being assigned already exists on the object"), outcome{"", false, "done"}},
	{graph.AssignRole, refusal(400, badRequest, "Permission being assigned was not found on application"), outcome{graph.Replicating, true, "later/role.unknown"}},
	{graph.AssignRole, refusal(400, badRequest, "Not a valid reference update."), outcome{graph.Replicating, true, "later/graph.not-found"}},
	{graph.AssignRole, refusal(400, badRequest, "The source resource object or one of the objects being referenced don't exist."),
		outcome{graph.Replicating, true, "later/graph.not-found"}},
	{graph.AssignRole, refusal(404, notFound, "Resource '"+userID+"' does not exist."), outcome{graph.Replicating, true, "later/graph.not-found"}},
	{graph.AssignRole, refusal(403, denied, insufficient), outcome{graph.Auth, true, "permission.missing"}},
	{graph.AssignRole, refusal(403, "Forbidden", insufficient), outcome{graph.Auth, true, "permission.missing"}},

	{graph.ReadUser, refusal(404, notFound, "Resource '"+userID+"' does not exist."), outcome{graph.Absent, true, "not found"}},
	{graph.ReadUser, refusal(404, "Directory_ObjectNotFound", "Unable to read the company information from the directory."), outcome{graph.Absent, true, "not found"}},
	{graph.ReadGroup, refusal(404, notFound, "Resource '"+groupID+"' does not exist."), outcome{graph.Absent, true, "not found"}},
	{graph.ReadApplication, refusal(404, notFound, "Resource '"+appID+"' does not exist."), outcome{graph.Absent, true, "not found"}},
	{graph.ReadMembership, refusal(404, notFound, "Resource '"+groupID+"' does not exist."), outcome{graph.Absent, true, "not found"}},
	{graph.ReadUser, refusal(400, badRequest, "Invalid object identifier 'x'."), outcome{graph.Absent, true, "not found"}},
	{graph.ReadGroup, refusal(400, badRequest, "Invalid object identifier 'x'."), outcome{graph.Absent, true, "not found"}},
	{graph.ReadMembership, refusal(400, badRequest, "Invalid object identifier 'x'."), outcome{graph.Absent, true, "not found"}},
	{graph.FindUser, refusal(403, denied, insufficient), outcome{graph.Auth, true, "permission.missing"}},
	{graph.ReadGroup, refusal(403, "Forbidden", insufficient), outcome{graph.Auth, true, "permission.missing"}},
}

func paced(a answer) answer {
	a.header = map[string]string{"Retry-After": "7"}
	return a
}

func TestEveryRefusalHasItsVerdict(t *testing.T) {
	t.Parallel()
	rows := map[int]bool{}
	for _, tc := range refusals {
		f := serve(t, tc.got)
		for op, run := range operations(f.client(t)) {
			if tc.op != "" && tc.op != op {
				continue
			}
			err := run(t.Context())
			if diff := cmp.Diff(tc.want, judged(err), cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("%s answered %d %s (-want +got):\n%s%v", op, tc.got.status, tc.got.body, diff, err)
			}
			if err != nil {
				noSecrets(t, err.Error())
			}
			rows[graph.Row(asked(op, tc.got))] = true
		}
	}
	for i := range graph.Rules() {
		if !rows[i] {
			t.Errorf("no refusal here meets row %d of the table", i)
		}
	}
}

// asked is the error that an answer makes, as far as the table looks at it.
func asked(op graph.Operation, a answer) *graph.Error {
	e := &graph.Error{Operation: op, Status: a.status}
	if a.header["Retry-After"] != "" {
		e.RetryAfter = time.Second
	}
	if _, rest, ok := strings.Cut(a.body, `"code":"`); ok {
		e.Code, _, _ = strings.Cut(rest, `"`)
	}
	e.Message = a.body
	return e
}

func judged(err error) outcome {
	var o outcome
	if e, ok := errors.AsType[*graph.Error](err); ok {
		o.class, o.certain = e.Class, e.Certain()
	}
	v := graph.Verdict(err)
	later, isLater := errors.AsType[*message.Later](v)
	failure, isFailure := errors.AsType[*message.Failure](v)
	switch {
	case err == nil:
		o.verdict = "done"
	case errors.Is(v, graph.ErrNotFound):
		o.verdict = "not found"
	case isLater && later.Spent != nil:
		o.verdict = "later/" + later.Spent.Code
	case isLater:
		o.verdict = "later"
	case isFailure:
		o.verdict = failure.Code
	default:
		o.verdict = "attempt"
	}
	return o
}

// noSecrets fails if a text shows what no error may: the addresses of the call, its URL or a redeem URL.
func noSecrets(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{"o'hara", "o''hara", "o%27", "boss@", "partner.example", "redeem", "/v1.0/", "127.0.0.1:"} {
		if strings.Contains(strings.ToLower(text), secret) {
			t.Errorf("%q shows in: %s", secret, text)
		}
	}
}

func TestThrottlingWaitsAsLongAsTold(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 10 * time.Second, "7": 7 * time.Second, "1.2": 2 * time.Second, "0": 10 * time.Second, "-3": 10 * time.Second, "soon": 10 * time.Second,
		"NaN": 10 * time.Second, "1e300": 15 * time.Minute, "86400": 15 * time.Minute,
		date.Add(30 * time.Second).Format(httpTime): 30 * time.Second,
		date.Add(-time.Hour).Format(httpTime):       10 * time.Second,
	} {
		a := refusal(429, "TooManyRequests", "Too many requests.")
		a.header = map[string]string{"Retry-After": header, "Date": date.Format(httpTime)}
		_, err := serve(t, a).client(t).User(t.Context(), userID)
		later, ok := errors.AsType[*message.Later](graph.Verdict(err))
		if !ok || later.After != want || later.Budget != 0 || later.Why == "" {
			t.Errorf("Retry-After %q: %+v (%v), want %s without budget", header, later, err, want)
		}
	}
}

const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

func TestReplicationWaitsAQuarterOfAnHourThenFailsWithAReason(t *testing.T) {
	t.Parallel()
	f := serve(t, refusal(400, badRequest, "Not a valid reference update."))
	_, err := f.client(t).AssignRole(t.Context(), spID, roleID, userID)
	later, ok := errors.AsType[*message.Later](graph.Verdict(err))
	if !ok || later.After < 5*time.Second || later.After > 10*time.Second || later.Budget != 15*time.Minute {
		t.Fatalf("%+v (%v)", later, err)
	}
	want := &message.Failure{Code: "graph.not-found", Request: "req-1", Text: "Microsoft Graph answered: Not a valid reference update. " +
		"Check that the guest and the target still exist in the directory, then replay the row."}
	if diff := cmp.Diff(want, later.Spent); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

func TestUnknownRefusalsAreKeptVerbatim(t *testing.T) {
	t.Parallel()
	a := refusal(400, "BadRequest", "Reasons, “quoted” & <odd>.")
	a.header = map[string]string{"request-id": ""}
	_, err := serve(t, a).client(t).Invite(t.Context(), invitation())
	if got, want := err.Error(), "invite: 400 BadRequest: Reasons, “quoted” & <odd>. (request inner)"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	failure, ok := errors.AsType[*message.Failure](graph.Verdict(fmt.Errorf("row 7: %w", err)))
	if !ok || failure.Request != "inner" || !strings.Contains(failure.Text, ": Reasons, “quoted” & <odd>. Look") {
		t.Errorf("failure %+v", failure)
	}
}

func TestVerdictLeavesOtherErrorsAlone(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, graph.ErrNotFound, context.Canceled, message.Never("guest.ambiguous", "x"), &message.Later{After: 1}} {
		if got := graph.Verdict(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}
