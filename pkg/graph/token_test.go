package graph_test

import (
	"errors"
	"net/http"
	"testing"

	"guestlist/pkg/graph"
)

func TestTokensAreForTheServiceItself(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{200, `{"id":"u"}`, nil})
	for endpoint, scope := range map[string]string{
		f.URL:                         "https://graph.microsoft.com/.default",
		"":                            "https://graph.microsoft.com/.default",
		"https://graph.example.test/": "https://graph.example.test/.default",
	} {
		cred := &tokens{}
		c := client(t, graph.Config{Endpoint: endpoint, Credential: cred, HTTP: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") != "Bearer token" {
				t.Errorf("%s: no token was sent", endpoint)
			}
			return &http.Response{StatusCode: 204, Body: http.NoBody, Header: http.Header{}}, nil
		})})
		if _, err := c.AddMember(t.Context(), groupID, userID); err != nil {
			t.Error(err)
		}
		if len(cred.asked) != 1 || len(cred.asked[0].Scopes) != 1 || cred.asked[0].Scopes[0] != scope {
			t.Errorf("%s: asked for %+v, want %s", endpoint, cred.asked, scope)
		}
	}
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{200, `{"id":"u"}`, nil})
	broken := errors.New("ManagedIdentityCredential: no identity\nGET http://127.0.0.1:41000/token")
	c := client(t, graph.Config{Endpoint: f.URL, Credential: &tokens{err: broken}})
	for op, run := range methods(c) {
		err := run(t.Context())
		e, ok := errors.AsType[*graph.Error](err)
		if !ok || e.Code != graph.NoToken || e.Class != graph.Transient || !e.Certain() || !errors.Is(err, broken) {
			t.Errorf("%s: %+v", op, e)
		}
		noSecrets(t, err.Error())
	}
	if n := len(f.requests()); n != 0 {
		t.Errorf("%d requests without a token", n)
	}
}

func TestAClaimsChallengeIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	const claims = `Bearer realm="", error="insufficient_claims", claims="eyJ4IjoxfQ=="`
	f := serve(t, answer{401, "", map[string]string{"WWW-Authenticate": claims}}, answer{200, `{"id":"u"}`, nil})
	cred := &tokens{}
	c := client(t, graph.Config{Endpoint: f.URL, Credential: cred})
	if _, err := c.User(t.Context(), userID); err != nil {
		t.Fatal(err)
	}
	if len(cred.asked) != 2 || cred.asked[1].Claims != `{"x":1}` {
		t.Errorf("asked for %+v", cred.asked)
	}
}

func TestA401IsAnsweredOnceWithANewToken(t *testing.T) {
	t.Parallel()
	for _, challenge := range []string{"", `Bearer realm="", client_id="00000003-0000-0000-c000-000000000000"`, `Bearer claims=abc`, `Bearer claims`,
		`Bearer realm="x", claims=`, `Bearer claims="`, `Bearer claims=""`} {
		expired := answer{401, "", map[string]string{"WWW-Authenticate": challenge}}
		cred := &tokens{}
		f := serve(t, expired, answer{201, `{"invitedUser":{"id":"u"}}`, nil})
		c := client(t, graph.Config{Endpoint: f.URL, Credential: cred})
		if got, err := c.Invite(t.Context(), invitation()); err != nil || got.UserID != "u" {
			t.Errorf("%s: %v", challenge, err)
		}
		r := f.requests()
		if len(r) != 2 || r[1].Body != r[0].Body || r[0].Body == "" || r[1].Method != r[0].Method {
			t.Errorf("%s: requests %+v", challenge, r)
		}
		if len(cred.asked) != 2 || cred.asked[0].Claims != "" || cred.asked[1].Claims != "{}" {
			t.Errorf("%s: asked for %+v; the second time a credential must pass over its cache", challenge, cred.asked)
		}

		f.then(expired)
		_, err := c.User(t.Context(), userID)
		if e, ok := errors.AsType[*graph.Error](err); !ok || e.Class != graph.Auth || e.RequestID == "" {
			t.Errorf("%s, refused again: %v", challenge, err)
		}
		if n := len(f.requests()); n != 4 {
			t.Errorf("%s: %d requests; want two for each call", challenge, n)
		}
	}
}

func TestACredentialThatTakesNoClaimsIsAskedWithout(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{401, "", nil}, answer{200, `{"id":"u"}`, nil})
	cred := &tokens{noClaims: true}
	if _, err := client(t, graph.Config{Endpoint: f.URL, Credential: cred}).User(t.Context(), userID); err != nil {
		t.Error(err)
	}
	if len(cred.asked) != 3 || cred.asked[2].Claims != "" {
		t.Errorf("asked for %+v", cred.asked)
	}
}
