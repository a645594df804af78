package graph_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/graph"
)

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNetworkTroubleIsTransientAndTellsWhetherItIsCertain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err     error
		certain bool
	}{
		"no connection": {&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, true},
		"reset":         {&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, false},
		"cut":           {io.ErrUnexpectedEOF, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent string // support finds a request by it that nobody answered
			c := client(t, graph.Config{HTTP: roundTrip(func(r *http.Request) (*http.Response, error) {
				sent = r.Header.Get("client-request-id")
				return nil, tc.err
			})})
			for op, run := range methods(c) {
				err := run(t.Context())
				e, ok := errors.AsType[*graph.Error](err)
				if !ok || e.Class != graph.Transient || e.Certain() != tc.certain || e.Operation != op || !errors.Is(err, tc.err) || e.RequestID != sent {
					t.Errorf("%s: %+v (%v)", op, e, err)
				}
				noSecrets(t, err.Error())
			}
		})
	}
}

func TestAServerThatHangsUpIsUncertain(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go hangUp(l)
	_, err = client(t, graph.Config{Endpoint: "http://" + l.Addr().String()}).Invite(t.Context(), invitation())
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.Certain() || e.Class != graph.Transient {
		t.Errorf("%v", err)
	}
}

// hangUp closes every connection as soon as something was sent on it.
func hangUp(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
}

func TestAnAnswerCutShortIsUncertain(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{201, `{"invitedUser":{"id`, map[string]string{"Content-Length": "500"}})
	_, err := f.client(t).Invite(t.Context(), invitation())
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.Certain() || e.Class != graph.Transient || e.Status != 201 {
		t.Errorf("%v", err)
	}
}

// TestARefusalWithoutItsWordsIsNoRefusal: "already a member" is a 400 like a refusal for good; only its words tell.
func TestARefusalWithoutItsWordsIsNoRefusal(t *testing.T) {
	t.Parallel()
	for status, class := range map[int]graph.Class{400: graph.Transient, 404: graph.Transient, 429: graph.Throttled, 503: graph.Transient} {
		f := serve(t, answer{status, `{"error":{"code":"Request_Bad`, map[string]string{"Content-Length": "500"}})
		_, err := f.client(t).Invite(t.Context(), invitation())
		if e, ok := errors.AsType[*graph.Error](err); !ok || e.Class != class || status < 429 && e.Certain() {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestEveryCallEndsAfterHalfAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := client(t, graph.Config{HTTP: roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		for op, run := range methods(c) {
			began := time.Now()
			err := run(t.Context())
			if took := time.Since(began); took != 30*time.Second || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v after %s", op, err, took)
			}
			if e, ok := errors.AsType[*graph.Error](err); !ok || e.Certain() {
				t.Errorf("%s: a time-out is uncertain: %v", op, err)
			}
		}
	})
}

func TestRedirectsWithinTheHostKeepTheBody(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{307, "", map[string]string{"Location": "/v1.0/elsewhere"}}, answer{201, `{"invitedUser":{"id":"u"}}`, nil})
	got, err := f.client(t).Invite(t.Context(), invitation())
	if err != nil || got.UserID != "u" {
		t.Fatalf("%+v, %v", got, err)
	}
	r := f.requests()
	if len(r) != 2 || r[1].URI != "/v1.0/elsewhere" || r[1].Body != r[0].Body || r[0].Body == "" {
		t.Errorf("requests %+v", r)
	}
}

func TestRedirectsToAnotherHostAreNotFollowed(t *testing.T) {
	t.Parallel()
	other := serve(t, answer{201, `{"invitedUser":{"id":"u"}}`, nil})
	f := serve(t, answer{307, "", map[string]string{"Location": other.URL + "/v1.0/invitations"}})
	if _, err := f.client(t).Invite(t.Context(), invitation()); err == nil {
		t.Error("no error")
	}
	if n := len(other.requests()); n != 0 {
		t.Errorf("the other host got %d requests with a person's address", n)
	}
}

