package notify_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
)

// TestPace sends to an empty provider with limits, and counts how many mails go in a minute and in a day.
func TestPace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pace = notify.Pace{PerMinute: 30, PerDay: 100, Wait: func(_ context.Context, d time.Duration) error { w.now = w.now.Add(d); return nil }}
	step := w.step()
	start, sent, waited := w.now, 0, map[string]int{}
	for sent < 150 {
		err := step.Pace.Book(t.Context(), w.ledger, 3)
		if later, ok := errors.AsType[*message.Later](err); ok {
			waited[later.Why]++
			w.now = w.now.Add(later.After)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		sent++
		if took := w.now.Sub(start); sent <= 100 && took < time.Duration(sent-4)*2*time.Second {
			t.Fatalf("%d mails in %s at 30 a minute", sent, took)
		}
		if sent > 100 && w.now.Day() == start.Day() {
			t.Fatalf("%d mails on a day of 100", sent)
		}
	}
	if len(waited) == 0 {
		t.Error("nobody was put off until the next day")
	}
	if row, err := w.ledger.MailPace(t.Context()); err != nil || row.PerMinute != 30 || row.PerDay != 100 {
		t.Errorf("row %+v, error %v: whoever forecasts does not know the limits", row, err)
	}
}

func TestRepeatedWaitsGrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.ledger.UpdateMailPace(t.Context(), func(p *ledger.MailPace, now time.Time) error { p.Next = now.Add(time.Hour); return nil }); err != nil {
		t.Fatal(err)
	}
	longest := func(before int) (most time.Duration) {
		for range 50 {
			later, ok := errors.AsType[*message.Later](notify.Pace{PerMinute: 1}.Book(t.Context(), w.ledger, before))
			if !ok {
				t.Fatal("booked an hour ahead")
			}
			most = max(most, later.After)
		}
		return most
	}
	if first, tenth := longest(0), longest(10); first > 15*time.Second || tenth < time.Minute || tenth > 11*time.Minute {
		t.Errorf("waits of up to %s at first and %s after ten", first, tenth)
	}
}
