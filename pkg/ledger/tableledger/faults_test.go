package tableledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/tableledger"
	"guestlist/pkg/message"
)

const importID = "0123456789abcdef0123"

func planned(n int) ledger.Entry {
	address := fmt.Sprintf("guest%d@partner.example", n)
	step := ledger.Step{Generation: 1, State: ledger.Planned}
	return ledger.Entry{Import: importID, Guest: message.GuestKey(address), Address: address, Invite: step, Notify: step}
}

// tripper is a transport made of a function.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// through opens the ledger of the test with a transport of its own.
func through(t *testing.T, f tripper) *tableledger.Store {
	t.Helper()
	c := config(t)
	open(t, c) // makes the tables
	c.Client = &http.Client{Transport: tripper(func(req *http.Request) (*http.Response, error) {
		own, err := withOwnBody(req)
		if err != nil {
			return nil, err
		}
		return f(own)
	})}
	return open(t, c)
}

// withOwnBody copies the body of a request. net/http may still look for the end of the body when an answer is there, and
// the SDK rewinds the body for its next attempt as soon as the answer is lost: with one body for both, that is a race.
func withOwnBody(req *http.Request) (*http.Request, error) {
	if req.Body == nil {
		return req, nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	own := req.Clone(req.Context())
	own.Body = io.NopCloser(bytes.NewReader(body))
	return own, req.Body.Close()
}

// ahead returns the ledger of the test as a service sees it whose clock is so far ahead of this machine's.
func ahead(t *testing.T, by time.Duration) *tableledger.Store {
	t.Helper()
	return through(t, func(req *http.Request) (*http.Response, error) {
		res, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			res.Header.Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
		}
		return res, err
	})
}

