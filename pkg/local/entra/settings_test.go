package entra_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

// set changes settings through the controls.
func (c *client) set(settings string) {
	c.t.Helper()
	c.control("POST", "/tenant", settings).want(c.t, 204, "", "")
}

func TestSettingsComeFromTheSeedAndFromTheControls(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Settings = entra.Settings{DailyCap: 3, BlockedDomains: []string{"bad.example"}}
	c := serve(t, entra.Config{Seed: s})
	c.set(`{"retryAfter":"date","blockedDomains":["worse.example","worst.example"]}`)
	want := entra.Settings{Invitations: "open", AllowInvitesFrom: "everyone", StateFilter: "advanced", DeletedGuests: "new", PatchCost: "one", RetryAfter: "date", DailyCap: 3,
		BlockedDomains: []string{"worse.example", "worst.example"}}
	if diff := cmp.Diff(want, c.s.Tenant()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if got := c.control("GET", "/tenant", "").text("retryAfter"); got != "date" {
		t.Errorf("GET /tenant says %q", got)
	}
	for _, body := range []string{`{"invitations":"maybe"}`, `{"allowInvitesFrom":"me"}`, `{"stateFilter":"x"}`, `{"retryAfter":"x"}`, `{"dailyCap":-1}`, `{"color":1}`, `{`,
		`{"allowedDomains":["a.example"]}`} {
		if r := c.control("POST", "/tenant", body); r.status != 400 || r.text("error") == "" {
			t.Errorf("%s: %d %s", body, r.status, r.raw)
		}
	}
	if diff := cmp.Diff(want, c.s.Tenant()); diff != "" {
		t.Errorf("settings after refusals (-want +got):\n%s", diff)
	}
	c.control("POST", "/reset", "").want(t, 204, "", "")
	if got := c.s.Tenant(); got.RetryAfter != "seconds" || !cmp.Equal(got.BlockedDomains, []string{"bad.example"}) {
		t.Errorf("settings after reset %+v", got)
	}
}

const disallowed = "Guest invitations not allowed for your company. Contact your company administrator for more details."

func TestTheAuthorizationPolicyKeepsApplicationsOut(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for _, tc := range []struct {
		settings string
		status   int
	}{{`{"allowInvitesFrom":"none"}`, 403}, {`{"allowInvitesFrom":"adminsAndGuestInviters"}`, 403}, {`{"appsInviteUnderAdmins":true}`, 201},
		{`{"allowInvitesFrom":"none"}`, 403}, {`{"allowInvitesFrom":"adminsGuestInvitersAndAllMembers"}`, 201}, {`{"allowInvitesFrom":"everyone"}`, 201}} {
		c.set(tc.settings)
		r := c.invite(address)
		r.want(t, tc.status, "", "")
		if tc.status == 403 {
			r.want(t, 403, "Forbidden", disallowed)
		}
		if got := c.do("GET", "/policies/authorizationPolicy", "").text("allowInvitesFrom"); got != c.s.Tenant().AllowInvitesFrom {
			t.Errorf("the policy says %q", got)
		}
	}
}

func TestADayHasACapOfInvitations(t *testing.T) {
	t.Parallel()
	now := newClock() // 03:02:01
	c := serve(t, entra.Config{Now: now.Now})
	c.set(`{"dailyCap":2}`)
	c.invite("a@partner.example").want(t, 201, "", "")
	c.invite("a@partner.example").want(t, 201, "", "")
	r := c.invite("b@partner.example")
	r.want(t, 429, "TooManyRequests", "")
	if got := r.header.Get("Retry-After"); got != "75479" { // to midnight, UTC
		t.Errorf("Retry-After %q", got)
	}
	now.advance(75479 * time.Second)
	c.token = c.newToken("resource=https://graph.microsoft.com&api-version=2019-08-01")
	c.invite("b@partner.example").want(t, 201, "", "")
}

func TestMailsBeyondTheDaysAreLostInSilence(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Now: now.Now, TokenLife: 100 * time.Hour})
	c.set(`{"mailsPerDay":2}`)
	for _, a := range []string{"a@partner.example", "b@partner.example", "c@partner.example"} {
		c.inviteMail(a, true).want(t, 201, "", "")
	}
	if s := c.s.Stats(); s.MailsByMicrosoft != 2 || s.MailsLost != 1 || c.s.State().Mails["c@partner.example"] != 0 {
		t.Errorf("stats %+v", s)
	}
	now.advance(24 * time.Hour)
	c.inviteMail("c@partner.example", true).want(t, 201, "", "")
	if s := c.s.Stats(); s.MailsByMicrosoft != 3 {
		t.Errorf("the next day: %+v", s)
	}
}

func TestOfSeveralCopiesOnlyTheLastIsSent(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.do("POST", "/invitations", `{"invitedUserEmailAddress":"`+address+`","inviteRedirectUrl":"`+redirect+`","sendInvitationMessage":true,"invitedUserMessageInfo":{"ccRecipients":[`+
		`{"emailAddress":{"address":"one@contoso.example"}},{"emailAddress":{"address":"Two@contoso.example"}}]}}`).want(t, 201, "", "")
	if got := c.s.State().Copies; !cmp.Equal(got, map[string]int{"two@contoso.example": 1}) {
		t.Errorf("copies %v", got)
	}
}

