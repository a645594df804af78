package plan_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
)

func TestEveryValidRowGetsOneInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	if err := w.deliver(w.put("a.csv", rows(300))); err != nil {
		t.Fatal(err)
	}
	i := w.only()
	if i.State != ledger.Running || i.Rows != 300 || i.GuestsPlanned != 300 {
		t.Errorf("import: %+v", i)
	}
	if !i.Expected.After(i.Created) || !strings.Contains(i.ExpectedWhy, "begin slowly") {
		t.Errorf("expected end %s: %q", i.Expected, i.ExpectedWhy)
	}
	if n := w.different(message.Invite); n != 300 {
		t.Errorf("%d invitations sent, want 300", n)
	}
	if e := w.entry("guest7@partner.example"); e.RedirectURL != "https://apps.example/" || e.Targets[0].Name != "Group 1111" {
		t.Errorf("entry: %+v", e)
	}
}

func TestSameEventFiveTimesIsOneImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	e := w.put("a.csv", rows(5))
	for range 5 {
		if err := w.deliver(e); err != nil {
			t.Fatal(err)
		}
	}
	w.only()
	if n := w.different(message.Invite); n != 5 {
		t.Errorf("%d invitations, want 5", n)
	}
}

// TestRestOfThePlanComesByTheLedgersClock: a process whose own clock is wrong must not make the plan turn without pause, or
// sleep.
func TestRestOfThePlanComesByTheLedgersClock(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		w := newWorld(t)
		w.allow(nil)
		w.plan.Window = roomFor{w, 1}
		w.plan.Now = func() time.Time { return w.now.Add(wrong) }
		w.queue = []message.Message{w.put("a.csv", rows(5))}
		for range 3 { // event, stage, plan
			m := w.queue[0]
			w.queue = w.queue[1:]
			if err := w.one(m); err != nil {
				t.Fatal(err)
			}
		}
		if len(w.queue) != 1 || w.queue[0].Kind != message.Plan || w.queue[0].At.Sub(w.now) != 10*time.Second {
			t.Errorf("clock wrong by %s: %+v; want the rest of the plan in 10 s of %s", wrong, w.queue, w.now)
		}
	}
}

func TestWindowBoundsWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	w.plan.Window = roomFor{w, 100}
	w.queue = []message.Message{w.put("a.csv", rows(500))}
	for range 20 { // event, stage, plan and its pauses; no invitation is ever worked on
		if len(w.queue) == 0 {
			break
		}
		m := w.queue[0]
		w.queue = w.queue[1:]
		if m.At.After(w.now) {
			w.now = m.At
		}
		if err := w.one(m); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.different(message.Invite); n == 0 || n > 100 {
		t.Errorf("%d invitations on their way, window 100", n)
	}
	if len(w.queue) != 1 {
		t.Errorf("the plan must wait as one message, found %d", len(w.queue))
	}
}

func TestUnknownSourceIsHeldAndReleased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.deliver(w.put("a.csv", rows(3))); err != nil {
		t.Fatal(err)
	}
	i := w.only()
	if i.State != ledger.Held || i.Code != "source.unknown" || w.different(message.Invite) != 0 || !i.Stage.Due.IsZero() {
		t.Fatalf("import: %+v", i)
	}
	s := &plan.Sources{Ledger: w.ledger, Blobs: w.blobs, Bus: w}
	p, err := s.Propose(t.Context(), "partners", i.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Groups) != 1 || p.Groups[0].ID != groupA || p.MaxGuests != 3 {
		t.Errorf("proposed: %+v; want exactly what the file asks for", p)
	}
	if n, err := s.Add(t.Context(), p); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	next := w.queue[0]
	w.queue = nil
	if err := w.deliver(next); err != nil {
		t.Fatal(err)
	}
	if i := w.only(); i.State != ledger.Running || w.different(message.Invite) != 3 {
		t.Errorf("after the source was added: %+v, %d invitations", i, w.different(message.Invite))
	}
}

