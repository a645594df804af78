package forecast_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/forecast"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// world is a ledger at noon.
type world struct {
	*memledger.Store
	t *testing.T
	s pace.Settings
}

func newWorld(t *testing.T, s pace.Settings) *world {
	return &world{memledger.New(func() time.Time { return noon }), t, s}
}

func (w *world) add(id string, state ledger.ImportState, guests int) {
	w.t.Helper()
	w.create(ledger.Import{ID: id, State: state, Revision: 1}, guests, ledger.Entry{Invite: ledger.Step{State: ledger.Planned}})
}

// addMailed adds an import whose invitations are in a state and whose mails are still to come.
func (w *world) addMailed(id, mode string, guests int, invite ledger.State) {
	w.t.Helper()
	w.create(ledger.Import{ID: id, State: ledger.Running, Revision: 1, MailMode: mode}, guests,
		ledger.Entry{Invite: ledger.Step{State: invite}, Notify: ledger.Step{State: ledger.Planned}})
}

func (w *world) mails(p ledger.MailPace) {
	w.t.Helper()
	if _, err := w.UpdateMailPace(w.t.Context(), func(row *ledger.MailPace, _ time.Time) error { *row = p; return nil }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) create(i ledger.Import, guests int, like ledger.Entry) {
	w.t.Helper()
	if _, _, err := w.CreateImport(w.t.Context(), i); err != nil {
		w.t.Fatal(err)
	}
	all := make([]ledger.Entry, guests)
	for n := range all {
		all[n] = like
		all[n].Import, all[n].Guest = i.ID, message.GuestKey(fmt.Sprint(n))
	}
	if _, err := w.InsertEntries(w.t.Context(), all); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tenant(change func(*ledger.Tenant)) {
	w.t.Helper()
	_, err := w.UpdateTenant(w.t.Context(), func(row *ledger.Tenant, _ time.Time) error {
		*row = w.s.Fill(*row)
		change(row)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read() *forecast.Forecast {
	w.t.Helper()
	f, err := forecast.Read(w.t.Context(), w, w.s)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// after fails the test unless an expectation lies about so long after noon, with a cause.
func after(t *testing.T, e forecast.Expectation, want time.Duration, cause forecast.Cause, says string) {
	t.Helper()
	got := e.At.Sub(noon)
	if got < want*9/10 || got > want*11/10+time.Minute || e.Cause != cause || !strings.Contains(e.Why, says) {
		t.Errorf("after %s because of %s (%s); want about %s, %s, %q", got, e.Cause, e.Why, want, cause, says)
	}
}

var fast = pace.Settings{Writes: pace.Writes, Invitations: pace.Invitations}

func TestExpectations(t *testing.T) {
	t.Parallel()
	capped := fast
	capped.Cap = 50
	for _, c := range []struct {
		name   string
		s      pace.Settings
		guests int
		want   time.Duration
		cause  forecast.Cause
		says   string
	}{
		{"Microsoft's limit", fast, 10_000, 536 * time.Second, forecast.Limit, "19.6 directory writes a second"},
		{"an operator's limit", pace.Settings{Writes: pace.Writes, Invitations: 1}, 3600, time.Hour, forecast.Limit, "60 a minute"},
		{"the slow start", pace.Careful, 50, 5 * time.Minute, forecast.Ramp, "10 a minute"},
		{"the slow start, later", pace.Careful, 250, 12*time.Minute + 30*time.Second, forecast.Ramp, "10 a minute"},
		{"the careful cap", pace.Careful, 2500, 12 * time.Hour, forecast.Cap, "at most 2000 new invitations a day (UTC), of which 2000 are left"},
		{"a cap for days", capped, 170, 60 * time.Hour, forecast.Cap, "at most 50"},
		{"nobody", fast, 0, 0, forecast.Limit, "writes a second"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.s)
			after(t, w.read().Guests(c.guests), c.want, c.cause, c.says)
			if c.guests > 0 {
				w.add("a", ledger.Planning, c.guests)
				e, ok := w.read().Import("a")
				if !ok {
					t.Fatal("nothing is expected of an open import")
				}
				after(t, e, c.want, c.cause, c.says)
			}
		})
	}
}

// TestImportsShareThePace: a small import need not wait for a big one.
func TestImportsShareThePace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.add("big", ledger.Planning, 20_000)
	w.add("small", ledger.Running, 500)
	w.add("held", ledger.Held, 0)
	small, _ := w.read().Import("small")
	after(t, small, 54*time.Second, forecast.Limit, "shared with 1 other import")
	big, _ := w.read().Import("big")
	after(t, big, 18*time.Minute, forecast.Limit, "shared with 1 other import")
	if _, ok := w.read().Import("held"); ok {
		t.Error("something is expected of an import without guests")
	}
}

func TestThrottledAndOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.tenant(func(row *ledger.Tenant) { row.Writes.Rate, row.Writes.Halved = pace.Writes/2, noon })
	after(t, w.read().Guests(10_000), 9*time.Minute, forecast.Throttled, "slow down; at present 9.8 writes")
	if _, err := w.UpdateBreaker(t.Context(), func(row *ledger.Breaker, _ time.Time) error { row.Open = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if e := w.read().Guests(5); !e.At.IsZero() || e.Cause != forecast.Breaker || !strings.Contains(e.Why, "guestlist breaker show") {
		t.Errorf("expectation %+v", e)
	}
}

var errLedger = errors.New("503 server busy")

type broken struct{ *world }

func (broken) Tally(context.Context, string) (ledger.Tally, error) {
	return ledger.Tally{}, errLedger
}

func TestLedgerErrorsAreNoForecast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.add("a", ledger.Running, 3)
	if _, err := forecast.Read(t.Context(), broken{w}, fast); !errors.Is(err, errLedger) {
		t.Errorf("error %v", err)
	}
}

// TestMails: where the mail provider takes less than the directory, the mails are what lasts.
func TestMails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		mode   string
		pace   ledger.MailPace
		guests int
		want   time.Duration
		cause  forecast.Cause
		says   string
	}{
		{"a limit a minute", "own", ledger.MailPace{PerMinute: 30}, 3000, 100 * time.Minute, forecast.Mail, "30 mails a minute"},
		{"a limit a day", "own", ledger.MailPace{PerMinute: 30, PerDay: 1000, Day: noon.Add(-12 * time.Hour), Count: 400}, 1200, 12*time.Hour + 20*time.Minute, forecast.Mail, "1000 mails a day"},
		{"yesterday's count", "own", ledger.MailPace{PerMinute: 30, PerDay: 1000, Day: noon.Add(-36 * time.Hour), Count: 400}, 900, 30 * time.Minute, forecast.Mail, "30 mails a minute"},
		{"limits that are unknown", "own", ledger.MailPace{}, 10_000, 536 * time.Second, forecast.Limit, "writes a second"},
		{"mailed by Microsoft", "microsoft", ledger.MailPace{PerMinute: 30}, 10_000, 536 * time.Second, forecast.Limit, "writes a second"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fast)
			w.mails(c.pace)
			w.addMailed("a", c.mode, c.guests, ledger.Planned)
			e, _ := w.read().Import("a")
			after(t, e, c.want, c.cause, c.says)
		})
	}
}

// TestOnlyMailsAreLeft: what is put off is not the directory's doing.
func TestOnlyMailsAreLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.addMailed("a", "own", 3, ledger.Ended)
	e, ok := w.read().Import("a")
	if !ok {
		t.Fatal("nothing is expected of guests whose mail is under way")
	}
	after(t, e, 0, forecast.Mail, "mails are under way")
}

func TestMailsAreShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.mails(ledger.MailPace{PerMinute: 30})
	w.addMailed("small", "own", 60, ledger.Planned)
	w.addMailed("big", "own", 600, ledger.Planned)
	e, _ := w.read().Import("small")
	after(t, e, 4*time.Minute, forecast.Mail, "shared with 1 other import")
	after(t, w.read().Guests(30), 3*time.Minute, forecast.Mail, "shared with 2 other imports")
}
