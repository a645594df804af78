package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/google/go-cmp/cmp"

	"guestlist/functions/cmd/internal/connect"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/azurite"
	"guestlist/pkg/local/azurite/azuritetest"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/servicebustest"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// asProgram makes the test binary the command itself, for the tests that need a process.
const asProgram = "GUESTLIST_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	code := azuritetest.Main(m)
	closeRepeats()
	os.Exit(code)
}

var received = time.Date(2026, 3, 2, 9, 30, 15, 0, time.UTC)

// world is an installation: a storage account, queues of its own, and what the command prints about them.
type world struct {
	t          *testing.T
	env        map[string]string
	services   *connect.Services
	queues     *servicebus.Server
	transcript bytes.Buffer
}

// newWorld uses the storage account that the tests of this process share: each test has ids and sources of its own.
func newWorld(t *testing.T) *world { return worldOn(t, account(t)) }

// repeats counts how often each test ran. With -count, ids would meet those of the run before: the second run and later
// ones get an account of their own.
var repeats struct {
	sync.Mutex
	runs   map[string]int
	run    int
	server *azurite.Server
}

func account(t *testing.T) string {
	t.Helper()
	repeats.Lock()
	defer repeats.Unlock()
	if repeats.runs == nil {
		repeats.runs = map[string]int{}
	}
	repeats.runs[t.Name()]++
	run := repeats.runs[t.Name()]
	if run == 1 {
		return azuritetest.Shared(t).ConnectionString()
	}
	if run > repeats.run {
		closeRepeats() // runs follow one another
		s, err := azurite.Start(context.Background(), azurite.Config{})
		if err != nil {
			t.Fatal(err)
		}
		repeats.run, repeats.server = run, s
	}
	return repeats.server.ConnectionString()
}

func closeRepeats() {
	if repeats.server != nil {
		_ = repeats.server.Close() // what is left lies in the temporary folder
	}
}