func TestFilesOfNoUseHaveOneClearOutcome(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ content, code string }{
		"empty file":      {"", "file.empty"},
		"only a header":   {header, "file.empty"},
		"zip":             {"PK\x03\x04\x14\x00\x06\x00\x08\x00", "file.not-csv"},
		"no Email column": {"Name,Group\nAna,x\n", "file.no-email-column"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.allow(nil)
			if err := w.deliver(w.put("a.csv", tc.content)); err != nil {
				t.Fatal(err)
			}
			i := w.only()
			if i.State != ledger.Refused || i.Code != tc.code || i.Text == "" || w.different(message.Report) != 1 {
				t.Errorf("import: %+v, %d reports; want rejected with %s and a report", i, w.different(message.Report), tc.code)
			}
		})
	}
}

func TestDeletedBlobIsSuperseded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	e := w.put("a.csv", rows(2))
	if err := w.blobs.Delete(t.Context(), inbox, "a.csv"); err != nil {
		t.Fatal(err)
	}
	if err := w.deliver(e); err != nil {
		t.Fatal(err)
	}
	if i := w.only(); i.State != ledger.Superseded || i.Code != "file.deleted" {
		t.Errorf("import: %+v", i)
	}
}

func TestReplacedBlobIsAdoptedOnceUnderItsOwnID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	first := w.put("a.csv", rows(2))
	second := w.put("a.csv", rows(4))
	for _, e := range []message.Message{second, first, second} { // in either order, and again
		if err := w.deliver(e); err != nil {
			t.Fatal(err)
		}
	}
	states := map[ledger.ImportState]int{}
	for _, i := range w.imports() {
		states[i.State]++
	}
	if states[ledger.Running] != 1 || states[ledger.Superseded] != 1 || w.different(message.Invite) != 4 {
		t.Errorf("states %v, %d invitations; want the newer version once", states, w.different(message.Invite))
	}
}

// replacing is a blob store whose file is replaced while it is read.
type replacing struct {
	*world
	plan.Blobs
	done bool
}

func (r *replacing) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	b, info, err := r.Blobs.Open(ctx, container, path, etag)
	if container != inbox || r.done || err != nil {
		return b, info, err
	}
	r.done = true
	return &midway{ReadCloser: b, left: int(info.Size / 2), then: func() { r.put("a.csv", rows(4)) }}, info, nil
}

// midway does something when so many bytes have been read.
type midway struct {
	io.ReadCloser
	left int
	then func()
}

func (m *midway) Read(p []byte) (int, error) {
	if m.left > 0 {
		n, err := m.ReadCloser.Read(p[:min(len(p), m.left)])
		m.left -= n
		return n, err
	}
	if m.then != nil {
		m.then()
		m.then = nil
	}
	return m.ReadCloser.Read(p)
}

func TestBlobReplacedWhileReadIsNeverAMixture(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(func(p *policy.Policy) { p.MaxGuests = 10_000 })
	w.plan.Blobs = &replacing{world: w, Blobs: w.blobs}
	if err := w.deliver(w.put("a.csv", rows(4000))); err != nil { // more than the CSV reader reads ahead
		t.Fatal(err)
	}
	if n := w.different(message.Invite); n != 4 {
		t.Errorf("%d invitations, want the 4 of the newer version", n)
	}
}

func TestRowsAreJudgedOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	w.dir[groupB] = message.Never("group.dynamic", "It is dynamic.")
	file := header +
		"good@partner.example,G,,,," + groupA + ",,\n" + // fine
		"good@partner.example,G,,,," + groupB + ",,\n" + // its only target refused by the directory: the row is rejected
		"mixed@partner.example,M,,,," + groupA + " " + groupB + ",,\n" + // one of two refused: goes on
		"not an address,N,,,,,,\n" +
		"bad@other.example,B,,,,,,\n" + // domain
		"far@partner.example,F,,,,33333333-3333-4333-8333-333333333333,,\n" // target outside the policy
	if err := w.deliver(w.put("a.csv", file)); err != nil {
		t.Fatal(err)
	}
	i := w.only()
	if i.Rows != 6 || i.RowsRejected != 4 || i.GuestsPlanned != 2 {
		t.Errorf("rows %d, rejected %d, guests %d; want 6, 4, 2", i.Rows, i.RowsRejected, i.GuestsPlanned)
	}
	e := w.entry("mixed@partner.example")
	if len(e.Targets) != 2 || e.Targets[1].State != ledger.Ended || e.Targets[1].Outcome != ledger.Rejected || e.Targets[1].Code != "group.dynamic" || e.Targets[0].State != ledger.Planned {
		t.Errorf("mixed targets: %+v", e.Targets)
	}
}

