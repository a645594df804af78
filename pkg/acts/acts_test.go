package acts_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/acts"
	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/bus"
	"guestlist/pkg/bus/membus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
)

// tape writes down what a Mark is told.
type tape struct{ told []string }

func (t *tape) mark(ctx context.Context, act string, do func() error) error {
	t.told = append(t.told, acts.FunctionOf(ctx)+"/"+act+" before")
	err := do()
	t.told = append(t.told, acts.FunctionOf(ctx)+"/"+act+" after")
	return err
}

// names returns the acts that were told both before and after.
func (t *tape) names() (names []string) {
	for i := 0; i+1 < len(t.told); i += 2 {
		name, before := strings.CutSuffix(t.told[i], " before")
		if before && t.told[i+1] == name+" after" {
			names = append(names, strings.TrimPrefix(name, "/"))
		}
	}
	return names
}

// reads are the methods of the contracts that change nothing.
var reads = []string{"ledger.Guest", "ledger.Import", "ledger.ListImports", "ledger.EndedBefore", "ledger.Entry", "ledger.ListEntries", "ledger.DueBefore",
	"ledger.WaitingFor", "ledger.Tally", "ledger.GrantedBy", "ledger.Tenant", "ledger.Breaker", "ledger.MailPace", "ledger.Now",
	"bus.Browse", "blobs.Account", "blobs.Stat", "blobs.Open", "blobs.List"}

// TestEveryMethodIsDecided: each method of a contract is either an act, and then Writes names it, or it reads.
func TestEveryMethodIsDecided(t *testing.T) {
	t.Parallel()
	writes := acts.Writes()
	for service, contracts := range map[string][]reflect.Type{
		"ledger": {reflect.TypeFor[ledger.Store]()},
		"bus":    {reflect.TypeFor[bus.Sender](), reflect.TypeFor[bus.DeadLetterer](), reflect.TypeFor[bus.DeadLetters]()},
		"blobs":  {reflect.TypeFor[blobstore.Store]()},
	} {
		for _, c := range contracts {
			for m := range c.Methods() {
				if name := service + "." + m.Name; slices.Contains(writes, name) == slices.Contains(reads, name) {
					t.Errorf("%s must be in one of the two lists, acts and reads", name)
				}
			}
		}
	}
}

// zero calls a method with arguments that are empty, except for a context and functions.
func zero(t *testing.T, v any, method string) {
	m := reflect.ValueOf(v).MethodByName(method)
	args := []reflect.Value{reflect.ValueOf(t.Context())}
	for i := 1; i < m.Type().NumIn(); i++ {
		in := m.Type().In(i)
		if in.Kind() != reflect.Func {
			args = append(args, reflect.Zero(in))
			continue
		}
		args = append(args, reflect.MakeFunc(in, func([]reflect.Value) (out []reflect.Value) {
			for j := range in.NumOut() {
				out = append(out, reflect.Zero(in.Out(j)))
			}
			return out
		}))
	}
	if m.Type().IsVariadic() {
		m.CallSlice(args)
		return
	}
	out := m.Call(args)
	if w, ok := out[0].Interface().(blobstore.Writer); ok {
		_ = w.Close()
	}
}

// TestEveryActIsTold calls each act of the contracts once.
func TestEveryActIsTold(t *testing.T) {
	t.Parallel()
	var told tape
	broker := membus.New(membus.Options{})
	for service, v := range map[string]any{
		"ledger": acts.Ledger{Store: memledger.New(time.Now), Mark: told.mark},
		"blobs":  acts.Blobs{Store: memblob.New("account", time.Now), Mark: told.mark},
		"bus": struct {
			acts.Sender
			acts.DeadLetterer
			acts.DeadLetters
		}{acts.Sender{Bus: broker, Mark: told.mark}, acts.DeadLetterer{Bus: broker, Mark: told.mark}, acts.DeadLetters{Bus: broker, Mark: told.mark}},
	} {
		for _, act := range acts.Writes() {
			if of, method, _ := strings.Cut(act, "."); of == service {
				zero(t, v, method)
			}
		}
	}
	want := slices.DeleteFunc(acts.Writes(), func(s string) bool {
		return strings.HasPrefix(s, "graph.") || s == acts.Mail || s == acts.Answer
	})
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(told.names()))); diff != "" {
		t.Errorf("acts told, -want +got:\n%s", diff)
	}
}

type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestGraphCallsThatWriteAreActs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/v1.0/users", ""},
		{"POST", "/v1.0/invitations", "graph.Invite"},
		{"PATCH", "/v1.0/groups/g", "graph.AddMembers"},
		{"POST", "/v1.0/groups/g/members/$ref", "graph.AddMember"},
		{"POST", "/v1.0/servicePrincipals/s/appRoleAssignedTo", "graph.AssignRole"},
		{"POST", "/v1.0/users/u/sendMail", "graph.SendMail"},
		{"DELETE", "/v1.0/users/u", "graph.DELETE"},
	} {
		var told tape
		lost := errors.New("lost")
		g := acts.Graph{Mark: told.mark, Base: answering(func(*http.Request) (*http.Response, error) { return nil, lost })}
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://graph.example"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.RoundTrip(req); !errors.Is(err, lost) {
			t.Errorf("%s %s: %v; want the error of the network", c.method, c.path, err)
		}
		if got := strings.Join(told.names(), " "); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, got, c.want)
		}
	}
}

// TestAnswerIsWholeBetweenItsPoints: before the first point nothing of the answer has left, at the second all of it has.
func TestAnswerIsWholeBetweenItsPoints(t *testing.T) {
	t.Parallel()
	received := make(chan string)
	var told tape
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := acts.FunctionOf(r.Context()); got != "inviteguest" {
			t.Errorf("function %q in the context", got)
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "{}")
	})
	mark := func(ctx context.Context, act string, do func() error) error {
		return told.mark(ctx, act, func() error {
			err := do()
			if got := <-received; got != "500 {}" {
				t.Errorf("the host has %q at the second point", got)
			}
			return err
		})
	}
	s := httptest.NewServer(acts.Answers(mark, inner))
	defer s.Close()
	resp, err := http.Post(s.URL+"/inviteguest", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	received <- strings.TrimSuffix(resp.Status, " Internal Server Error") + " " + body.String()
	s.Close() // waits for the handler
	if diff := cmp.Diff([]string{"inviteguest/host.Answer before", "inviteguest/host.Answer after"}, told.told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
