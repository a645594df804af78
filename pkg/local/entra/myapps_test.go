package entra_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/local/entra"
)

// browser keeps cookies and follows redirects, as a guest's does.
type browser struct {
	t *testing.T
	h *http.Client
}

func newBrowser(t *testing.T) browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{t, &http.Client{Jar: jar}}
}

// open fetches a page, or posts a form.
func (b browser) open(address string, form url.Values) (status int, at, page string) {
	b.t.Helper()
	var res *http.Response
	var err error
	if form == nil {
		res, err = b.h.Get(address)
	} else {
		res, err = b.h.PostForm(address, form)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, res.Request.URL.String(), string(body)
}

func TestAGuestWalksFromTheLinkToItsApplications(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := seed()
	s.Applications[0].Homepage = "https://wiki.contoso.example/"
	s.Applications[0].Assignments = []entra.Assignment{{PrincipalID: memberID, AppRoleID: roleID}} // somebody else's
	c := serve(t, entra.Config{Seed: s, Now: now.Now})
	r := c.invite(address)
	id, link := r.text("invitedUser", "id"), r.text("inviteRedeemUrl")
	c.assign(spID, id, roleID).want(t, 201, "", "")
	c.addMember(groupID, id).want(t, 204, "", "")
	c.assign(plainSPID, groupID, zeroRole).want(t, 201, "", "")

	b := newBrowser(t)
	if status, _, page := b.open(link, nil); status != 200 || !strings.Contains(page, "<button>Accept</button>") {
		t.Fatalf("redeem page: %d %s", status, page)
	}
	now.advance(time.Hour)
	_, ticket, _ := strings.Cut(link, "ticket=")
	status, at, page := b.open(c.s.URL()+"/redeem", url.Values{"ticket": {ticket}})
	if status != 200 || at != c.s.URL()+"/myapps?tenantid=x" {
		t.Errorf("accepted: %d at %s", status, at)
	}
	for _, want := range []string{`<a href="https://wiki.contoso.example/">Wiki</a>`, "Role: Readers", "<strong>Shop</strong>", "By the group Partners", address, `<html lang="en">`, "<main>", "<h1>My Apps</h1>"} {
		if !strings.Contains(page, want) {
			t.Errorf("My Apps lacks %s:\n%s", want, page)
		}
	}
	u := c.do("GET", "/users/"+id+"?$select=externalUserState,externalUserStateChangeDateTime", "")
	if u.text("externalUserState") != "Accepted" || u.text("externalUserStateChangeDateTime") != "2026-05-04T04:02:01Z" {
		t.Errorf("state %s", u.raw)
	}
}

func TestTheSampleDirectoryIsWalkedToItsEnd(t *testing.T) {
	t.Parallel()
	f, err := os.Open("../../../docs/samples/directory.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s, err := entra.ReadSeed(f)
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, entra.Config{Seed: s})
	r := c.do("POST", "/invitations", `{"invitedUserEmailAddress":"elif.kaya@supplier.example","invitedUserDisplayName":"Elif Kaya","inviteRedirectUrl":"https://myapplications.microsoft.com/"}`)
	id, link := r.text("invitedUser", "id"), r.text("inviteRedeemUrl")
	for appID, role := range map[string]string{"1f6d8c3a-4e72-4a95-b0d1-5c8e2f7a9b11": zeroRole, "8c47b2d6-6f1e-4935-8a0c-3e5d9b7f2a13": "first"} {
		app := c.do("GET", "/servicePrincipals(appId='"+appID+"')", "")
		if role == "first" {
			role, _ = app.at("appRoles").([]any)[0].(map[string]any)["id"].(string)
		}
		c.assign(app.text("id"), id, role).want(t, 201, "", "")
	}
	_, ticket, _ := strings.Cut(link, "ticket=")
	status, at, page := newBrowser(t).open(c.s.URL()+"/redeem", url.Values{"ticket": {ticket}})
	if status != 200 || at != c.s.URL()+"/myapps" || !strings.Contains(page, "<strong>Timesheets</strong>") || !strings.Contains(page, "<strong>Supplier Portal</strong>") ||
		!strings.Contains(page, "Role: Supplier") || strings.Contains(page, "Design Wiki") {
		t.Errorf("%d at %s:\n%s", status, at, page)
	}
}

func TestMyAppsListsNothingBeforeAccessIsGiven(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	link := c.invite(address).text("inviteRedeemUrl")
	_, ticket, _ := strings.Cut(link, "ticket=")
	b := newBrowser(t)
	if _, _, page := b.open(c.s.URL()+"/redeem", url.Values{"ticket": {ticket}}); !strings.Contains(page, "No application has been assigned to you yet") {
		t.Error(page)
	}
	if r := c.send(request{method: "PUT", url: c.s.URL() + "/myapps"}); r.status != 405 {
		t.Errorf("PUT: %d", r.status)
	}
}

func TestADirectLinkRedeemsForProxyAddressesWithinTheTenantOnly(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Contacts = []entra.Contact{{Mail: "cora@partner.example"}}
	c := serve(t, entra.Config{Seed: s})
	c.invite(address)
	c.invite("cora@partner.example")
	direct := c.s.URL() + "/myapps?tenantid=" + tenantID
	b := newBrowser(t)
	if status, _, _ := b.open(c.s.URL()+"/myapps", nil); status != 400 {
		t.Errorf("without a tenant: %d", status)
	}
	if status, _, page := b.open(direct, nil); status != 200 || !strings.Contains(page, `<label for="address">`) {
		t.Errorf("direct link: %d %s", status, page)
	}
	for who, want := range map[string]int{"cora@partner.example": 403, "nobody@partner.example": 403, "gus@alias.example": 403, "": 403} {
		if status, _, _ := b.open(direct, url.Values{"address": {who}}); status != want {
			t.Errorf("%q: %d, want %d", who, status, want)
		}
	}
	c.set(`{"blockedDomains":["partner.example"]}`)
	if status, _, _ := b.open(direct, url.Values{"address": {address}}); status != 403 {
		t.Errorf("a domain that is kept out: %d", status)
	}
	c.set(`{"blockedDomains":[]}`)
	if status, at, _ := b.open(direct, url.Values{"address": {" Ana@Partner.example"}}); status != 200 || at != c.s.URL()+"/myapps" {
		t.Errorf("%d at %s", status, at)
	}
	for _, u := range c.s.State().Users {
		if want := map[string]string{address: "Accepted", "cora@partner.example": "PendingAcceptance"}[u.Mail]; want != "" && u.ExternalUserState != want {
			t.Errorf("%s is %s", u.Mail, u.ExternalUserState)
		}
	}
}

func TestEveryHostOfMyAppsLeadsToTheEmulatedPage(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for to, want := range map[string]string{
		"https://myapplications.microsoft.com":     c.s.URL() + "/myapps",
		"https://MyApps.microsoft.com/?tenantid=t": c.s.URL() + "/myapps?tenantid=t",
		"https://account.activedirectory.windowsazure.com/applications/default.aspx?tenantid=t&login_hint=u": c.s.URL() + "/myapps?tenantid=t",
		"https://myapps.microsoft.com.evil.example/":                                                         "https://myapps.microsoft.com.evil.example/",
		elsewhere: elsewhere,
	} {
		link := c.do("POST", "/invitations", `{"invitedUserEmailAddress":"`+address+`","inviteRedirectUrl":"`+to+`"}`).text("inviteRedeemUrl")
		_, ticket, _ := strings.Cut(link, "ticket=")
		r := c.send(request{method: "POST", url: c.s.URL() + "/redeem?ticket=" + ticket})
		if got := r.header.Get("Location"); r.status != 303 || got != want {
			t.Errorf("%s leads to %q, want %q", to, got, want)
		}
	}
}
