package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

// TestDemo runs the command as "make demo" does, in JSON mode.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir, err := staged()
	if err != nil {
		t.Fatal(err)
	}
	results := t.TempDir()
	var out, text bytes.Buffer
	code := run(t.Context(), []string{"-json", "-ports", "auto", "-dist", dir, "-env", filepath.Join(t.TempDir(), "devstack.env"), "-lag", "500ms",
		"-seed", filepath.Join(root, "docs/samples/directory.json"), "-policy", filepath.Join(root, "docs/samples/partners.policy.json"),
		"-csv", filepath.Join(root, "docs/samples/partners.csv"), "-exit", "-results", results}, func(string) string { return "" }, &out, &text)
	if code != exitDone {
		t.Fatalf("exit code %d\n%s", code, text.String())
	}
	var ready struct {
		Functions, ServiceBus, Storage, Graph, GraphControl string
		Pids                                                map[string]int
	}
	var last struct {
		Imports []outcome
		Graph   entra.Stats
		Mailbox mailbox.Stats
		Mails   int
	}
	lines := json.NewDecoder(&out)
	if err := lines.Decode(&ready); err != nil || ready.Functions == "" || ready.Pids["handler"] == 0 || !strings.Contains(ready.ServiceBus, "UseDevelopmentEmulator=true") {
		t.Errorf("first line: %+v, %v", ready, err)
	}
	if err := lines.Decode(&last); err != nil || len(last.Imports) != 1 {
		t.Fatalf("last line: %+v, %v", last, err)
	}
	if got := counts(last.Imports[0].Outcomes); got != "8 done, 2 partial, 2 rejected" {
		t.Errorf("outcomes: %s", got)
	}
	if last.Mailbox.MessageIDs != 7 || last.Graph.MailsByMicrosoft != 0 {
		t.Errorf("%d different mails, %d by Microsoft; want 7 and 0: one of the 7 guests was there, and one mail has a copy",
			last.Mailbox.MessageIDs, last.Graph.MailsByMicrosoft)
	}
	checkResults(t, results)
}

func checkResults(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "partners", "partners.csv", "*.csv"))
	if err != nil || len(files) != 2 {
		t.Fatalf("result files: %v, %v", files, err)
	}
	for _, f := range files {
		r, err := os.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(r).ReadAll()
		r.Close()
		want := 13
		if strings.HasSuffix(f, ".failed.csv") {
			want = 5
		}
		if err != nil || len(rows) != want {
			t.Errorf("%s: %d records, want %d: %v", filepath.Base(f), len(rows), want, err)
		}
	}
}

// TestAnyLegacyFile drops a file that fits no seed: what it asks for is made and allowed.
func TestAnyLegacyFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.seed, o.policy, o.emptyFirst = "", "", true })
	file := w.file("others.csv", header+
		"kim@other.example,Kim,,https://apps.other.example/start,aaaaaaaa-0000-4000-8000-000000000001,bbbbbbbb-0000-4000-8000-000000000001,,ko\n"+
		"lee@other.example,Lee,,,,bbbbbbbb-0000-4000-8000-000000000002,,\n")
	if err := w.fillDirectory(file); err != nil {
		t.Fatal(err)
	}
	i := w.wait(w.put(file, "any/folder/others.csv"))[0]
	if outcomesOf(i) != "2 done" {
		t.Errorf("outcomes %s, import %+v", outcomesOf(i), i)
	}
	w.oracle(0, i)
}

// TestSameFileAgain drops the file again while its first import is in flight, and a third time when both are done.
func TestSameFileAgain(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{"off", "on"} {
		t.Run("faults_"+faults, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *options) {
				if o.faults, o.dedup = faults, faults; faults == "off" {
					o.lag = 6 * time.Second // so that no write of the first import is so late that one of the second is quicker
				}
			})
			file := w.file("forty.csv", guests(40))
			first := w.put(file, "one.csv")
			w.progress(first, 5)
			second := w.put(file, "two.csv")
			both := w.wait(first, second)
			third := w.wait(w.put(file, "three.csv"))
			if got := outcomesOf(third[0]); got != "40 already" {
				t.Errorf("third import: %s, want all already", got)
			}
			// With faults a write of the first import may be repeated so late that the second one is quicker.
			if got := outcomesOf(both[1]); faults == "off" && got != "40 already" {
				t.Errorf("second import: %s, want all already", got)
			}
			for _, i := range both {
				if n := i.Ended[ledger.Done] + i.Ended[ledger.Already]; n != 40 {
					t.Errorf("import %s: %s", i.ID, outcomesOf(i))
				}
			}
			if n := w.entra.Stats().UsersCreated; n != 40 {
				t.Errorf("%d users, want 40", n)
			}
			w.mailed(40)
			w.oracle(0, append(both, third...)...)
		})
	}
}

// TestFilesOfNoUse drops what cannot be imported: each has one clear outcome, and no queue keeps a message.
func TestFilesOfNoUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.wait(w.put(w.file("ok.csv", guests(1)), "ok.csv")) // adds the source
	drops := map[string]*drop{
		"file.no-email-column": w.put(w.file("a.csv", "Name,Group\nAna,x\n"), "no-email.csv"),
		"file.empty":           w.put(w.file("b.csv", ""), "empty.csv"),
		"file.not-csv":         w.put(w.file("c.csv", "PK\x03\x04\x14\x00\x06\x00"), "zip.csv"),
	}
	for code, d := range drops {
		i := w.wait(d)[0]
		if i.State != "rejected" || i.Code != code || i.Text == "" || w.summary(i).Code != code {
			t.Errorf("%s: %+v", code, i)
		}
	}
	w.deleted(t)
	w.oracle(w.strays(t, first[0].ID), first...)
}

