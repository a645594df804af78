// Package functionshost is an Azure Functions host for one machine: it runs a staged custom handler ({host.json, handler,
// <name>/function.json}) as the real host does. Call [Start]; it returns when the handler answers. [Host.Wait] returns when
// the host gives up; then, as Azure does, start a new one. [Host.Stop] kills everything, [Host.Drain] first lets running
// invocations end.
//
// It promises the real host's contract where a handler can tell the difference: the environment, readiness, restarts and
// the giving up after three crashes, the bytes of an invocation, the judgement of an answer, peek-lock with renewal,
// completion, and immediate abandon. Where the real host would hang (an empty or null answer) it fails at once and says so.
//
// It leaves out every trigger but serviceBusTrigger (single dispatch, no sessions) and timerTrigger, output bindings,
// HTTP forwarding, keys, the memory of timers over restarts, and scaling. It refuses what it leaves out.
package functionshost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"guestlist/pkg/local/functionshost/internal/config"
)

// version is what the host says it is: the newest that the Azure Functions Core Tools carry.
const version = "4.1052.200"

// Config says what to run and where. Dir is required.
type Config struct {
	Dir      string            // staging folder with host.json
	Listen   string            // address of the admin routes, by default 127.0.0.1:7071
	Settings map[string]string // app settings. Of the process's environment only PATH, HOME and TMPDIR are inherited

	// PerStart returns more settings for the nth handler that this host starts, from 0: each may have a clock of its own.
	PerStart func(n int) map[string]string

	// Output gets the handler's standard output, line by line and unchanged. Without it, those lines go to Log.
	// Standard error always goes to Log, as errors, or as warnings where a line says so.
	Output io.Writer
	// Log is slog.Default() if nil.
	Log *slog.Logger
	// OnEvent is told what happens. It is called by several goroutines and must be quick.
	OnEvent func(Event)
}

// Host is a running host.
type Host struct {
	cfg       Config
	conf      config.Host
	functions []config.Function
	problems  []config.Problem
	id        string
	started   time.Time

	log      *slog.Logger
	outMu    sync.Mutex // one line of Output at a time
	tally    tally
	keeper   *keeper
	client   *http.Client
	admin    *http.Server
	listener net.Listener

	life      context.Context // ends when the host stops
	end       context.CancelCauseFunc
	listening context.Context // ends when triggers stop
	deafen    context.CancelFunc

	mu       sync.Mutex
	loops    int            // triggers that run; guarded by mu
	work     sync.WaitGroup // everything that invokes functions; grows under mu while life lasts
	buses    *buses
	finished chan struct{} // closed when all has ended
	err      error         // why; read after finished
}

// errStopped is the cause of an end that was asked for.
var errStopped = errors.New("host stopped")

// Start reads the folder, starts the handler, waits until it answers, and starts the triggers. It fails where the real
// host would not come up, where a function needs what is not supported here, and where no function is left to run. ctx
// bounds the start only.
func Start(ctx context.Context, cfg Config) (*Host, error) {
	h, err := read(cfg)
	if err != nil {
		return nil, fmt.Errorf("functions host: %w", err)
	}
	if err := h.start(ctx); err != nil {
		return nil, fmt.Errorf("functions host: %w", err)
	}
	return h, nil
}

// read makes a host that runs nothing yet.
func read(cfg Config) (*Host, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:7071"
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	h := &Host{cfg: cfg, log: cfg.Log, id: newGUID().String(), started: time.Now(), finished: make(chan struct{})}
	h.tally.report = cfg.OnEvent
	var err error
	if h.conf, err = config.ReadHost(cfg.Dir, cfg.Settings); err != nil {
		return nil, err
	}
	if h.functions, h.problems, err = h.conf.ReadFunctions(cfg.Settings); err != nil {
		return nil, err
	}
	h.needStorage()
	for _, p := range h.problems {
		h.log.Error(p.Error())
	}
	if len(h.functions) == 0 {
		return nil, fmt.Errorf("no function to run in %s: %w", h.conf.Dir, errors.Join(h.Problems()...))
	}
	for _, text := range h.conf.Warnings {
		h.log.Warn("host.json: " + text)
	}
	return h, nil
}

// needStorage reports what the real host refuses: a timer without the storage account that holds its lease.
func (h *Host) needStorage() {
	settings := config.Settings(h.cfg.Settings)
	for _, name := range []string{"AzureWebJobsStorage", "AzureWebJobsStorage__accountName", "AzureWebJobsStorage__blobServiceUri"} {
		if _, ok := settings.Lookup(name); ok {
			return
		}
	}
	for _, f := range h.functions {
		if f.Timer != nil {
			h.problems = append(h.problems, config.Problem{Function: f.Name,
				Err: errors.New("setting AzureWebJobsStorage is missing: the real host needs it for timers")})
		}
	}
}

func (h *Host) start(ctx context.Context) error {
	listener, err := net.Listen("tcp", h.cfg.Listen)
	if err != nil {
		return err
	}
	h.listener = listener
	h.life, h.end = context.WithCancelCause(context.Background())
	h.listening, h.deafen = context.WithCancel(h.life)
	h.client, h.buses = newClient(), newBuses(h)
	if h.keeper, err = newKeeper(h); err != nil {
		return errors.Join(err, listener.Close())
	}
	h.admin = &http.Server{Handler: h.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = h.admin.Serve(listener) }() // ends when the server is closed
	go h.keeper.run()
	go h.finish()
	if err := h.awaitHandler(ctx); err != nil {
		h.end(err)
		<-h.finished
		return err
	}
	return h.startTriggers()
}

// awaitHandler returns when the first handler answers, or with the reason why none does.
func (h *Host) awaitHandler(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.life, cancel)()
	_, err := h.keeper.wait(ctx)
	if h.life.Err() != nil {
		return context.Cause(h.life)
	}
	return err
}

func (h *Host) startTriggers() error {
	for _, f := range h.functions {
		if f.Disabled {
			h.log.Info("Function is disabled", "function", f.Name)
			continue
		}
		loop := func() { h.runTimer(f) }
		if f.Queue != nil {
			q, err := h.buses.open(f)
			if err != nil {
				h.end(err)
				<-h.finished
				return fmt.Errorf("function %s: %w", f.Name, err)
			}
			loop = q.run
		}
		h.loop(1) // before the loop runs, so that a drain cannot miss it
		h.spawn(func() {
			defer h.loop(-1)
			loop()
		})
	}
	return nil
}

// URL is the root of the admin routes.
func (h *Host) URL() string { return "http://" + h.listener.Addr().String() }

// HandlerPID is the process id of the running handler, or 0.
func (h *Host) HandlerPID() int { return h.keeper.pid() }

// Problems are the functions that do not run, and settings that are missing. The real host logs them and goes on.
func (h *Host) Problems() []error {
	var errs []error
	for _, p := range h.problems {
		errs = append(errs, p)
	}
	return errs
}

// Wait returns when the host has ended: nil after Stop, else why it gave up.
func (h *Host) Wait() error {
	<-h.finished
	return h.err
}

// Stop ends the host as the platform does: triggers stop and the handler gets SIGKILL. Messages in flight are abandoned.
// It returns when the handler is gone, and may be called again.
func (h *Host) Stop() error {
	h.end(errStopped)
	return h.Wait()
}
