package entra_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

func TestEveryAnswerCarriesARequestIdAndErrorsTheEnvelope(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	fine := c.do("GET", "/groups/"+groupID, "", "client-request-id", "mine")
	failed := c.do("GET", "/groups/"+absentID, "", "client-request-id", "mine")
	first, second := fine.header.Get("request-id"), failed.header.Get("request-id")
	if first == "" || second == "" || first == second || fine.header.Get("client-request-id") != "mine" {
		t.Errorf("ids %q, %q; header %v", first, second, fine.header)
	}
	if date := failed.text("error", "innerError", "date"); len(date) != len("2006-01-02T15:04:05") {
		t.Errorf("date %q", date)
	}
	delete(failed.at("error", "innerError").(map[string]any), "date")
	want := map[string]any{"error": map[string]any{"code": "Request_ResourceNotFound", "message": notThere(absentID),
		"innerError": map[string]any{"request-id": second, "client-request-id": "mine"}}}
	if diff := cmp.Diff(want, failed.json); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
	for _, r := range []response{c.addMember(groupID, guestID), c.do("GET", "/groups/"+groupID, "", "Authorization", ""), c.do("GET", "/nothing", "")} {
		if r.header.Get("request-id") == "" {
			t.Errorf("%d without request-id", r.status)
		}
	}
}

func TestUnknownPathsAreRefusedAndLogged(t *testing.T) {
	t.Parallel()
	log := &lines{}
	c := serve(t, entra.Config{Log: slog.New(slog.NewTextHandler(log, nil))})
	c.do("GET", "/devices", "").want(t, 400, "BadRequest", "Resource not found for the segment 'devices'.")
	c.do("GET", "/users/"+guestID+"/photo", "").want(t, 400, "BadRequest", "Resource not found for the segment 'photo'.")
	c.do("GET", "/groups/", "").want(t, 400, "BadRequest", "")
	c.do("GET", c.s.URL()+"/beta/users", "").want(t, 404, "ResourceNotFound", "")
	c.do("GET", "/invitations", "").want(t, 404, "ResourceNotFound", "")
	c.do("PUT", "/groups/"+groupID, "").want(t, 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
	for _, path := range []string{"devices", "photo", "/beta/users", "/v1.0/invitations"} {
		if !strings.Contains(log.text(), path) {
			t.Errorf("%s is not in the log:\n%s", path, log.text())
		}
	}
}

// lines keeps a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestTheLogHoldsNoRedeemTickets(t *testing.T) {
	t.Parallel()
	log := &lines{}
	c := serve(t, entra.Config{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	link := c.invite(address).text("inviteRedeemUrl")
	c.send(request{method: "GET", url: link}).want(t, 200, "", "")
	_, ticket, _ := strings.Cut(link, "ticket=")
	if log.text() == "" || strings.Contains(log.text(), ticket) {
		t.Errorf("log:\n%s", log.text())
	}
}

func TestBodiesMayBePackedWithGzipAndNothingElse(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	body := `{"invitedUserEmailAddress":"` + address + `","inviteRedirectUrl":"` + redirect + `"}`
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	c.do("POST", "/invitations", packed.String(), "Content-Encoding", "gzip").want(t, 201, "", "")
	c.do("POST", "/invitations", body, "Content-Encoding", "gzip").want(t, 400, "BadRequest", "")
	c.do("POST", "/invitations", packed.String()[:packed.Len()-6], "Content-Encoding", "gzip").want(t, 400, "BadRequest", "")
	c.do("POST", "/invitations", packed.String(), "Content-Encoding", "br").want(t, 415, "BadRequest", "")
	c.do("POST", "/invitations", packed.String()).want(t, 400, "BadRequest", "")
	c.do("POST", "/invitations", body, "Content-Type", "text/plain").want(t, 400, "BadRequest", "")
	c.do("POST", "/invitations", body, "Content-Type", "").want(t, 400, "BadRequest", "Write requests (excluding DELETE) must contain the Content-Type header declaration.")
	c.do("POST", "/invitations", body, "Content-Type", "application/json; charset=utf-8").want(t, 201, "", "")
	c.do("POST", "/invitations", `{"invitedUserDisplayName":"`+strings.Repeat("x", 4<<20)+`"}`).want(t, 413, "", "")
}

func TestManyCallersAtOnceAreServed(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Limits: true, Faults: true, RandSeed: 3})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 10 {
				a := string(rune('a'+n)) + string(rune('a'+i)) + "@partner.example"
				b, _ := json.Marshal(map[string]any{"invitedUserEmailAddress": a, "inviteRedirectUrl": redirect})
				r, _ := c.try(c.graph("POST", "/invitations", string(b)))
				id := r.text("invitedUser", "id")
				_, _ = c.try(c.graph("PATCH", "/groups/"+groupID, `{"members@odata.bind":["https://graph.microsoft.com/v1.0/directoryObjects/`+id+`"]}`))
				_, _ = c.try(c.graph("GET", "/groups/"+groupID+"/members?$top=5", ""))
				_, _ = c.s.State(), c.s.Stats()
			}
		})
	}
	wg.Wait()
	created := c.s.Stats().UsersCreated
	if n := len(c.s.State().Users); n != created+3 || created < 60 {
		t.Errorf("%d users, %d created", n, created)
	}
}

func TestTheRedeemPageAcceptsOnlyByItsButton(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	r := c.do("POST", "/invitations", `{"invitedUserEmailAddress":"`+address+`","invitedUserDisplayName":"<b>Ana</b>","inviteRedirectUrl":"`+elsewhere+`"}`)
	id, link := r.text("invitedUser", "id"), r.text("inviteRedeemUrl")
	state := func() string {
		return c.do("GET", "/users/"+id+"?$select=externalUserState", "").text("externalUserState")
	}

	seen := c.send(request{method: "GET", url: link})
	if seen.status != 200 || !strings.Contains(seen.raw, "<button>") || strings.Contains(seen.raw, "<b>Ana") || state() != "PendingAcceptance" {
		t.Errorf("page %d %s, state %s", seen.status, seen.raw, state())
	}
	_, ticket, _ := strings.Cut(link, "ticket=")
	done := c.send(request{method: "POST", url: c.s.URL() + "/redeem", body: "ticket=" + ticket, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
	if done.status != http.StatusSeeOther || done.header.Get("Location") != elsewhere || state() != "Accepted" {
		t.Errorf("accepted: %d to %q, state %s", done.status, done.header.Get("Location"), state())
	}
	again := c.invite(address)
	for url, want := range map[string]int{link: 404, c.s.URL() + "/redeem": 404, again.text("inviteRedeemUrl"): 200} {
		if got := c.send(request{method: "GET", url: url}); got.status != want {
			t.Errorf("%s: %d, want %d", url, got.status, want)
		}
	}
	c.do("DELETE", "/users/"+id, "")
	if got := c.send(request{method: "POST", url: again.text("inviteRedeemUrl")}); got.status != 404 {
		t.Errorf("link of a deleted guest: %d", got.status)
	}
}
