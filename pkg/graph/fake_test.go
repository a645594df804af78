package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/pkg/graph"
)

const (
	userID  = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
	otherID = "7fb02b9e-f43f-42b2-c8ce-e3e296ffe1f1"
	groupID = "02bd9fd6-8f93-4758-87c3-1fb73740a315"
	appID   = "f1bd758f-4a1a-4b71-aa20-a248a22a8928"
	spID    = "8c0c3a4e-5f0b-4c53-9b8d-2f6f1c0a7f11"
	roleID  = "3d1b3c8f-0b0e-4b55-9e0b-6c1d2a3b4c5d"
	address = "ana.o'hara@partner.example"
	redeem  = "https://login.example/redeem?rd=secret"
)

// fake is a server that records what it is sent and answers with what the test says.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	replies []answer
	seen    []seen
	conns   int
}

type seen struct {
	Method, URI, Body string
	Length            int64
	Header            http.Header
}

// answer is one canned answer; header values are set as given.
type answer struct {
	status int
	body   string
	header map[string]string
}

// serve answers the nth request with the nth answer, and all further ones with the last.
func serve(t *testing.T, answers ...answer) *fake {
	t.Helper()
	f := &fake{replies: answers}
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.conns++
		}
	}
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// then replaces the answers; for those that must name the server.
func (f *fake) then(answers ...answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replies = answers
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := f.record(r)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("request-id", "req-1")
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func (f *fake) record(r *http.Request) answer {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, seen{r.Method, r.RequestURI, string(body), r.ContentLength, r.Header.Clone()})
	return f.replies[min(len(f.seen), len(f.replies))-1]
}

// requests returns what was sent so far.
func (f *fake) requests() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// client returns a client of the fake, with a token.
func (f *fake) client(t *testing.T) *graph.Client {
	t.Helper()
	return client(t, graph.Config{Endpoint: f.URL, Credential: &tokens{}})
}

func client(t *testing.T, cfg graph.Config) *graph.Client {
	t.Helper()
	c, err := graph.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tokens is a credential that remembers what it was asked for.
type tokens struct {
	mu    sync.Mutex
	asked []policy.TokenRequestOptions
	err   error
	// noClaims: it refuses claims, as the credential of the Azure CLI does.
	noClaims bool
}

func (c *tokens) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, o)
	if c.noClaims && o.Claims != "" {
		return azcore.AccessToken{}, errors.New("run az login with these claims")
	}
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

// methods calls every method once with valid arguments; each reports only its error.
func methods(c *graph.Client) map[graph.Operation]func(context.Context) error {
	return map[graph.Operation]func(context.Context) error{
		graph.FindUser:        func(ctx context.Context) error { _, err := c.Find(ctx, address); return err },
		graph.ReadUser:        func(ctx context.Context) error { _, err := c.User(ctx, userID); return err },
		graph.ListUsers:       func(ctx context.Context) error { _, err := c.Users(ctx, []string{userID}); return err },
		graph.ListGuests:      func(ctx context.Context) error { return firstError(c.Guests(ctx, graph.Pending)) },
		graph.Invite:          func(ctx context.Context) error { _, err := c.Invite(ctx, invitation()); return err },
		graph.ReadGroup:       func(ctx context.Context) error { _, err := c.Group(ctx, groupID); return err },
		graph.ReadApplication: func(ctx context.Context) error { _, err := c.Application(ctx, appID); return err },
		graph.AddMember:       func(ctx context.Context) error { _, err := c.AddMember(ctx, groupID, userID); return err },
		graph.AddMembers:      func(ctx context.Context) error { return c.AddMembers(ctx, groupID, []string{userID, otherID}) },
		graph.ReadMembership:  func(ctx context.Context) error { _, err := c.IsMember(ctx, groupID, userID); return err },
		graph.SendMail:        func(ctx context.Context) error { return c.SendMail(ctx, userID, letter()) },
		graph.AssignRole:      func(ctx context.Context) error { _, err := c.AssignRole(ctx, spID, roleID, userID); return err },
	}
}

func firstError(accounts iter.Seq2[graph.Account, error]) error {
	for _, err := range accounts {
		if err != nil {
			return err
		}
	}
	return nil
}

func invitation() graph.Invitation {
	return graph.Invitation{Address: address, DisplayName: "Ana O’Hara", RedirectURL: "https://myapplications.microsoft.com",
		Text: "Welcome <you> & all", CC: "boss@contoso.example", Language: "zh-HANT", SendMail: true}
}

// refusal is an error answer in Microsoft Graph's envelope.
func refusal(status int, code, text string) answer {
	b, err := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": text,
		"innerError": map[string]string{"request-id": "inner", "date": "2026-01-01T00:00:00"}}})
	if err != nil {
		panic(err) // strings only
	}
	return answer{status: status, body: string(b)}
}
