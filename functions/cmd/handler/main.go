// Command handler is the Azure Functions custom handler of Guestlist, the only binary that is deployed to Azure. The
// Functions host starts it and posts invocations to it; README.md lists its app settings.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"guestlist/functions/assignaccess"
	"guestlist/functions/cmd/internal/connect"
	"guestlist/functions/inviteguest"
	"guestlist/functions/notifyguest"
	"guestlist/functions/planupload"
	"guestlist/functions/reportimport"
	"guestlist/functions/sweepledger"
	"guestlist/pkg/assign"
	"guestlist/pkg/blobstore"
	"guestlist/pkg/breaker"
	"guestlist/pkg/bus"
	"guestlist/pkg/customhandler"
	"guestlist/pkg/graph"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/pace"
	"guestlist/pkg/plan"
	"guestlist/pkg/replay"
	"guestlist/pkg/report"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
	"guestlist/pkg/work"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a log that nobody takes any more is no reason to end in the midst of an invitation
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run serves the host until ctx is done. It never returns 0: the host does not start a handler again that exited so.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	log := customhandler.NewLogger(stdout, slog.LevelInfo)
	slog.SetDefault(log)
	ln, err := customhandler.Listen(getenv)
	if err != nil {
		fmt.Fprintln(stderr, "handler:", err)
		return 2
	}
	s := customhandler.Server{Listener: ln, Log: log, Setup: func(ctx context.Context) (http.Handler, error) {
		return setUp(ctx, getenv, log)
	}}
	if err := s.Run(ctx); err != nil {
		fmt.Fprintln(stderr, "handler:", err)
	}
	return 1
}

func setUp(ctx context.Context, getenv func(string) string, log *slog.Logger) (http.Handler, error) {
	w, err := wire(ctx, getenv, log)
	if err != nil {
		return nil, err
	}
	o, err := w.options(log)
	if err != nil {
		return nil, err
	}
	h, err := customhandler.New(o)
	if err != nil {
		return nil, err
	}
	return w.seam.answers(h), nil
}

// wire connects to the services that the settings name, with the test build's seams in between.
func wire(ctx context.Context, getenv func(string) string, log *slog.Logger) (wiring, error) {
	c, err := readConfig(getenv)
	if err != nil {
		return wiring{}, err
	}
	seam, err := newSeams(getenv)
	if err != nil {
		return wiring{}, err
	}
	services, err := connect.UseClock(getenv, true, seam.now)
	if err != nil {
		return wiring{}, err
	}
	if err := makeTables(ctx, services.Ledger, log); err != nil {
		return wiring{}, err
	}
	w := wiring{config: c, seam: seam, clock: services.Ledger.Clock,
		Ledger: seam.ledger(services.Ledger), Blobs: seam.blobs(services.Blobs), Bus: seam.bus(services.Bus)}
	w.breaker, w.pacer = breaker.New(w.Ledger, c.probes), pace.New(w.Ledger, c.pace)
	w.pacer.Reserve = ledger.Term(c.lease).Act()
	return w, w.reach(getenv)
}

// reach makes the client of Microsoft Graph, which tells the breaker and the pacer what it hears.
func (w *wiring) reach(getenv func(string) string) error {
	credential, err := connect.Credential(getenv)
	if err != nil {
		return err
	}
	client, err := graph.New(graph.Config{Endpoint: w.config.graph, Credential: credential, HTTP: w.seam.graph(), Seen: watch(w.breaker, w.pacer)})
	w.directory = directory{graph: client, assigns: w.assigns}
	return err
}

// options are what the host is answered with. Verdicts go by the table server's clock: this machine's may be minutes wrong,
// and then retries would come at once, or budgets end.
func (w wiring) options(log *slog.Logger) (customhandler.Options, error) {
	functions, err := w.functions()
	return customhandler.Options{
		Functions: functions, Timers: w.timers(),
		Sender: w.Bus, DeadLetterer: w.Bus, Log: log, LogKey: w.logKey, Now: w.clock,
	}, err
}

// functions are those that a message triggers.
func (w wiring) functions() ([]customhandler.Function, error) {
	mails, err := w.notify()
	return []customhandler.Function{
		planupload.New(w.planner()), inviteguest.New(w.breaker.Guard(w.invite())), assignaccess.New(w.breaker.Guard(w.assign())),
		notifyguest.New(mails), reportimport.New(w.report()),
	}, err
}

func (w wiring) timers() []customhandler.Timer {
	return []customhandler.Timer{sweepledger.New(w.sweep())}
}

// broker is all that the handler does with Service Bus.
type broker interface {
	bus.Sender
	bus.DeadLetterer
	bus.DeadLetters
}

// wiring makes the steps from what they need.
type wiring struct {
	config
	seam      seams
	clock     func() time.Time // the table server's
	Ledger    ledger.Store
	Blobs     blobstore.Store
	Bus       broker
	directory directory
	breaker   *breaker.Breaker
	pacer     *pace.Pacer
}

// gather is how long an assignment waits for others to the same group.
const gather = 5 * time.Second

// cancelledSeen is how late a handler may see that an import was cancelled.
const cancelledSeen = 5 * time.Second

func (w wiring) cancelled() func(context.Context, string) (bool, error) {
	return ledger.NewFlags(w.Ledger, cancelledSeen).Cancelled
}

func (w wiring) window() *window.Window {
	return &window.Window{Ledger: w.Ledger, Settings: w.pace, Breaker: w.breaker}
}

func (w wiring) planner() *plan.Planner {
	return &plan.Planner{Ledger: w.Ledger, Blobs: w.Blobs, Bus: w.Bus, Directory: w.directory, Window: w.window(), Pace: w.pace,
		RedirectURL: w.redirect, MailMode: w.mail.mode, Now: w.clock}
}

func (w wiring) invite() *invite.Step {
	return &invite.Step{Ledger: w.Ledger, Directory: w.directory, Bus: w.Bus, Pacer: w.pacer, Cancelled: w.cancelled(), Holder: rand.Text,
		Mode: w.mail.mode, Lease: w.lease, UncertainWait: w.uncertainWait, Settle: w.assignAfter, Gather: gather}
}

func (w wiring) assign() *assign.Step {
	return &assign.Step{Ledger: w.Ledger, Directory: w.directory, Bus: w.Bus, Pacer: w.pacer, Cancelled: w.cancelled(),
		Gather: gather, Places: assignaccess.Limit}
}

func (w wiring) report() *report.Step { return &report.Step{Ledger: w.Ledger, Blobs: w.Blobs} }

func (w wiring) sweep() func(context.Context) error {
	letters := &replay.Replay{Ledger: w.Ledger, Bus: w.Bus, DeadLetters: w.Bus}
	return (&sweep.Sweep{Ledger: w.Ledger, Bus: w.Bus, Breaker: w.breaker, Window: w.window(), Tidy: letters.Tidy, StaleAfter: w.staleAfter,
		Purge: sweep.Purge{After: w.purgeAfter, Files: w.removeFiles, Letters: letters.RemoveAll}}).Run
}

// removeFiles removes what blob storage keeps of an import; the upload itself is its source's.
func (w wiring) removeFiles(ctx context.Context, i ledger.Import) error {
	return errors.Join(work.Remove(ctx, w.Blobs, i.ID), report.Remove(ctx, w.Blobs, i))
}
