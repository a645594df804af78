package replay_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

// TestRefusedMailIsReplayedAlone sends only the mail again: the access that was granted stays as it is.
func TestRefusedMailIsReplayedAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, done(), done()), guest(1, done(), done()))
	w.change("a", 0, func(e *ledger.Entry) { e.Notify = failed(&message.Failure{Code: "mail.refused", Text: "550 no"}) })
	before := w.entry("a", 0).Targets
	_, sent := w.run(replay.Selection{Import: "a", Code: "mail.refused"})
	if diff := gocmp.Diff([]brief{{message.Notify, "a", guestOf(0), 0, 2}}, sent); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
	if e := w.entry("a", 0); e.Notify.State != ledger.Sent || e.Notify.Generation != 2 || gocmp.Diff(before, e.Targets) != "" {
		t.Errorf("entry %+v", e)
	}
}
