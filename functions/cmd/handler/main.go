// Command handler is the Azure Functions custom handler of Guestlist, the only binary that is deployed to Azure. The
// Functions host starts it and posts invocations to it; README.md lists its app settings.
package main

import (
	"context"
	"crypto/rand"
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
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
	c, err := readConfig(getenv)
	if err != nil {
		return nil, err
	}
	services, err := connect.Open(ctx, getenv)
	if err != nil {
		return nil, err
	}
	credential, err := connect.Credential(getenv)
	if err != nil {
		return nil, err
	}
	b, pacer := breaker.New(services.Ledger, c.probes), pace.New(services.Ledger, c.pace)
	client, err := graph.New(graph.Config{Endpoint: c.graph, Credential: credential, Seen: watch(b, pacer)})
	if err != nil {
		return nil, err
	}
	w := wiring{config: c, Ledger: services.Ledger, Blobs: services.Blobs, Bus: services.Bus,
		directory: directory{graph: client, assigns: c.assigns}, breaker: b, pacer: pacer}
	mails, err := w.notify()
	if err != nil {
		return nil, err
	}
	return customhandler.New(w.options(mails, log))
}

// wiring makes the steps from what they need.
type wiring struct {
	config
	Ledger    ledger.Store
	Blobs     blobstore.Store
	Bus       broker
	directory directory
	breaker   *breaker.Breaker
	pacer     *pace.Pacer
}

// broker is what the steps ask of Service Bus.
type broker interface {
	bus.Sender
	bus.DeadLetterer
	bus.DeadLetters
}

// options are all functions of the handler.
func (w wiring) options(mails customhandler.Step, log *slog.Logger) customhandler.Options {
	return customhandler.Options{
		Functions: []customhandler.Function{
			planupload.New(w.planner()), inviteguest.New(w.breaker.Guard(w.invite())), assignaccess.New(w.breaker.Guard(w.assign())),
			notifyguest.New(mails), reportimport.New(w.report()),
		},
		Timers: []customhandler.Timer{sweepledger.New(w.sweep())},
		Sender: w.Bus, DeadLetterer: w.Bus, Log: log, LogKey: w.logKey, Clock: w.Ledger.Now,
	}
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
		RedirectURL: w.redirect, MailMode: w.mail.mode, Now: time.Now}
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
	return (&sweep.Sweep{Ledger: w.Ledger, Bus: w.Bus, Breaker: w.breaker, Window: w.window(), Tidy: letters.Tidy, StaleAfter: w.staleAfter}).Run
}
