package graph_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/graph"
)

const fields = "id,mail,userPrincipalName,userType,externalUserState,externalUserStateChangeDateTime,accountEnabled,proxyAddresses,otherMails"

func TestRequestsAreExactlyWhatMicrosoftDocuments(t *testing.T) {
	t.Parallel()
	for op, want := range map[graph.Operation]struct {
		answer            answer
		method, uri, body string
	}{
		graph.FindUser: {
			answer{200, `{"value":[{"id":"u","userType":"Guest","mail":"ANA.O'Hara@partner.example"}]}`, nil}, "GET",
			"/v1.0/users?$filter=mail eq 'ana.o''hara@partner.example' or userPrincipalName eq 'ana.o''hara@partner.example'" +
				" or proxyAddresses/any(p:p eq 'SMTP:ana.o''hara@partner.example') or proxyAddresses/any(p:p eq 'smtp:ana.o''hara@partner.example')" +
				" or otherMails/any(o:o eq 'ana.o''hara@partner.example') or startswith(userPrincipalName,'ana.o''hara_partner.example#EXT#@')" +
				"&$select=" + fields + "&$top=5", ""},
		graph.ReadUser: {answer{200, `{"id":"u"}`, nil}, "GET", "/v1.0/users/" + userID +
			"?$select=" + fields, ""},
		graph.ListUsers: {answer{200, `{"value":[]}`, nil}, "GET", "/v1.0/users?$count=true&$filter=id eq '" + userID + "'&$select=" + fields + "&$top=1", ""},
		graph.ListGuests: {answer{200, `{"value":[]}`, nil}, "GET",
			"/v1.0/users?$count=true&$filter=externalUserState eq 'PendingAcceptance'&$select=" + fields + "&$top=999", ""},
		graph.Invite: {answer{201, `{"invitedUser":{"id":"u"}}`, nil}, "POST", "/v1.0/invitations",
			`{"invitedUserEmailAddress":"ana.o'hara@partner.example","invitedUserDisplayName":"Ana O’Hara",` +
				`"inviteRedirectUrl":"https://myapplications.microsoft.com","sendInvitationMessage":true,` +
				`"invitedUserMessageInfo":{"customizedMessageBody":"Welcome \u003cyou\u003e \u0026 all","messageLanguage":"zh-TW",` +
				`"ccRecipients":[{"emailAddress":{"address":"boss@contoso.example"}}]}}`},
		graph.ReadGroup: {answer{200, `{"id":"g"}`, nil}, "GET", "/v1.0/groups/" + groupID +
			"?$select=id,displayName,groupTypes,mailEnabled,isAssignableToRole,onPremisesSyncEnabled", ""},
		graph.ReadApplication: {answer{200, `{"id":"s"}`, nil}, "GET", "/v1.0/servicePrincipals(appId='" + appID +
			"')?$select=id,appId,displayName,appOwnerOrganizationId,appRoles", ""},
		graph.AddMember: {answer{204, "", nil}, "POST", "/v1.0/groups/" + groupID + "/members/$ref",
			`{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/` + userID + `"}`},
		graph.ReadMembership: {answer{200, `{"value":[]}`, nil}, "GET", "/v1.0/groups/" + groupID +
			"/members?$count=true&$filter=id eq '" + userID + "'&$select=id&$top=1", ""},
		graph.AddMembers: {answer{204, "", nil}, "PATCH", "/v1.0/groups/" + groupID,
			`{"members@odata.bind":["https://graph.microsoft.com/v1.0/directoryObjects/` + userID + `","https://graph.microsoft.com/v1.0/directoryObjects/` + otherID + `"]}`},
		graph.AssignRole: {answer{201, `{"id":"a"}`, nil}, "POST", "/v1.0/servicePrincipals/" + spID + "/appRoleAssignedTo",
			`{"principalId":"` + userID + `","resourceId":"` + spID + `","appRoleId":"` + roleID + `"}`},
	} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			f := serve(t, want.answer)
			if err := methods(f.client(t))[op](t.Context()); err != nil {
				t.Fatal(err)
			}
			got := f.requests()
			if len(got) != 1 {
				t.Fatalf("%d requests, want 1", len(got))
			}
			uri, err := url.PathUnescape(got[0].URI)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{want.method, want.uri, want.body}, []string{got[0].Method, uri, got[0].Body}); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			checkHeaders(t, got[0])
		})
	}
}