func TestLeasesGoByTheServicesClock(t *testing.T) {
	t.Parallel()
	const by = 3 * time.Hour
	s := ahead(t, by)
	guest := planned(1).Guest
	g, err := s.Claim(t.Context(), guest, "first", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if wrong := time.Until(g.Until) - by - time.Hour; wrong.Abs() > 10*time.Minute {
		t.Errorf("a lease of an hour is good for %s more or less", wrong)
	}
	if _, err := s.Claim(t.Context(), guest, "second", time.Hour); err == nil {
		t.Error("a live lease was given away")
	}
	now := time.Now()
	row, err := s.UpdateTenant(t.Context(), func(_ *ledger.Tenant, at time.Time) error { now = at; return ledger.ErrUnchanged })
	if wrong := time.Until(now) - by; err != nil || wrong.Abs() > 10*time.Minute {
		t.Errorf("the row of the tenant %+v is changed at a time that is %s wrong, %v", row, wrong, err)
	}
}

// losing loses the answer to every second write, after the service has done it.
func losing(t *testing.T) (*tableledger.Store, *atomic.Int64) {
	var writes, lost atomic.Int64
	return through(t, func(req *http.Request) (*http.Response, error) {
		res, err := http.DefaultTransport.RoundTrip(req)
		if err == nil && req.Method != http.MethodGet && !strings.HasSuffix(req.URL.Path, "/Tables") && writes.Add(1)%2 == 1 {
			lost.Add(1)
			_ = res.Body.Close()
			return nil, errors.New("connection reset")
		}
		return res, err
	}), &lost
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLostAnswerDoesNotRepeatAnUpdateOfAnEntry(t *testing.T) {
	t.Parallel()
	s, lost := losing(t)
	n, err := s.InsertEntries(t.Context(), []ledger.Entry{planned(1), planned(2), planned(3)})
	check(t, err)
	if n != 3 {
		t.Errorf("%d entries were new", n)
	}
	for want := 2; want < 6; want++ {
		e, tally, err := s.UpdateEntry(t.Context(), importID, planned(1).Guest, func(e *ledger.Entry) error {
			e.Invite.Generation++
			return nil
		})
		check(t, err)
		if e.Invite.Generation != want || tally.Guests < 1 {
			t.Errorf("generation %d, want %d; tally %+v", e.Invite.Generation, want, tally)
		}
	}
	tally, err := s.Tally(t.Context(), importID)
	check(t, err)
	if tally.Guests != 3 || tally.Open != 3 || lost.Load() < 3 {
		t.Errorf("tally %+v, %d answers lost", tally, lost.Load())
	}
}

func TestLostAnswerDoesNotRepeatAnUpdateOfAnImport(t *testing.T) {
	t.Parallel()
	s, lost := losing(t)
	_, created, err := s.CreateImport(t.Context(), ledger.Import{ID: importID, Revision: 1})
	check(t, err)
	if !created {
		t.Error("told that the import existed")
	}
	for want := 1; want < 5; want++ {
		i, err := s.UpdateImport(t.Context(), importID, func(i *ledger.Import) error {
			i.Rows++
			return nil
		})
		check(t, err)
		if i.Rows != want {
			t.Errorf("%d rows, want %d", i.Rows, want)
		}
	}
	if lost.Load() < 3 {
		t.Errorf("%d answers lost", lost.Load())
	}
}

func TestLostAnswerDoesNotBookTwice(t *testing.T) {
	t.Parallel()
	s, lost := losing(t)
	for want := 1; want < 6; want++ {
		row, err := s.UpdateTenant(t.Context(), func(row *ledger.Tenant, _ time.Time) error {
			row.Ramp.Count++
			return nil
		})
		check(t, err)
		if row.Ramp.Count != want {
			t.Errorf("count %d, want %d", row.Ramp.Count, want)
		}
	}
	if lost.Load() < 3 {
		t.Errorf("%d answers lost", lost.Load())
	}
}

func TestLostAnswerIsNoConflictOfAGuest(t *testing.T) {
	t.Parallel()
	s, lost := losing(t)
	g, err := s.Claim(t.Context(), planned(1).Guest, "worker", time.Minute)
	check(t, err)
	for n := range 4 {
		g.UserID = fmt.Sprint("user ", n)
		g, err = s.SaveGuest(t.Context(), g)
		check(t, err)
	}
	read, err := s.Guest(t.Context(), g.Key)
	check(t, err)
	if read != g || lost.Load() < 2 {
		t.Errorf("stored %+v, returned %+v, %d answers lost", read, g, lost.Load())
	}
}

// refusal is the answer to a transaction of which one operation met a busy server.
const refusal = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\n\r\n" +
	"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\r\n" +
	`{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"busy"}}}` + "\r\n--c--\r\n--b--\r\n"

// refusing answers the first n transactions as a busy server does.
func refusing(t *testing.T, n int64) *tableledger.Store {
	var sent atomic.Int64
	return through(t, func(req *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(req.URL.Path, "$batch") || sent.Add(1) > n {
			return http.DefaultTransport.RoundTrip(req)
		}
		return &http.Response{StatusCode: http.StatusAccepted, Header: http.Header{}, Request: req,
			Body: io.NopCloser(strings.NewReader(refusal))}, nil
	})
}

func TestBusyServiceIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := refusing(t, 2)
	n, err := s.InsertEntries(t.Context(), []ledger.Entry{planned(1)})
	check(t, err)
	if n != 1 {
		t.Errorf("inserted %d", n)
	}
}

func TestServiceThatStaysBusyIsAnErrorOfItsOwn(t *testing.T) {
	t.Parallel()
	s := refusing(t, 1000)
	_, err := s.InsertEntries(t.Context(), []ledger.Entry{planned(1)})
	if err == nil || !strings.Contains(err.Error(), "ServerBusy") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	if errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("error %v says something about the rows", err)
	}
}

