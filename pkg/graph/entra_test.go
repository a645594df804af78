package graph_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"guestlist/pkg/graph"
	"guestlist/pkg/local/entra"
)

const (
	dynamicID = "11111111-aaaa-4b71-aa20-a248a22a8928"
	memberID  = "22222222-aaaa-4b71-aa20-a248a22a8928"
	ana       = "ana.ohara@partner.example" // Microsoft Graph takes no apostrophe in an invitation
)

var mailed = graph.Invitation{Address: ana, DisplayName: "Ana O’Hara", RedirectURL: "https://myapplications.microsoft.com",
	Text: "Welcome", CC: "boss@contoso.example", Language: "de", SendMail: true}

// directory serves a small directory, and makes a client of it.
func directory(t *testing.T, cfg entra.Config) (*graph.Client, *entra.Server) {
	t.Helper()
	cfg.Seed = entra.Seed{
		VerifiedDomains: []string{"contoso.onmicrosoft.com", "contoso.example"},
		Users: []entra.User{
			{ID: memberID, DisplayName: "Mia", Mail: "mia@contoso.example"},
			{DisplayName: "Bo", Mail: "bo@partner.example", UserType: "Guest", OtherMails: []string{"bob@partner.example"}},
		},
		Groups: []entra.Group{{ID: groupID, DisplayName: "Team"}, {ID: dynamicID, DisplayName: "All", GroupTypes: []string{"DynamicMembership"}}},
		Applications: []entra.Application{{AppID: appID, ID: spID, DisplayName: "Wiki",
			AppRoles: []entra.AppRole{{ID: roleID, Value: "Reader", DisplayName: "Readers", AllowedMemberTypes: []string{"User"}}}}},
	}
	s, err := entra.Serve(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return client(t, graph.Config{Endpoint: s.URL(), Credential: identity{s}}), s
}

// identity asks a directory's identity endpoint for each token. The SDK's own credential reads the environment, which
// tests that run side by side cannot each have.
type identity struct{ *entra.Server }

func (i identity) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	q := url.Values{"api-version": {"2019-08-01"}, "resource": {strings.TrimSuffix(o.Scopes[0], "/.default")}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.IdentityEndpoint()+"?"+q.Encode(), nil)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	req.Header.Set("X-IDENTITY-HEADER", i.IdentityHeader())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	defer res.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	err = json.NewDecoder(res.Body).Decode(&answer)
	return azcore.AccessToken{Token: answer.Token, ExpiresOn: time.Now().Add(time.Hour)}, err
}

func TestTheManagedIdentityOfProductionIsAccepted(t *testing.T) {
	_, s := directory(t, entra.Config{})
	t.Setenv("IDENTITY_ENDPOINT", s.IdentityEndpoint())
	t.Setenv("IDENTITY_HEADER", s.IdentityHeader())
	id := azidentity.ClientID(rand.Text()) // one of its own: the SDK keeps tokens for the whole process
	cred, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, graph.Config{Endpoint: s.URL(), Credential: cred})
	for range 3 {
		if g, err := c.Group(t.Context(), groupID); err != nil || g.Name != "Team" {
			t.Errorf("%+v, %v", g, err)
		}
	}
	if n := s.Stats().Tokens; n != 1 {
		t.Errorf("%d tokens for three calls, want 1", n)
	}
	res, err := http.Post(s.ControlURL()+"/tokens/revoke", "application/json", nil)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("revoke tokens: %v, %v", res, err)
	}
	res.Body.Close()
	for range 3 {
		if _, err := c.Group(t.Context(), groupID); err != nil {
			t.Errorf("after the token was revoked: %v", err)
		}
	}
	if n := s.Stats().Tokens; n != 2 {
		t.Errorf("%d tokens after one was revoked, want 2: the SDK keeps tokens for a day", n)
	}
}

func TestAGuestIsInvitedFoundAndGivenAccess(t *testing.T) {
	t.Parallel()
	c, s := directory(t, entra.Config{})
	ctx := t.Context()
	if _, err := c.Find(ctx, ana); !errors.Is(err, graph.ErrNotFound) {
		t.Fatalf("before the invitation: %v", err)
	}
	first, err := c.Invite(ctx, mailed)
	if err != nil || first.UserID == "" || first.RedeemURL == "" {
		t.Fatalf("invite: %s, %v", first, err)
	}
	if again, err := c.Invite(ctx, mailed); err != nil || again.UserID != first.UserID || again.RedeemURL == first.RedeemURL {
		t.Errorf("invited again: %s, %v; want the same user and a new URL", again, err)
	}
	found, err := c.Find(ctx, ana)
	if err != nil || found.ID != first.UserID || found.State != "PendingAcceptance" || !found.Enabled {
		t.Errorf("found %+v, %v", found, err)
	}
	if read, err := c.User(ctx, first.UserID); err != nil || read != found {
		t.Errorf("read %+v, %v; want %+v", read, err, found)
	}
	checkMembership(t, c, first.UserID)
	checkRole(t, c, first.UserID)
	if st := s.Stats(); st.Invitations != 2 || st.MailsByMicrosoft != 2 {
		t.Errorf("%+v; want two invitations and mails", st)
	}
}

