package main

import (
	"strings"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/pace"
)

func TestRateIsShownAndSet(t *testing.T) {
	t.Parallel()
	w := alone(t)
	w.run("", "rate", "show")
	if v := decode[rateView](t, w.run("", "rate", "show", "-json")); !v.Default || v.LimitedBy != "start" || v.InvitationsPerMinute != 10 {
		t.Errorf("as JSON: %+v", v)
	}
	w.run("n\n", "rate", "set", "-day", "50", "-reason", "first week")
	if row, err := w.services.Ledger.Tenant(t.Context()); err != nil || row.Version != "" {
		t.Errorf("row %+v, %v: nobody agreed", row, err)
	}
	w.run("y\n", "rate", "set", "-day", "50", "-reason", "first week")
	w.run("", "rate", "set", "-start", "off", "-invitations", "60", "-writes", "5", "-reason", "Microsoft said yes, case 1", "-yes")
	row, err := w.services.Ledger.Tenant(t.Context())
	if err != nil || row.Ramp.Cap != 50 || row.Ramp.CapUntil != 0 || !row.Ramp.Off || row.Invitations.Limit != 1 || row.Writes.Limit != 5 || row.Changed.IsZero() {
		t.Errorf("row %+v, %v", row, err)
	}
	w.run("", "rate", "set", "-start", "careful", "-day", "careful", "-invitations", "1800", "-writes", "20", "-reason", "as it was", "-yes")
	row, err = w.services.Ledger.Tenant(t.Context())
	if want := pace.Careful.Fill(ledger.Tenant{}); err != nil || row.Ramp != want.Ramp || row.Invitations != want.Invitations || row.Writes != want.Writes {
		t.Errorf("row %+v, %v, want that of %+v", row, err, want)
	}
	if r := runWith(t.Context(), w.getenv, "", "rate", "set", "-day", "9", "-reason", "steer\x1b[2J", "-yes"); strings.Contains(r.out, "\x1b") {
		t.Errorf("it prints %q", r.out)
	}
	w.run("", "rate", "set", "-day", "none", "-reason", "enough have worked", "-yes")
	w.golden("rate", moments)
}

func TestRateWhileTheTenantIsThrottled(t *testing.T) {
	t.Parallel()
	w := alone(t)
	day := 24 * time.Hour
	if left := time.Until(time.Now().Truncate(day).Add(day)); left < 30*time.Second { // in UTC; another day's count is not shown
		<-time.After(left + 2*time.Second)
	}
	_, err := w.services.Ledger.UpdateTenant(t.Context(), func(row *ledger.Tenant, now time.Time) error {
		*row = pace.Careful.Fill(*row)
		row.Ramp.Succeeded, row.Ramp.Off = 2300, true
		row.Ramp.Day, row.Ramp.Count = now.Truncate(day), 300
		row.Writes.Rate, row.Writes.Halved = 5, now.Add(time.Minute)
		return nil
	})
	w.must(err)
	w.run("", "rate", "show")
	w.golden("rate-throttled")
}