// strays sends messages that can mean nothing: about imports and guests that are not there, of a generation to come, about a
// target that nobody asked for, and an event of nobody's. It returns how many of them have to end as dead letters.
func (w *world) strays(t *testing.T, importID string) int {
	t.Helper()
	guest := message.GuestKey("guest000@partner.example")
	var all []message.Message
	for _, kind := range []message.Kind{message.Stage, message.Plan, message.Invite, message.Assign, message.Notify, message.Report} {
		all = append(all, message.Message{Kind: kind, Import: "00000000000000000000", Guest: guest, Generation: 1},
			message.Message{Kind: kind, Import: importID, Guest: message.GuestKey("nobody@partner.example"), Generation: 99},
			message.Message{Kind: kind, Import: importID, Guest: guest, Generation: 99})
	}
	dead := map[string]bool{"message.target": true, "event.unreadable": true}
	all = append(all, message.Message{Kind: message.Assign, Import: importID, Guest: guest, Target: 49, Generation: 1},
		message.Message{Kind: message.Event, Event: json.RawMessage(`{"hello":"world"}`)})
	if err := w.services.Bus.Send(w.ctx, all...); err != nil {
		t.Fatal(err)
	}
	w.drained(len(dead))
	for _, queue := range message.Queues {
		letters, err := w.services.Bus.Browse(w.ctx, queue, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			if !dead[l.Reason] {
				t.Errorf("dead letter %s: %s", l.Reason, l.Description)
			}
		}
	}
	return len(dead)
}

// deleted drops a file and deletes it before it is read: the event is posted by hand, so that nobody can be quicker.
func (w *world) deleted(t *testing.T) {
	t.Helper()
	raw := json.RawMessage(`{"eventType":"Microsoft.Storage.BlobCreated","subject":"/blobServices/default/containers/inbox-partners/blobs/gone.csv",` +
		`"data":{"api":"PutBlob","eTag":"0x8DEADBEEF"}}`)
	if err := w.services.Bus.Send(w.ctx, message.Message{Kind: message.Event, Event: raw}); err != nil {
		t.Fatal(err)
	}
	d := &drop{importID: message.ImportID(w.services.Blobs.Account(), "inbox-partners", "gone.csv", "0x8DEADBEEF")}
	if i := w.wait(d)[0]; i.State != "superseded" || i.Code != "file.deleted" {
		t.Errorf("deleted file: %+v", i)
	}
}

// TestSourceWithoutPolicyIsHeld drops a file whose source nobody has allowed.
func TestSourceWithoutPolicyIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.policy = "" })
	i := w.wait(w.put(w.file("x.csv", guests(2)), "x.csv"))[0]
	if i.State != "held" || i.Code != "source.unknown" || !strings.Contains(string(i.Ask), group) {
		t.Errorf("import: %+v", i)
	}
	w.drained(0)
	if s := w.entra.Stats(); s.UsersCreated != 0 {
		t.Errorf("%d users were created without a policy", s.UsersCreated)
	}
}

// TestDeadLetterIsMendedAndReplayed invites somebody who is a member of the tenant: that fails for good, until the
// account is removed from the directory.
func TestDeadLetterIsMendedAndReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if _, err := w.entra.AddUser(entra.User{ID: "99999999-0000-4000-8000-000000000001", Mail: "guest001@partner.example", UserType: "Member"}); err != nil {
		t.Fatal(err)
	}
	i := w.wait(w.put(w.file("five.csv", guests(5)), "five.csv"))[0]
	if outcomesOf(i) != "4 done, 1 failed" {
		t.Fatalf("outcomes: %s", outcomesOf(i))
	}
	w.oracle(1, i)
	r := &replay.Replay{Ledger: w.services.Ledger, Bus: w.services.Bus, DeadLetters: w.services.Bus}
	letters, err := r.List(w.ctx, i.ID)
	if err != nil || len(letters) != 1 || letters[0].Address != "guest001@partner.example" || letters[0].Reason != "member.exists" {
		t.Fatalf("dead letters: %+v, %v", letters, err)
	}
	w.control("DELETE", "/users/99999999-0000-4000-8000-000000000001")
	if res, err := r.Run(w.ctx, replay.Selection{Import: i.ID}); err != nil || res.Guests != 1 || res.Removed != 1 {
		t.Fatalf("replay: %+v, %v", res, err)
	}
	i = w.wait(&drop{importID: i.ID})[0]
	if outcomesOf(i) != "5 done" || i.Reported != 2 {
		t.Errorf("after the replay: %s, revision %d reported", outcomesOf(i), i.Reported)
	}
	w.oracle(0, i)
	if sum := w.summary(i); sum.Revision != 2 || counts(sum.Outcomes) != "5 done" || sum.ToCorrect != "" {
		t.Errorf("results: %+v", sum)
	}
}