func TestMissingTableIsNoMissingRow(t *testing.T) {
	t.Parallel()
	c := config(t)
	s := open(t, c)
	client, err := aztables.NewServiceClientFromConnectionString(c.ConnectionString, nil)
	check(t, err)
	for _, name := range []string{"guests", "imports", "entries", "grants", "tenants"} {
		_, err := client.DeleteTable(t.Context(), c.Prefix+name, nil)
		check(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	errs := map[string]error{}
	_, errs["guest"] = s.Guest(ctx, "0a")
	_, errs["claim"] = s.Claim(ctx, "0a", "worker", time.Minute)
	_, errs["import"] = s.Import(ctx, importID)
	_, _, errs["create"] = s.CreateImport(ctx, ledger.Import{ID: importID})
	_, errs["insert"] = s.InsertEntries(ctx, []ledger.Entry{planned(1)})
	_, _, errs["update"] = s.UpdateEntry(ctx, importID, "0a", func(*ledger.Entry) error { return nil })
	_, errs["tally"] = s.Tally(ctx, importID)
	_, errs["tenant"] = s.Tenant(ctx)
	_, errs["breaker"] = s.Breaker(ctx)
	_, errs["book"] = s.UpdateTenant(ctx, func(*ledger.Tenant, time.Time) error { return nil })
	errs["grant"] = s.Grant(ctx, "group:1", map[string]string{"0a": importID})
	_, errs["granted"] = s.GrantedBy(ctx, "group:1", []string{"0a"})
	errs["purge"] = s.PurgeEntries(ctx, importID)
	for what, err := range errs {
		if err == nil || errors.Is(err, ledger.ErrNotFound) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestUnreachableServiceIsAnErrorWithoutItsAddress(t *testing.T) {
	t.Parallel()
	down := atomic.Bool{}
	s := through(t, func(req *http.Request) (*http.Response, error) {
		if down.Load() {
			return nil, errors.New("connection refused")
		}
		return http.DefaultTransport.RoundTrip(req)
	})
	down.Store(true)
	start := time.Now()
	_, err := s.Guest(t.Context(), planned(1).Guest)
	if err == nil || errors.Is(err, ledger.ErrNotFound) || strings.Contains(err.Error(), "http") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("gave up after %s", took)
	}
}

func TestOneCallersEndDoesNotEndTheUpdatesOfOthers(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	reached, release := make(chan struct{}), make(chan struct{})
	s := through(t, func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "$batch") && held.CompareAndSwap(true, false) {
			close(reached)
			select {
			case <-release:
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		}
		return http.DefaultTransport.RoundTrip(req)
	})
	_, err := s.InsertEntries(t.Context(), []ledger.Entry{planned(1)})
	check(t, err)
	raise := func(e *ledger.Entry) error {
		e.Invite.Generation++
		return nil
	}
	held.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, _, err := s.UpdateEntry(ctx, importID, planned(1).Guest, raise)
		first <- err
	}()
	<-reached
	go func() {
		_, _, err := s.UpdateEntry(t.Context(), importID, planned(1).Guest, raise)
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled update: %v", err)
	}
	close(release)
	check(t, <-second)
	e, err := s.Entry(t.Context(), importID, planned(1).Guest)
	check(t, err)
	if e.Invite.Generation != 2 {
		t.Errorf("generation %d", e.Invite.Generation)
	}
}

// TestErrorsNameNoGuest loses the connection: what then is logged must not tell who the guest is.
func TestErrorsNameNoGuest(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	s := through(t, func(req *http.Request) (*http.Response, error) {
		if dead.Load() {
			return nil, errors.New("connection refused")
		}
		return http.DefaultTransport.RoundTrip(req)
	})
	e := planned(1)
	change := func(e *ledger.Entry) error { e.UserID = "x"; return nil }
	for _, down := range []bool{false, true} { // at first there is no such entry
		dead.Store(down)
		_, read := s.Entry(t.Context(), importID, e.Guest)
		_, _, one := s.UpdateEntry(t.Context(), importID, e.Guest, change)
		_, all := s.UpdateEntries(t.Context(), importID, []string{e.Guest}, change)
		_, saved := s.SaveGuest(t.Context(), ledger.Guest{Key: e.Guest, Version: "W/\"1\""})
		for name, err := range map[string]error{"Entry": read, "UpdateEntry": one, "UpdateEntries": all, "SaveGuest": saved} {
			if err == nil || strings.Contains(err.Error(), e.Guest) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := s.Claim(t.Context(), e.Guest, "holder", time.Minute); err == nil || strings.Contains(err.Error(), e.Guest) {
		t.Errorf("Claim: %v", err)
	}
}
