package simtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/assign"
	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/breaker"
	"guestlist/pkg/bus"
	"guestlist/pkg/customhandler"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/report"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

const group = "11111111-1111-4111-8111-111111111111"

// world is one installation. Its clock is that of the synctest bubble.
type world struct {
	t      *testing.T
	ledger *memledger.Store
	blobs  *memblob.Store
	bus    *Broker
	dir    *directory
	pace   pace.Settings
	start  time.Time
}

// fast is a tenant without slow start and cap.
var fast = pace.Settings{Writes: pace.Writes, Invitations: pace.Invitations}

// simulate runs f in a world of some handler processes. It begins at midnight UTC.
func simulate(t *testing.T, processes int, s pace.Settings, f func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, ledger: memledger.New(time.Now), bus: NewBroker(), pace: s, start: time.Now()}
		w.blobs = memblob.New("acct", time.Now)
		w.dir = newDirectory(w)
		w.write(plan.PolicyContainer, policy.File("partners"), policy.Policy{Version: 1, Source: "partners", Groups: []policy.Group{{ID: group}},
			Domains: []string{"partner.example"}, MaxGuests: 1_000_000}.JSON())
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for n := range processes {
			w.process(ctx, &wg, n == 0)
		}
		f(t, w)
		stop()
		wg.Wait()
	})
}

// process starts a handler and the host that hands it messages; one of them has the timer.
func (w *world) process(ctx context.Context, wg *sync.WaitGroup, sweeps bool) {
	b := breaker.New(w.ledger, breaker.DefaultWaits)
	p := &process{directory: w.dir, breaker: b}
	pacer := pace.New(w.ledger, w.pace)
	cancelled := ledger.NewFlags(w.ledger, 5*time.Second).Cancelled
	win := &window.Window{Ledger: w.ledger, Settings: w.pace, Breaker: b}
	planner := &plan.Planner{Ledger: w.ledger, Blobs: w.blobs, Bus: w.bus, Directory: p, Window: win, Pace: w.pace, RedirectURL: "https://apps.example/", Now: time.Now}
	inviter := &invite.Step{Ledger: w.ledger, Directory: p, Bus: w.bus, Pacer: pacer, Cancelled: cancelled, Holder: rand.Text, Mode: "microsoft",
		Lease: 2 * time.Minute, UncertainWait: 15 * time.Minute, Settle: 15 * time.Second}
	assigner := &assign.Step{Ledger: w.ledger, Directory: p, Bus: w.bus, Pacer: pacer, Cancelled: cancelled, Gather: 5 * time.Second, Places: 64}
	s := &sweep.Sweep{Ledger: w.ledger, Bus: w.bus, Breaker: b, Window: win, StaleAfter: 30 * time.Minute,
		Tidy: func(context.Context) (int, error) { return 0, nil }}
	functions := []customhandler.Function{
		{Name: "uploads", Queue: message.Uploads, Step: planner, Limit: 8},
		{Name: "invitations", Queue: message.Invitations, Step: b.Guard(inviter), Limit: 16, Deadline: 2 * time.Minute},
		{Name: "assignments", Queue: message.Assignments, Step: b.Guard(assigner), Limit: 64, Deadline: 2 * time.Minute},
		{Name: "reports", Queue: message.Reports, Step: &report.Step{Ledger: w.ledger, Blobs: w.blobs}, Limit: 2},
	}
	h, err := customhandler.New(customhandler.Options{Functions: functions, Sender: w.bus, DeadLetterer: w.bus, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range functions {
		wg.Go(func() { w.bus.Serve(ctx, h, f) })
	}
	if sweeps {
		wg.Go(func() {
			for tick := time.Tick(time.Minute); ctx.Err() == nil; {
				select {
				case <-tick:
					if err := s.Run(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, bus.ErrRefused) {
						w.t.Errorf("sweep: %v", err)
					}
				case <-ctx.Done():
				}
			}
		})
	}
}

func (w *world) write(container, path string, content []byte) {
	w.t.Helper()
	b := w.blobs.Create(w.t.Context(), container, path)
	if _, err := b.Write(content); err != nil {
		w.t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// drop puts a file with so many guests of its own into the inbox, and returns its import's id.
func (w *world) drop(name string, guests int) string {
	w.t.Helper()
	var b strings.Builder
	b.WriteString("Email,InvitedToGroups\n")
	for n := range guests {
		fmt.Fprintf(&b, "%s-%d@partner.example,%s\n", name, n, group)
	}
	path := name + ".csv"
	w.write("inbox-partners", path, []byte(b.String()))
	info, err := w.blobs.Stat(w.t.Context(), "inbox-partners", path)
	if err != nil {
		w.t.Fatal(err)
	}
	event := fmt.Sprintf(`{"eventType":"Microsoft.Storage.BlobCreated","subject":"/blobServices/default/containers/inbox-partners/blobs/%s","data":{"api":"PutBlob","eTag":%q}}`, path, info.ETag)
	if err := w.bus.Send(w.t.Context(), message.Message{Kind: message.Event, Event: json.RawMessage(event)}); err != nil {
		w.t.Fatal(err)
	}
	return message.ImportID("acct", "inbox-partners", path, info.ETag)
}

// until waits until ok, for at most so long.
func (w *world) until(most time.Duration, what string, ok func() bool) time.Duration {
	w.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > most {
			w.t.Fatalf("%s: not after %s\n%s", what, most, w.describe())
		}
		time.Sleep(time.Second)
	}
	return time.Since(start)
}

// reported waits for the results of an import, and returns how long it took.
func (w *world) reported(id string, most time.Duration) time.Duration {
	w.t.Helper()
	return w.until(most, "results", func() bool {
		i, err := w.ledger.Import(w.t.Context(), id)
		return err == nil && !i.Open()
	})
}

func (w *world) tally(id string) ledger.Tally {
	w.t.Helper()
	t, err := w.ledger.Tally(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *world) breaker() ledger.Breaker {
	w.t.Helper()
	row, err := w.ledger.Breaker(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

// dead returns how many dead letters there are.
func (w *world) dead() (n int) {
	for _, q := range message.Queues {
		n += w.bus.Depth(q).DeadLettered
	}
	return n
}

// moving returns how many messages of a queue are to be worked on now.
func (w *world) moving(queue string) int { return w.bus.Depth(queue).Active }

// all fails the test unless every guest of the import is done, each invited once, and there is no dead letter.
func (w *world) all(id string, guests int) {
	w.t.Helper()
	if t := w.tally(id); t.Ended[ledger.Done] != guests || t.Guests != guests {
		w.t.Errorf("import %s: %+v, want %d done", id, t, guests)
	}
	if n := w.dead(); n != 0 {
		w.t.Errorf("%d dead letters", n)
	}
	w.dir.once()
}

func (w *world) describe() string {
	var b strings.Builder
	for i, err := range w.ledger.ListImports(w.t.Context(), true) {
		if err == nil {
			fmt.Fprintf(&b, "%s %s: %+v\n", i.Path, i.State, w.tally(i.ID))
		}
		if b.Len() > 2000 {
			break
		}
	}
	tenant, _ := w.ledger.Tenant(w.t.Context())
	fmt.Fprintf(&b, "breaker %+v\ntenant %+v\n", w.breaker(), tenant)
	for _, q := range message.Queues {
		fmt.Fprintf(&b, "%+v\n", w.bus.Depth(q))
	}
	return b.String()
}
