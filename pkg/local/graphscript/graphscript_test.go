package graphscript_test

import (
	"fmt"
	"net/http"
	"testing"

	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/graphscript"
)

const group = "3b0c2f5e-8d41-4f6a-9c1e-6a7d5b2e1f01"

func serve(t *testing.T, c entra.Config) *entra.Server {
	t.Helper()
	c.Seed = entra.Seed{Groups: []entra.Group{{ID: group, DisplayName: "Partners"}}}
	s, err := entra.Serve(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func run(t *testing.T, s *entra.Server, n, workers int) graphscript.Result {
	t.Helper()
	c := graphscript.Config{Graph: s.URL(), IdentityEndpoint: s.IdentityEndpoint(), IdentityHeader: s.IdentityHeader(), Group: group,
		Workers: workers, Runs: 3}
	for i := range n {
		c.Addresses = append(c.Addresses, fmt.Sprintf("guest%d@partner.example", i))
	}
	res, err := graphscript.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestInvitesAndAddsEverybody(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 20} {
		s := serve(t, entra.Config{})
		if res := run(t, s, 50, workers); res != (graphscript.Result{Runs: 1}) {
			t.Errorf("%d workers: %+v", workers, res)
		}
		if st := s.Stats(); st.Invitations != 50 || st.Writes != 100 || st.MailsByMicrosoft != 50 {
			t.Errorf("%d workers: %+v", workers, st)
		}
	}
}

// TestRetriesAsTheSDKDoes loses one answer to an invitation: the SDK sends it again, and Microsoft mails twice.
func TestRetriesAsTheSDKDoes(t *testing.T) {
	t.Parallel()
	s := serve(t, entra.Config{})
	for _, f := range []entra.Fault{
		{Operation: "invite", Status: http.StatusGatewayTimeout, After: true, RetryAfter: "1"},
		{Operation: "member", Status: http.StatusTooManyRequests, RetryAfter: "1"},
	} {
		if err := s.SetFault(f); err != nil {
			t.Fatal(err)
		}
	}
	if res := run(t, s, 3, 1); res.Failed != 0 || res.Runs != 1 {
		t.Errorf("%+v", res)
	}
	if st := s.Stats(); st.MailsByMicrosoft != 4 || len(st.DuplicateMails) != 1 || st.Writes != 7 && st.Writes != 8 {
		t.Errorf("%+v", st)
	}
}
