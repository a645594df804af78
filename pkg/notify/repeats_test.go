package notify_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
)

// TestCopyThatCameTwiceIsSaid: the copy's answer is lost once, though it was taken; the next delivery sends it again and dies at each of its acts.
func TestCopyThatCameTwiceIsSaid(t *testing.T) {
	t.Parallel()
	for points := 0; ; points++ {
		w := newWorld(t)
		m := w.plan("a", func(e *ledger.Entry) { e.CC = "boss@contoso.example" })
		w.server.answer = func(n int, _ notify.Mail) (error, bool) {
			if n == 2 {
				return fmt.Errorf("%w: connection lost", notify.ErrUncertain), true
			}
			return nil, false
		}
		if err := w.deliver(m); !errors.Is(err, notify.ErrUncertain) {
			t.Fatal(err)
		}
		w.process.DieAt(points)
		err := w.deliver(m)
		if !w.process.Died() {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, crashtest.ErrCrash) {
			t.Fatal(err)
		}
		if err := w.settle(m); err != nil {
			t.Fatal(err)
		}
		copies, code := len(w.server.to("boss@contoso.example")), w.entry("a").Notify.Code
		if copies > 1 && code != "mail.uncertain" {
			t.Errorf("point %d: %d copies, row says %q", points, copies, code)
		}
	}
}

// TestMailThatCameTwiceIsSaidThoughTheCopyIsNot: the guest's mail goes twice, and the copy is refused, or put off for a day.
func TestMailThatCameTwiceIsSaidThoughTheCopyIsNot(t *testing.T) {
	t.Parallel()
	for name, no := range map[string]error{"refused": message.Never("mail.refused", "550 no"),
		"deferred for ever": &message.Later{After: time.Hour, Why: "deferred", Budget: 24 * time.Hour, Spent: &message.Failure{Code: "mail.deferred", Text: "451"}}} {
		w := newWorld(t)
		m := w.plan("a", func(e *ledger.Entry) { e.CC = "boss@contoso.example" })
		w.server.answer = func(n int, mail notify.Mail) (error, bool) {
			switch {
			case n == 1:
				return fmt.Errorf("%w: connection lost", notify.ErrUncertain), true
			case mail.To == address:
				return nil, false
			}
			return no, false
		}
		_ = w.settle(m)
		if n, code := len(w.server.to(address)), w.entry("a").Notify.Code; n > 1 && code != "mail.uncertain" {
			t.Errorf("%s: the guest has %d mails, the row says %q: %s", name, n, code, w.entry("a").Notify.Text)
		}
	}
}