func TestDirectoryThatCannotBeAskedDelaysTheFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	w.dir[groupA] = &message.Later{After: time.Minute, Why: "throttled"}
	ev := w.put("a.csv", rows(2))
	if err := w.one(ev); err != nil {
		t.Fatal(err)
	}
	stage := w.queue[0]
	if _, ok := errors.AsType[*message.Later](w.plan.Do(t.Context(), stage)); !ok {
		t.Fatal("throttling at stage must delay the stage")
	}
	if i := w.only(); i.State != ledger.Staging || i.Text != "throttled" {
		t.Errorf("status must say what the stage waits for: %+v", i)
	}
	delete(w.dir, groupA)
	w.queue = nil
	if err := w.deliver(stage); err != nil {
		t.Fatal(err)
	}
	if i := w.only(); i.RowsRejected != 0 || i.GuestsPlanned != 2 || i.Text != "" {
		t.Errorf("import: %+v; no row may be refused for a busy directory", i)
	}
}

func TestTooManyGuestsAreHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(func(p *policy.Policy) { p.MaxGuests = 2 })
	if err := w.deliver(w.put("a.csv", rows(3))); err != nil {
		t.Fatal(err)
	}
	if i := w.only(); i.State != ledger.Held || i.Code != "file.too-many-guests" || w.different(message.Invite) != 0 {
		t.Errorf("import: %+v", i)
	}
}

// TestStageAfterAnotherPolicyForgetsItsRows stages twice, as after a crash, with a stricter policy the second time.
func TestStageAfterAnotherPolicyForgetsItsRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	e := w.put("a.csv", rows(64))
	if err := w.one(e); err != nil {
		t.Fatal(err)
	}
	stage := w.queue[0]
	if err := w.plan.Do(t.Context(), stage); err != nil {
		t.Fatal(err)
	}
	i := w.only()
	back := func(i *ledger.Import) error { i.State = ledger.Staging; return nil } // as if the process had died before its last act
	if _, err := w.ledger.UpdateImport(t.Context(), i.ID, back); err != nil {
		t.Fatal(err)
	}
	w.allow(func(p *policy.Policy) { p.Groups = nil })
	w.queue, w.sent = nil, nil
	if err := w.deliver(stage); err != nil {
		t.Fatal(err)
	}
	if n := w.different(message.Invite); n != 0 {
		t.Errorf("%d guests were invited against the policy in force", n)
	}
}

func TestPlanIsRepeatedWithoutHarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	if err := w.deliver(w.put("a.csv", rows(100))); err != nil {
		t.Fatal(err)
	}
	var planMessage message.Message
	for _, m := range w.sent {
		if m.Kind == message.Plan {
			planMessage = m
		}
	}
	i := w.only()
	if _, err := w.ledger.UpdateImport(t.Context(), i.ID, func(i *ledger.Import) error { i.State = ledger.Planning; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.deliver(planMessage); err != nil {
		t.Fatal(err)
	}
	tally, err := w.ledger.Tally(t.Context(), i.ID)
	if err != nil || tally.Guests != 100 || w.different(message.Invite) != 100 {
		t.Errorf("tally %+v, %d different invitations, %v", tally, w.different(message.Invite), err)
	}
}

func TestEventsThatAreNoUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	placeholder := w.event("SftpCreate", "a.csv", "0x1")
	if err := w.deliver(placeholder); err != nil || len(w.imports()) != 0 {
		t.Errorf("an empty placeholder made %d imports, %v", len(w.imports()), err)
	}
	for _, raw := range []string{`{}`, `{"eventType":"Microsoft.Storage.BlobCreated","subject":"?","data":{"api":"PutBlob","eTag":"x"}}`, `[{},{}]`} {
		err := w.plan.Do(t.Context(), message.Message{Kind: message.Event, Event: []byte(raw)})
		if f, ok := errors.AsType[*message.Failure](err); !ok || f.Code != "event.unreadable" {
			t.Errorf("%s: %v, want event.unreadable", raw, err)
		}
	}
}

