package tableledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/tableledger"
	"guestlist/pkg/message"
)

// sizeRefusals are answers of a service that finds a row or a transaction too large.
var sizeRefusals = map[string]func() *http.Response{
	"EntityTooLarge":        func() *http.Response { return innerRefusal(400, "EntityTooLarge") },
	"PropertyValueTooLarge": func() *http.Response { return innerRefusal(400, "PropertyValueTooLarge") },
	"TooManyProperties":     func() *http.Response { return innerRefusal(400, "TooManyProperties") },
	"RequestBodyTooLarge": func() *http.Response {
		return answer(http.StatusRequestEntityTooLarge, `{"odata.error":{"code":"RequestBodyTooLarge"}}`)
	},
}

func innerRefusal(status int, code string) *http.Response {
	body := strings.Replace(refusal, "503 Service Unavailable", fmt.Sprint(status, " Bad Request"), 1)
	return answer(http.StatusAccepted, strings.Replace(body, "ServerBusy", code, 1))
}

func answer(status int, body string) *http.Response {
	header := http.Header{"X-Ms-Request-Id": {"request-1"}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// refusingRows refuses every write that holds mark, for its size.
func refusingRows(t *testing.T, mark string, refuse func() *http.Response) *tableledger.Store {
	return through(t, func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodGet || req.Body == nil {
			return http.DefaultTransport.RoundTrip(req)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(body, []byte(mark)) {
			res := refuse()
			res.Request = req
			return res, nil
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		return http.DefaultTransport.RoundTrip(req)
	})
}

// neighbours returns n planned entries of one partition of the table.
func neighbours(n int) []ledger.Entry {
	var all []ledger.Entry
	for i := 0; len(all) < n; i++ {
		if e := planned(i); e.Guest[0] == '7' {
			all = append(all, e)
		}
	}
	return all
}

func checkTooLarge(t *testing.T, err error, what string) {
	t.Helper()
	f, ok := errors.AsType[*message.Failure](err)
	if !ok || *f != *ledger.TooLarge(what, "request-1") {
		t.Errorf("error %v", err)
	}
}

func TestEntryThatTheServiceFindsTooLargeFailsAlone(t *testing.T) {
	t.Parallel()
	for code, refuse := range sizeRefusals {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := refusingRows(t, "monster", refuse)
			all := neighbours(6)
			all[2].Text = "monster"
			n, err := s.InsertEntries(t.Context(), all)
			checkTooLarge(t, err, "guest "+all[2].Guest)
			if n != 5 {
				t.Errorf("inserted %d of 5", n)
			}
			all[2].Text = ""
			_, err = s.InsertEntries(t.Context(), all)
			check(t, err)
			var guests []string
			for _, e := range all {
				guests = append(guests, e.Guest)
			}
			altered, err := s.UpdateEntries(t.Context(), importID, guests, func(e *ledger.Entry) error {
				if e.Invite.Generation++; e.Guest == guests[4] {
					e.Text = "monster"
				}
				return nil
			})
			checkTooLarge(t, err, "guest "+guests[4])
			if len(altered) != 5 {
				t.Errorf("altered %d of 5", len(altered))
			}
			for i, guest := range guests {
				e, err := s.Entry(t.Context(), importID, guest)
				check(t, err)
				if want := map[bool]int{true: 1, false: 2}[i == 4]; e.Invite.Generation != want || e.Text != "" {
					t.Errorf("guest %d is %+v", i, e)
				}
			}
			tally, err := s.Tally(t.Context(), importID)
			check(t, err)
			if tally.Guests != 6 || tally.Open != 6 {
				t.Errorf("tally %+v", tally)
			}
		})
	}
}

// TestRefusalOfOneCallerIsNotThatOfAnother lets two callers' updates wait for the same turn, so that they share a
// transaction.
func TestRefusalOfOneCallerIsNotThatOfAnother(t *testing.T) {
	t.Parallel()
	s := refusingRows(t, "monster", sizeRefusals["EntityTooLarge"])
	all := neighbours(3)
	_, err := s.InsertEntries(t.Context(), all)
	check(t, err)
	started, release := make(chan struct{}), make(chan struct{})
	results := make([]chan error, len(all))
	update := func(i int, change func(*ledger.Entry) error) {
		results[i] = make(chan error, 1)
		go func() {
			_, _, err := s.UpdateEntry(t.Context(), importID, all[i].Guest, change)
			results[i] <- err
		}()
	}
	update(0, func(*ledger.Entry) error {
		close(started)
		<-release
		return ledger.ErrUnchanged
	})
	<-started
	update(1, func(e *ledger.Entry) error { e.Text = "monster"; return nil })
	update(2, func(e *ledger.Entry) error { e.Text = "fine"; return nil })
	close(release)
	check(t, <-results[0])
	checkTooLarge(t, <-results[1], "guest "+all[1].Guest)
	check(t, <-results[2])
}

func TestRowThatTheServiceFindsTooLargeIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	s := refusingRows(t, "monster", sizeRefusals["EntityTooLarge"])
	_, _, err := s.CreateImport(t.Context(), ledger.Import{ID: importID, Ask: "monster"})
	checkTooLarge(t, err, "import "+importID)
	_, _, err = s.CreateImport(t.Context(), ledger.Import{ID: importID})
	check(t, err)
	_, err = s.UpdateImport(t.Context(), importID, func(i *ledger.Import) error {
		i.Text = "monster"
		return nil
	})
	checkTooLarge(t, err, "import "+importID)
}

func TestGuestThatTheServiceFindsTooLargeIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	s := refusingRows(t, "monster", func() *http.Response {
		return answer(http.StatusBadRequest, `{"odata.error":{"code":"EntityTooLarge"}}`)
	})
	key := planned(1).Guest
	_, err := s.Claim(t.Context(), key, "monster", time.Minute)
	checkTooLarge(t, err, "guest "+key)
	g, err := s.Claim(t.Context(), key, "worker", time.Minute)
	check(t, err)
	g.RedeemURL = "monster"
	_, err = s.SaveGuest(t.Context(), g)
	checkTooLarge(t, err, "guest "+key)
}