func worldOn(t *testing.T, storage string) *world {
	t.Helper()
	var queues []servicebus.Queue
	for _, name := range message.Queues {
		queues = append(queues, servicebus.Queue{Name: name, LockDuration: time.Minute, MaxDeliveryCount: 50})
	}
	w := &world{t: t, queues: servicebustest.Start(t, queues...)}
	w.env = map[string]string{"Storage": storage, "ServiceBus": w.queues.ConnectionString()}
	s, err := connect.Open(t.Context(), w.getenv)
	w.must(err)
	t.Cleanup(func() {
		if err := s.Bus.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.services = s
	return w
}

func (w *world) getenv(name string) string { return w.env[name] }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// result is what a run of the command left.
type result struct {
	code     int
	out, err string
}

// run runs the command with what is typed, and adds it to the transcript.
func (w *world) run(typed string, args ...string) result {
	w.t.Helper()
	r := runWith(w.t.Context(), w.getenv, typed, args...)
	w.note(typed, args, r)
	return r
}

func runWith(ctx context.Context, getenv func(string) string, typed string, args ...string) result {
	var out, errs bytes.Buffer
	p := program{getenv: getenv, setenv: os.Setenv, stdin: strings.NewReader(typed), stdout: &out, stderr: &errs, every: time.Millisecond}
	return result{p.run(ctx, args), out.String(), errs.String()}
}

// note writes a run as a person would see it, with "2>" before what went to standard error.
func (w *world) note(typed string, args []string, r result) {
	fmt.Fprintf(&w.transcript, "$ guestlist %s", strings.Join(args, " "))
	if typed != "" {
		fmt.Fprintf(&w.transcript, "   < %q", typed)
	}
	fmt.Fprintf(&w.transcript, "\n%s", r.out)
	for line := range strings.Lines(r.err) {
		fmt.Fprintf(&w.transcript, "2> %s", line)
	}
	if r.err != "" && !strings.HasSuffix(r.err, "\n") {
		fmt.Fprintln(&w.transcript)
	}
	fmt.Fprintf(&w.transcript, "= exit %d\n\n", r.code)
}

// golden compares the transcript with testdata/<name>.golden.
func (w *world) golden(name string, hide ...*regexp.Regexp) {
	w.t.Helper()
	got := w.transcript.String()
	for _, h := range hide {
		got = h.ReplaceAllStringFunc(got, func(s string) string { return strings.Repeat("#", len(s)) })
	}
	compare(w.t, name, got)
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", file, diff)
	}
}

// decode reads JSON output strictly: one document and nothing else.
func decode[T any](t *testing.T, r result) (v T) {
	t.Helper()
	if r.code != exitDone {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	d := json.NewDecoder(strings.NewReader(r.out))
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in: %s", err, r.out)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("something follows the JSON document: %s", r.out)
	}
	return v
}

// imports adds an import; what is not given is that of a running one.
func (w *world) imports(i ledger.Import, entries ...ledger.Entry) ledger.Import {
	w.t.Helper()
	i.Account, i.Container, i.ETag, i.Created = "acct", policy.Container(i.Source), "0x1", received
	i.Stage, i.Revision = ledger.Phase{Generation: 1}, max(1, i.Revision)
	if i.State == "" {
		i.State = ledger.Running
	}
	if i.State == ledger.Running {
		i.Plan, i.GuestsPlanned = ledger.Phase{Generation: 1}, len(entries)
	}
	i, _, err := w.services.Ledger.CreateImport(w.t.Context(), i)
	w.must(err)
	for n := range entries {
		entries[n].Import, entries[n].Guest = i.ID, message.GuestKey(entries[n].Address)
	}
	_, err = w.services.Ledger.InsertEntries(w.t.Context(), entries)
	w.must(err)
	return i
}

// held adds an import that waits for a person.
func (w *world) held(id, source string, ask policy.Ask) ledger.Import {
	w.t.Helper()
	raw, err := json.Marshal(ask)
	w.must(err)
	return w.imports(ledger.Import{ID: id, Source: source, Path: "2026/march/people.csv", State: ledger.Held, Code: "source.unknown", Rows: ask.Rows, Ask: string(raw),
		Text: fmt.Sprintf("Source %q has no policy yet, so nobody was invited. Look at what the file asks for and allow it: guestlist source add %s -from IMPORT", source, source)})
}

func (w *world) get(id string) ledger.Import {
	w.t.Helper()
	i, err := w.services.Ledger.Import(w.t.Context(), id)
	w.must(err)
	return i
}

// blob writes a blob.
func (w *world) blob(container, path string, content any) {
	w.t.Helper()
	raw, ok := content.([]byte)
	if !ok {
		var err error
		raw, err = json.Marshal(content)
		w.must(err)
	}
	b := w.services.Blobs.Create(w.t.Context(), container, path)
	_, err := b.Write(raw)
	w.must(err)
	w.must(b.Close())
}

// dead sends a message and dead-letters it as a handler does.
func (w *world) dead(m message.Message, f *message.Failure) {
	w.t.Helper()
	w.must(w.services.Bus.Send(w.t.Context(), m))
	w.bury(m.Queue(), f)
}

// bury dead-letters the message that waits in a queue.
func (w *world) bury(queue string, f *message.Failure) {
	w.t.Helper()
	client, err := azservicebus.NewClientFromConnectionString(w.queues.ConnectionString(), nil)
	w.must(err)
	defer client.Close(context.Background())
	receiver, err := client.NewReceiverForQueue(queue, nil)
	w.must(err)
	got, err := receiver.ReceiveMessages(w.t.Context(), 1, nil)
	w.must(err)
	w.must(receiver.DeadLetterMessage(w.t.Context(), got[0], &azservicebus.DeadLetterOptions{Reason: &f.Code, ErrorDescription: &f.Text}))
}

// queued returns how many messages a queue holds for its function, and how many dead letters.
func (w *world) queued(queue string) (active, dead int) {
	for _, s := range w.queues.Stats() {
		if s.Name == queue {
			return s.Active, s.DeadLettered
		}
	}
	w.t.Fatalf("no queue %s", queue)
	return 0, 0
}

// Steps of entries.

func over(o ledger.Outcome) ledger.Step {
	return ledger.Step{Generation: 1, State: ledger.Ended, Outcome: o}
}

func refusal(o ledger.Outcome, f message.Failure) ledger.Step {
	s := over(o)
	s.Code, s.Text, s.Request = f.Code, f.Text, f.Request
	return s
}

func target(kind ledger.TargetKind, id, name string, s ledger.Step) ledger.Target {
	return ledger.Target{Kind: kind, ID: id, Name: name, Step: s}
}