func TestNothingIsRetriedInTheProcess(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 500, 502, 503, 504} {
		f := serve(t, answer{status, "", map[string]string{"Retry-After": "1"}})
		calls := methods(f.client(t))
		for _, run := range calls {
			_ = run(t.Context())
		}
		if n := len(f.requests()); n != len(calls) {
			t.Errorf("%d: %d requests for %d calls", status, n, len(calls))
		}
	}
}

func TestManyCallsAtOnceKeepTheirAnswersApart(t *testing.T) {
	t.Parallel()
	echo := roundTrip(func(r *http.Request) (*http.Response, error) {
		id := path.Base(r.URL.Path)
		body := `{"id":"` + id + `"}`
		status := http.StatusOK
		if strings.HasSuffix(id, "1") {
			status, body = http.StatusBadRequest, `{"error":{"code":"`+id+`"}}`
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}, nil
	})
	c := client(t, graph.Config{Credential: &tokens{}, HTTP: echo})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			id := strconv.Itoa(i)
			got, err := c.User(t.Context(), id)
			if e, ok := errors.AsType[*graph.Error](err); ok {
				got.ID = e.Code
			}
			if got.ID != id || (err != nil) != strings.HasSuffix(id, "1") {
				t.Errorf("%s was answered %+v, %v", id, got, err)
			}
		})
	}
	wg.Wait()
}

func TestNewRefusesEndpointsThatWouldLeakTokens(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"http://graph.microsoft.com", "http://127.0.0.2:80", "http://10.0.0.1", "graph.microsoft.com", "ftp://localhost",
		"https://graph.microsoft.com/v1.0", "https://graph.microsoft.com?x=1", "https://user:pass@graph.microsoft.com", "https://", "://"} {
		_, err := graph.New(graph.Config{Endpoint: endpoint})
		if err == nil {
			t.Errorf("%s was accepted", endpoint)
		} else if strings.Contains(err.Error(), "pass@") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
	for _, endpoint := range []string{"", "https://graph.microsoft.us", "http://localhost:7080", "http://127.0.0.1:7080/", "http://[::1]:7080"} {
		if _, err := graph.New(graph.Config{Endpoint: endpoint}); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestErrorsNeverRepeatTheAddress(t *testing.T) {
	t.Parallel()
	text := "Invalid filter clause: mail eq 'ANA.o''hara@partner.example'; ana.o'hara@partner.example, ana.o%27hara%40partner.example, " +
		"ana.o'hara_partner.example#EXT#@, Boss@contoso.example"
	f := serve(t, refusal(400, "BadRequest", text))
	c := f.client(t)
	_, find := c.Find(t.Context(), address)
	_, invite := c.Invite(t.Context(), invitation())
	for _, err := range []error{find, invite} {
		if s := err.Error(); !strings.Contains(s, "(address)") || !strings.Contains(s, "Invalid filter clause") {
			t.Errorf("%s", s)
		}
	}
	noSecrets(t, strings.ReplaceAll(find.Error(), "Boss@", ""))
	noSecrets(t, invite.Error())
}

// TestNothingIsSentAfterACallsTime: the process stands still while the connection is made, and goes on where it stood.
func TestNothingIsSentAfterACallsTime(t *testing.T) {
	t.Parallel()
	for still, sent := range map[time.Duration]bool{29 * time.Second: true, 31 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			var body []byte
			var err error
			c := client(t, graph.Config{HTTP: roundTrip(func(r *http.Request) (*http.Response, error) {
				time.Sleep(still)
				body, err = io.ReadAll(r.Body)
				return nil, errors.Join(errors.New("no answer"), err)
			})})
			_, failed := c.Invite(t.Context(), invitation())
			if got := len(body) > 0 && err == nil; got != sent || failed == nil {
				t.Errorf("after %s: sent %d bytes, %v; %v", still, len(body), err, failed)
			}
		})
	}
}
