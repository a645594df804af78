package entra_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

func TestAnInvitationIsAnsweredAsDocumented(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	r := c.do("POST", "/invitations", `{"@odata.type":"#microsoft.graph.invitation","invitedUserEmailAddress":"Ana.B-C@Partner.example","invitedUserDisplayName":"Ana",`+
		`"inviteRedirectUrl":"`+redirect+`","sendInvitationMessage":true,"invitedUserMessageInfo":{"customizedMessageBody":"Welcome",`+
		`"ccRecipients":[{"emailAddress":{"address":"boss@contoso.example"}}]}}`)
	r.want(t, 201, "", "")
	id, link := r.text("invitedUser", "id"), r.text("inviteRedeemUrl")
	if !strings.HasPrefix(link, c.s.URL()+"/redeem?ticket=") || r.text("id") == "" || id == "" {
		t.Errorf("link %q, invitation %q, user %q", link, r.text("id"), id)
	}
	for _, k := range []string{"id", "inviteRedeemUrl", "@odata.context"} {
		delete(r.json, k)
	}
	want := map[string]any{"invitedUserDisplayName": "Ana", "invitedUserType": "Guest", "invitedUserEmailAddress": "Ana.B-C@Partner.example",
		"sendInvitationMessage": true, "resetRedemption": false, "inviteRedirectUrl": redirect, "status": "PendingAcceptance",
		"invitedUserMessageInfo": map[string]any{"messageLanguage": nil, "customizedMessageBody": "Welcome",
			"ccRecipients": []any{map[string]any{"emailAddress": map[string]any{"name": nil, "address": "boss@contoso.example"}}}},
		"invitedUser": map[string]any{"id": id}}
	if diff := cmp.Diff(want, r.json); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	user := c.do("GET", "/users/"+id+"?$select=mail,userPrincipalName,userType,externalUserState,creationType,accountEnabled,otherMails,proxyAddresses,displayName", "")
	delete(user.json, "@odata.context")
	want = map[string]any{"mail": "Ana.B-C@Partner.example", "userPrincipalName": "Ana.B-C_Partner.example#EXT#@contoso.onmicrosoft.com", "userType": "Guest",
		"externalUserState": "PendingAcceptance", "creationType": "Invitation", "accountEnabled": true, "displayName": "Ana",
		"otherMails": []any{"Ana.B-C@Partner.example"}, "proxyAddresses": []any{"SMTP:Ana.B-C@Partner.example"}}
	if diff := cmp.Diff(want, user.json); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
}