func TestDomainsAreKeptOutByListsAndByCrossTenantAccess(t *testing.T) {
	t.Parallel()
	const denied, crossTenant = "The domain of the user is currently blocked by your invitation policy.", "This invitation is blocked by cross-tenant access settings. " +
		"Admins in both your organization and the invited user's organization must configure cross-tenant access settings to allow the invitation."
	c := serve(t, entra.Config{})
	c.set(`{"blockedDomains":["Bad.example"],"crossTenantBlocked":["far.example"]}`)
	c.invite("a@bad.example").want(t, 400, "BadRequest", denied)
	c.invite("a@far.example").want(t, 400, "BadRequest", crossTenant)
	link := c.invite(address).text("inviteRedeemUrl")
	c.set(`{"blockedDomains":[],"allowedDomains":["Good.example"]}`)
	c.invite("a@bad.example").want(t, 400, "BadRequest", denied)
	c.invite(address).want(t, 400, "BadRequest", denied) // existing guests as well
	c.invite("a@good.example").want(t, 201, "", "")
	c.send(request{method: "POST", url: link}).want(t, 403, "", "") // and redemption, when the list came later
	if got := c.do("GET", "/users?$select=externalUserState&$filter=mail+eq+'"+address+"'", ""); !strings.Contains(got.raw, "PendingAcceptance") {
		t.Errorf("redeemed nevertheless: %s", got.raw)
	}
}

func TestTheDirectoryHoldsSoManyObjects(t *testing.T) {
	t.Parallel()
	s := seed() // 3 users, 1 group, 2 applications
	s.Contacts = []entra.Contact{{Mail: "c@partner.example"}}
	s.Settings.ObjectQuota = 8
	c := serve(t, entra.Config{Seed: s})
	c.invite("a@partner.example").want(t, 201, "", "")
	c.invite("b@partner.example").want(t, 403, "Directory_QuotaExceeded", "")
	c.invite("a@partner.example").want(t, 201, "", "")
	c.do("DELETE", "/users/"+memberID, "").want(t, 204, "", "") // deleted ones count
	c.invite("b@partner.example").want(t, 403, "Directory_QuotaExceeded", "")
}

func TestTheOrganizationTellsItsDomains(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	r := c.do("GET", "/organization?$select=id,verifiedDomains", "")
	want := []any{map[string]any{"id": tenantID, "verifiedDomains": []any{
		map[string]any{"name": "contoso.example", "type": "Managed", "capabilities": "Email, OfficeCommunicationsOnline", "isInitial": false, "isDefault": true},
		map[string]any{"name": "contoso.onmicrosoft.com", "type": "Managed", "capabilities": "Email, OfficeCommunicationsOnline", "isInitial": true, "isDefault": false}}}}
	if diff := cmp.Diff(want, r.json["value"]); diff != "" {
		t.Errorf("organization (-want +got):\n%s", diff)
	}
}

func TestWhatNoPageSaysCanBeEitherWay(t *testing.T) {
	t.Parallel()
	s := seed()
	s.DeletedUsers = []entra.User{{ID: absentID, Mail: address, UserType: "Guest", ExternalUserState: "Accepted"}}
	c := serve(t, entra.Config{Seed: s})

	const primary = "proxyAddresses/any(p:p eq 'smtp:gus@partner.example')"
	if got := c.find(primary); len(got) != 0 {
		t.Errorf("the prefix folds: %v", got)
	}
	c.set(`{"proxyPrefixFolds":true}`)
	if got := c.find(primary + " or mail eq 'x@partner.example'"); !cmp.Equal(got, []string{guestID}) {
		t.Errorf("the prefix does not fold: %v", got)
	}

	c.set(`{"membersOtherMails":true}`)
	c.invite("mia@home.example").want(t, 400, "BadRequest", "")
	c.set(`{"membersOtherMails":false}`)
	c.invite("mia@home.example").want(t, 201, "", "")

	c.set(`{"deletedGuests":"restored"}`)
	first := c.invite(address)
	if id := first.text("invitedUser", "id"); id != absentID {
		t.Errorf("user %s, want the old one", id)
	}
	if got := c.do("GET", "/users/"+absentID+"?$select=externalUserState", "").text("externalUserState"); got != "PendingAcceptance" {
		t.Errorf("restored as %q", got)
	}

	c.set(`{"oldLinksLive":true}`)
	second := c.invite(address)
	for _, r := range []response{first, second} {
		c.send(request{method: "GET", url: r.text("inviteRedeemUrl")}).want(t, 200, "", "")
	}
	c.do("DELETE", "/users/"+absentID, "").want(t, 204, "", "")
	for _, r := range []response{first, second} {
		c.send(request{method: "GET", url: r.text("inviteRedeemUrl")}).want(t, 404, "", "")
	}
}