func checkHeaders(t *testing.T, r seen) {
	t.Helper()
	if got := r.Header.Get("Authorization"); got != "Bearer token" {
		t.Errorf("Authorization %q", got)
	}
	if got := r.Header.Get("client-request-id"); len(got) != 36 {
		t.Errorf("client-request-id %q: want a GUID", got)
	}
	if got := r.Header.Get("Content-Encoding"); got != "" {
		t.Errorf("Content-Encoding %q: bodies must go out as they are", got)
	}
	if r.Length != int64(len(r.Body)) {
		t.Errorf("Content-Length %d for a body of %d bytes", r.Length, len(r.Body))
	}
	if got := r.Header.Get("Content-Type"); r.Body != "" && got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	if got := r.Header.Get("ConsistencyLevel"); strings.Contains(r.URI, "count=true") && got != "eventual" {
		t.Errorf("ConsistencyLevel %q; Microsoft Graph demands eventual where $count is used", got)
	}
}

func TestInviteLeavesOutWhatMicrosoftWouldNotMail(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{201, `{"invitedUser":{"id":"u"},"inviteRedeemUrl":"` + redeem + `"}`, nil})
	i := invitation()
	i.SendMail = false
	got, err := f.client(t).Invite(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	if want := (graph.Invited{UserID: "u", RedeemURL: redeem}); got != want {
		t.Error("the answer's user id or redeem URL was lost")
	}
	const body = `{"invitedUserEmailAddress":"ana.o'hara@partner.example","invitedUserDisplayName":"Ana O’Hara",` +
		`"inviteRedirectUrl":"https://myapplications.microsoft.com","sendInvitationMessage":false}`
	if diff := cmp.Diff(body, f.requests()[0].Body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestRedeemURLIsNotPrintedByAccident(t *testing.T) {
	t.Parallel()
	i := graph.Invited{UserID: "u", RedeemURL: redeem}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("invited", "who", i)
	slog.New(slog.NewTextHandler(&log, nil)).Info("invited", "who", i)
	if s := fmt.Sprintf("%v %+v %#v %s", i, i, i, i) + log.String(); strings.Contains(s, "redeem") {
		t.Errorf("it shows in %s", s)
	}
}

func TestLanguageMapsLegacyCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"en": "en-US", "de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT", "ja": "ja-JP",
		"ko": "ko-KR", "pt-BR": "pt-BR", "ru": "ru-RU", "zh-HANS": "zh-CN", "zh-HANT": "zh-TW", " DE-at ": "de-DE", "pt_BR": "pt-BR",
		"": "en-US", "tlh": "en-US", "en-US": "en-US"} {
		if got := graph.Language(code); got != want {
			t.Errorf("Language(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestCallsOneAfterTheOtherShareAConnection(t *testing.T) {
	t.Parallel()
	f := serve(t, refusal(429, "TooManyRequests", "Too many requests."), refusal(404, "Request_ResourceNotFound", "gone"),
		answer{502, strings.Repeat("<html>", 1000), map[string]string{"Content-Type": "text/html"}}, answer{200, `{"id":"u"}`, nil})
	c := f.client(t)
	for range 5 {
		_, _ = c.User(t.Context(), userID)
	}
	if got := len(f.requests()); got != 5 || f.conns != 1 {
		t.Errorf("%d connections for %d requests, want 1 for 5", f.conns, got)
	}
}