func TestAGuestInvitedAgainStaysOneUserWithANewLinkAndAnotherMail(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	first, quiet, second := c.inviteMail(address, true), c.invite("ANA@Partner.Example"), c.inviteMail("ANA@Partner.Example", true)
	id := first.text("invitedUser", "id")
	for _, r := range []response{quiet, second} {
		r.want(t, 201, "", "")
		if r.text("invitedUser", "id") != id || r.text("inviteRedeemUrl") == first.text("inviteRedeemUrl") {
			t.Errorf("invited again: %s", r.raw)
		}
	}
	s := c.s.Stats()
	if s.UsersCreated != 1 || s.Invitations != 3 || s.MailsByMicrosoft != 2 || !cmp.Equal(s.DuplicateMails, []string{address}) || len(s.DuplicateUsers) != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAGuestIsInvitedByAnyOfItsAddresses(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Users = append(s.Users, entra.User{ID: absentID, Mail: "made.member@partner.example", CreationType: "Invitation"})
	c := serve(t, entra.Config{Seed: s})
	if got := c.invite("made.member@partner.example").text("invitedUser", "id"); got != absentID {
		t.Errorf("a guest that was made a member: user %q", got)
	}
	for _, a := range []string{"gus@partner.example", "G@partner.example", "gus@alias.example"} {
		if got := c.invite(a).text("invitedUser", "id"); got != guestID {
			t.Errorf("%s: user %q", a, got)
		}
	}
	if n := c.s.Stats().UsersCreated; n != 0 {
		t.Errorf("%d users created", n)
	}
}

func TestInvitationsAreRefusedInMicrosoftsWords(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Groups[0].Mail = "team@partner.example"
	c := serve(t, entra.Config{Seed: s})
	const badAddress = "The Primary SMTP Address is an invalid value"
	for a, want := range map[string]struct {
		status int
		text   string
	}{
		"mia@contoso.example": {400, "The invited user already exists in the directory as objectID: " + memberID + ". They can use that account to sign in to shared apps and resources."},
		"old@contoso.example": {412, "The invited user already exists in the directory as object ID: " + disabledID + ", but the account is blocked from signing in. " +
			"If the account is unblocked, they can use that account to sign in to shared apps and resources."},
		"new@Contoso.example":  {400, "This user cannot be invited because the domain of the user's email address is a verified domain of this directory."},
		"TEAM@partner.example": {400, "Group email address is not supported"},
		"a+b@partner.example":  {400, badAddress}, "o'hara@partner.example": {400, badAddress}, ".a@partner.example": {400, badAddress},
		"a.@partner.example": {400, badAddress}, "-a@partner.example": {400, badAddress}, "a-@partner.example": {400, badAddress},
		"no-at": {400, badAddress}, "@partner.example": {400, badAddress}, "a@": {400, badAddress}, "a@b@partner.example": {400, badAddress},
		"a b@partner.example": {400, badAddress}, "a@localhost": {400, badAddress}, "a..b@partner.example": {400, badAddress},
		"a,b@partner.example": {400, badAddress}, "a&b@partner.example": {400, badAddress},
	} {
		c.invite(a).want(t, want.status, "BadRequest", want.text)
	}
	for _, a := range []string{"_a_@partner.example", "a.b-c@partner.example", "mia@home.example", "new@sub.contoso.example"} {
		c.invite(a).want(t, 201, "", "")
	}
	if n := c.s.Stats().UsersCreated; n != 4 {
		t.Errorf("%d users created, want 4", n)
	}
}

func TestInvitationsNeedAddressAndRedirect(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for _, body := range []string{
		`{"inviteRedirectUrl":"` + redirect + `"}`,
		`{"invitedUserEmailAddress":"` + address + `"}`,
		`{"invitedUserEmailAddress":"` + address + `","inviteRedirectUrl":"myapps"}`,
		`{"invitedUserEmailAddress":"` + address + `","inviteRedirectUrl":"javascript:x"}`,
		`{"invitedUserEmailAddress":"` + address + `","inviteRedirectUrl":"` + redirect + `","invitedUserType":"Boss"}`,
		`{"invitedUserEmailAddress":"` + address + `","inviteRedirectUrl":"` + redirect + `","invitedToGroups":["x"]}`,
		`{"invitedUserEmailAddress":"` + address + `","inviteRedirectUrl":"` + redirect + `","sendInvitationMessage":"yes"}`,
		`{"invitedUserEmailAddress":"` + address + `","inviteRedirectUrl":"` + redirect + `","resetRedemption":true}`,
		`{"invitedUserEmailAddress":`, `[]`, `"x"`,
	} {
		if r := c.do("POST", "/invitations", body); r.status != 400 || r.text("error", "message") == "" {
			t.Errorf("%s: %d %s", body, r.status, r.raw)
		}
	}
	if n := len(c.s.State().Users); n != 3 {
		t.Errorf("%d users, want the seed's 3", n)
	}
}

func TestResettingRedemptionKeepsTheGuestAndNeedsAKnownAddress(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	body := func(a, id string) string {
		return `{"invitedUserEmailAddress":"` + a + `","inviteRedirectUrl":"` + redirect + `","resetRedemption":true,"invitedUser":{"id":"` + id + `"}}`
	}
	c.do("POST", "/invitations", body("new@partner.example", guestID)).want(t, 400, "BadRequest",
		"The email you’re using to invite this user doesn’t match any emails on the user object. Please add this email to the user object and try again.")
	c.do("POST", "/invitations", body("gus@alias.example", absentID)).want(t, 404, "Request_ResourceNotFound", "")
	r := c.do("POST", "/invitations", body("gus@alias.example", guestID))
	r.want(t, 201, "", "")
	state := c.do("GET", "/users/"+guestID+"?$select=externalUserState", "").text("externalUserState")
	if r.text("invitedUser", "id") != guestID || state != "PendingAcceptance" {
		t.Errorf("state %q after %s", state, r.raw)
	}
}

func TestTheTenantStopsTakingInvitations(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{BlockAfter: 2})
	const blocked = "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support for help."
	c.invite("a@partner.example").want(t, 201, "", "")
	c.invite("b@partner.example").want(t, 201, "", "")
	c.invite("c@partner.example").want(t, 403, "Forbidden", blocked)
	c.invite("a@partner.example").want(t, 403, "Forbidden", blocked)
	c.control("POST", "/tenant", `{"invitations":"disallowed"}`).want(t, 204, "", "")
	c.invite("c@partner.example").want(t, 403, "Forbidden", "Guest invitations not allowed for your company. Contact your company administrator for more details.")
	c.control("POST", "/tenant", `{"invitations":"open","blockAfter":1}`).want(t, 204, "", "")
	c.invite("c@partner.example").want(t, 201, "", "")
	c.invite("d@partner.example").want(t, 403, "Forbidden", blocked)
	c.control("POST", "/tenant", `{"invitations":"maybe"}`).want(t, 400, "", "")
	c.control("POST", "/tenant", `{"invitations":"open"}`).want(t, 204, "", "")
	for range 5 { // for good
		c.invite("d@partner.example").want(t, 201, "", "")
	}
}

func TestConcurrentInvitationsOfOneAddressMakeOneUser(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Lag: entra.DefaultLag})
	var wg sync.WaitGroup
	ids := make([]string, 32)
	for i := range ids {
		wg.Go(func() {
			r, err := c.try(c.graph("POST", "/invitations", `{"invitedUserEmailAddress":"`+address+`","inviteRedirectUrl":"`+redirect+`","sendInvitationMessage":true}`))
			if err != nil {
				t.Error(err)
			}
			ids[i] = r.text("invitedUser", "id")
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("ids %v", ids)
		}
	}
	if s := c.s.Stats(); s.UsersCreated != 1 || s.MailsByMicrosoft != len(ids) {
		t.Errorf("stats %+v", s)
	}
}
