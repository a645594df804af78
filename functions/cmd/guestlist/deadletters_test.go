package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

// sometime matches when a broker took a message.
var sometime = regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\dZ`)

// failures adds an import of three guests: one was not invited, one was refused a group.
func (w *world) failures(id, source string) {
	w.t.Helper()
	forbidden := message.Failure{Code: "group.forbidden", Text: "The group may be dynamic. Use an assigned security group."}
	all := people()
	all[0].Targets[0].Step = refusal(ledger.Failed, forbidden)
	w.imports(ledger.Import{ID: id, Source: source, Path: "in/a.csv", Rows: 5, Reported: 1}, all...)
	guest := func(n int) string { return message.GuestKey(all[n].Address) }
	w.dead(message.Message{Kind: message.Invite, Import: id, Guest: guest(2), Generation: 1, Attempt: 1}, &groupAddr)
	w.dead(message.Message{Kind: message.Assign, Import: id, Guest: guest(0), Target: 0, Generation: 1, Attempt: 10}, &forbidden)
}

func TestDeadLettersNameWhoWhatAndWhyAndHowToSendThemAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.failures("99aa0000000000000001", "letters")
	w.run("", "deadletters", "list", "99aa")
	w.dead(message.Message{Kind: message.Event, Attempt: 10, Event: json.RawMessage(
		`{"id":"1","subject":"/blobServices/default/containers/inbox-letters/blobs/in/b.csv","eventType":"Microsoft.Storage.BlobCreated","data":{"url":"x"}}`)},
		&message.Failure{Code: "event.unknown", Text: "The storage account is not this one."})
	w.run("", "deadletters", "list")
	w.golden("deadletters", sometime)
	for _, l := range decode[[]letter](t, w.run("", "deadletters", "list", "-json")) {
		if l.Since.IsZero() || l.Code == "" || l.Text == "" || l.Sequence == 0 || l.Queue == "" {
			t.Errorf("a letter lacks something: %+v", l)
		}
	}
}

func TestReplaySendsOnlyWhatWasSelected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "99ab0000000000000001"
	w.failures(id, "replayed")
	w.run("", "deadletters", "replay", "99ab", "-code", "no.such")
	w.run("", "deadletters", "replay", "99ab", "-guest", "nobody@partner.example")
	w.run("n\n", "deadletters", "replay", "99ab")
	if a, d := w.queued(message.Invitations); a != 0 || d != 1 || w.get(id).Revision != 1 {
		t.Fatalf("nothing was agreed to, yet %d messages are queued, %d are dead and the revision is %d", a, d, w.get(id).Revision)
	}
	w.run("y\n", "deadletters", "replay", "99ab", "-guest", "Ben.Okafor@partner.example")
	if a, d := w.queued(message.Invitations); a != 1 || d != 0 {
		t.Errorf("invitations: %d queued and %d dead, want 1 and 0", a, d)
	}
	if a, d := w.queued(message.Assignments); a != 0 || d != 1 {
		t.Errorf("assignments: %d queued and %d dead, want 0 and 1", a, d)
	}
	w.run("", "deadletters", "replay", "99ab", "-code", "group.forbidden", "-yes")
	w.run("", "deadletters", "replay", "99ab", "-yes")
	w.run("", "deadletters", "list", "99ab")
	w.golden("replay")
}

func TestReplayAsJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.failures("99ac0000000000000001", "replayed-json")
	r := w.run("", "deadletters", "replay", "99ac", "-yes", "-json")
	want := replay.Result{Import: "99ac0000000000000001", Revision: 2, Guests: 2, Messages: 2, Removed: 2}
	if got := decode[replay.Result](t, r); got != want || r.err != "" {
		t.Errorf("got %+v and %q, want %+v", got, r.err, want)
	}
}

func TestAnImportThatFailedAsAWholeIsStartedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "99ad0000000000000001"
	w.imports(ledger.Import{ID: id, Source: "restarted", Path: "a.csv", State: ledger.Broken, Code: "graph.forbidden", Text: "The directory may not be read.", Reported: 1})
	w.dead(message.Message{Kind: message.Stage, Import: id, Generation: 1, Attempt: 10}, &message.Failure{Code: "graph.forbidden", Text: "The directory may not be read."})
	w.run("", "deadletters", "list", "99ad")
	w.run("y\n", "deadletters", "replay", "99ad")
	if a, d := w.queued(message.Uploads); a != 1 || d != 0 || w.get(id).State != ledger.Staging {
		t.Errorf("%d queued, %d dead, the import is %s", a, d, w.get(id).State)
	}
	w.golden("restart", sometime)
}

func TestAnUploadEventIsSentAgainByItsNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dead(message.Message{Kind: message.Event, Attempt: 10, Event: json.RawMessage(`{"id":"2","subject":"s","eventType":"t","data":{}}`)}, &message.Failure{Code: "c", Text: "t"})
	listed := decode[[]letter](t, w.run("", "deadletters", "list", "-json"))
	if len(listed) != 1 {
		t.Fatalf("%d letters", len(listed))
	}
	w.run("n\n", "deadletters", "replay", "-event", "1")
	if r := w.run("y\n", "deadletters", "replay", "-event", "1"); r.code != exitDone {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	if a, d := w.queued(message.Uploads); a != 1 || d != 0 {
		t.Errorf("%d queued, %d dead", a, d)
	}
	if r := w.run("", "deadletters", "replay", "-event", "1", "-yes"); r.code != exitFailed || !strings.Contains(r.err, "is no upload event") {
		t.Errorf("the second time: exit %d, %s", r.code, r.err)
	}
}

func TestCancelAsksOnceAndOnlyWhereSomethingIsOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open := people()
	open[0].Targets[0].Step = ledger.Step{Generation: 1, State: ledger.Sent, Due: received}
	w.imports(ledger.Import{ID: "99ba0000000000000001", Source: "cancelled", Path: "a.csv", Rows: 5}, open...)
	w.held("99bb0000000000000001", "cancelled", asked)
	w.imports(ledger.Import{ID: "99bc0000000000000001", Source: "cancelled", Path: "c.csv", Reported: 1}, people()...)
	w.run("n\n", "cancel", "99ba")
	if w.get("99ba0000000000000001").Cancelled {
		t.Fatal("it was cancelled although the answer was no")
	}
	w.run("y\n", "cancel", "99ba")
	w.run("", "cancel", "99ba")
	w.run("", "cancel", "99bb", "-yes", "-json")
	w.run("", "cancel", "99bc", "-yes")
	for id, want := range map[string]bool{"99ba0000000000000001": true, "99bb0000000000000001": true, "99bc0000000000000001": false} {
		if got := w.get(id).Cancelled; got != want {
			t.Errorf("import %s: cancelled is %v", id, got)
		}
	}
	w.run("", "status", "99ba")
	w.golden("cancel")
}