// TestHostileRowsStaySmall fills every cell as far as the reader allows: no entry may outgrow an entity of a table.
func TestHostileRowsStaySmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	garbage := strings.Repeat("x", 60_000)
	file := header
	for range 20 {
		file += "big@partner.example,Big,,,," + groupA + ";" + garbage + ",,\n"
	}
	file += "name@partner.example," + garbage + ",,,," + groupA + ",,\n" // a column too many, and a name too long
	if err := w.deliver(w.put("a.csv", file)); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(w.entry("big@partner.example"))
	if err != nil || len(raw) > 256<<10 {
		t.Errorf("the entry has %d bytes, %v; an entity of a table takes 1 MiB in UTF-16", len(raw), err)
	}
	if i := w.only(); i.State != ledger.Running || i.GuestsPlanned != 1 || i.RowsRejected != 1 {
		t.Errorf("import: %+v", i)
	}
}

func TestNamesOfThePolicysListAreTheDirectorys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(func(p *policy.Policy) { p.Applications = []policy.Application{{ID: appA, Roles: []string{"Editor"}}} })
	w.dir[groupB] = message.Never("group.dynamic", "It is dynamic.")
	file := header +
		"a@partner.example,A,,,,Group 1111,,\n" +
		"b@partner.example,B,,,,group  1111;" + groupA + ",,\n" + // the same group
		"c@partner.example,C,,,,Group 2222 Group 1111,,\n" + // one of two refused
		"d@partner.example,D,,,,Group 3333,,\n" + // not in the list, whether the directory has it or not
		"e@partner.example,E,,,App 4444:editor App 4444,,,\n"
	if err := w.deliver(w.put("a.csv", file)); err != nil {
		t.Fatal(err)
	}
	if i := w.only(); i.RowsRejected != 1 || i.GuestsPlanned != 4 {
		t.Errorf("rejected %d, guests %d; want 1, 4", i.RowsRejected, i.GuestsPlanned)
	}
	for address, n := range map[string]int{"a": 1, "b": 1, "c": 2, "e": 2} {
		if e := w.entry(address + "@partner.example"); len(e.Targets) != n {
			t.Errorf("%s: targets %+v, want %d", address, e.Targets, n)
		}
	}
	if e := w.entry("c@partner.example"); e.Targets[0].Code != "group.dynamic" || e.Targets[0].Name != "Group 2222" {
		t.Errorf("a refused target keeps its name: %+v", e.Targets[0])
	}
	if n := w.asked[groupA]; n != 1 {
		t.Errorf("the directory was asked %d times for one group of one file", n)
	}
}

func TestCopiesGoToThePolicysDomainsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(func(p *policy.Policy) { p.CCDomains = []string{"contoso.example"} })
	file := header +
		"a@partner.example,A,,,,,boss@contoso.example,\n" +
		"b@partner.example,B,,,,,boss@partner.example,\n" +
		"c@partner.example,C,,,,,boss@elsewhere.example,\n"
	if err := w.deliver(w.put("a.csv", file)); err != nil {
		t.Fatal(err)
	}
	if i := w.only(); i.RowsRejected != 1 || i.GuestsPlanned != 2 {
		t.Errorf("rejected %d, guests %d; want 1, 2", i.RowsRejected, i.GuestsPlanned)
	}
}