func checkMembership(t *testing.T, c *graph.Client, user string) {
	t.Helper()
	for i, want := range []bool{true, false} {
		if is, err := c.IsMember(t.Context(), groupID, user); is == want || err != nil {
			t.Errorf("member before add %d: %v, %v", i, is, err)
		}
		if added, err := c.AddMember(t.Context(), groupID, user); added != want || err != nil {
			t.Errorf("add %d: %v, %v", i, added, err)
		}
	}
}

func checkRole(t *testing.T, c *graph.Client, user string) {
	t.Helper()
	app, err := c.Application(t.Context(), appID)
	if err != nil || app.ObjectID != spID || app.Microsoft || len(app.Roles) != 1 || !app.Roles[0].ForUsers {
		t.Fatalf("application %+v, %v", app, err)
	}
	for i, want := range []bool{true, false} {
		if assigned, err := c.AssignRole(t.Context(), app.ObjectID, app.Roles[0].ID, user); assigned != want || err != nil {
			t.Errorf("assign %d: %v, %v", i, assigned, err)
		}
	}
}

func TestTheDirectorysRefusalsAreUnderstood(t *testing.T) {
	t.Parallel()
	c, s := directory(t, entra.Config{})
	ctx := t.Context()
	invite := func(address string) error {
		_, err := c.Invite(ctx, graph.Invitation{Address: address, RedirectURL: "https://myapplications.microsoft.com"})
		return err
	}
	_, ambiguous := c.Find(ctx, "bob@partner.example")
	_, member := c.Find(ctx, "mia@contoso.example")
	_, dynamic := c.AddMember(ctx, dynamicID, memberID)
	_, stranger := c.AddMember(ctx, groupID, userID)
	_, role := c.AssignRole(ctx, spID, userID, memberID)
	_, user := c.User(ctx, userID)
	_, group := c.Group(ctx, userID)
	_, app := c.Application(ctx, userID)
	_, membership := c.IsMember(ctx, userID, memberID)
	verified, plus := invite("new@contoso.example"), invite("ana+1@partner.example")
	verdicts := map[string][]error{
		"guest.ambiguous": {ambiguous}, "member.exists": {member}, "group.forbidden": {dynamic}, "later/graph.not-found": {stranger},
		"later/role.unknown": {role}, "not found": {user, group, app, membership},
		"invite.domain-verified": {verified}, "invite.address-refused": {plus},
	}
	for state, code := range map[string]string{"blocked": "tenant.blocked", "disallowed": "tenant.invitations-off"} {
		if err := s.SetInvitations(state); err != nil {
			t.Fatal(err)
		}
		verdicts[code] = []error{invite(ana)}
	}
	for want, errs := range verdicts {
		for i, err := range errs {
			if got := judged(err).verdict; got != want {
				t.Errorf("%s %d: got %s: %v", want, i, got, err)
			}
		}
	}
}

func TestALostAnswerLeavesAGuestThatIsFound(t *testing.T) {
	t.Parallel()
	c, s := directory(t, entra.Config{})
	if err := s.SetFault(entra.Fault{Operation: "invite", After: true, Reset: true}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Invite(t.Context(), mailed)
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.Certain() || e.Class != graph.Transient {
		t.Fatalf("%v; want an uncertain error", err)
	}
	if found, err := c.Find(t.Context(), ana); err != nil || found.ID == "" {
		t.Errorf("%+v, %v", found, err)
	}
	if n := s.Stats().Invitations; n != 1 {
		t.Errorf("%d invitations: a lost answer must not be asked for again", n)
	}
}

func TestANewGuestIsReplicatingUntilTheDirectoryKnowsIt(t *testing.T) {
	t.Parallel()
	var passed atomic.Int64
	began := time.Now()
	c, _ := directory(t, entra.Config{Lag: time.Minute, Now: func() time.Time { return began.Add(time.Duration(passed.Load())) }})
	who, err := c.Invite(t.Context(), mailed)
	if err != nil {
		t.Fatal(err)
	}
	_, add := c.AddMember(t.Context(), groupID, who.UserID)
	_, assign := c.AssignRole(t.Context(), spID, roleID, who.UserID)
	for _, err := range []error{add, assign} {
		if got := judged(err).verdict; got != "later/graph.not-found" {
			t.Errorf("at once: %s: %v", got, err)
		}
	}
	passed.Store(int64(2 * time.Minute))
	if added, err := c.AddMember(t.Context(), groupID, who.UserID); !added || err != nil {
		t.Errorf("two minutes later: %v, %v", added, err)
	}
	checkRole(t, c, who.UserID)
}
