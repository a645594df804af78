package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"guestlist/functions/cmd/devstack/internal/deployed"
	"guestlist/functions/cmd/internal/connect"
	"guestlist/pkg/local/azurite"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/eventgrid"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
)

// stack is everything that runs.
type stack struct {
	options
	console  *console
	closers  []func()
	azurite  *azurite.Server
	bus      *servicebus.Server
	entra    *entra.Server
	mailbox  *mailbox.Server
	platform *platform
	aws      *aws // nil without -s3
	services *connect.Services
	events   *eventgrid.Watcher
}

// stackUp starts the stack, does what the options ask for, and stops it.
func stackUp(ctx context.Context, o options, getenv func(string) string, c *console) (int, error) {
	s := &stack{options: o, console: c}
	defer s.close()
	if err := s.start(ctx, getenv); err != nil {
		return exitError, err
	}
	s.announce()
	drops, err := s.drop(ctx)
	if err != nil {
		return exitError, err
	}
	if !o.exit {
		<-s.platform.done(ctx)
		return exitDone, nil
	}
	return s.finish(ctx, drops)
}

func (s *stack) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

func (s *stack) onClose(f func()) { s.closers = append(s.closers, f) }

// port returns a fixed port, or 0 if the options say so.
func (s *stack) port(fixed int) int {
	if s.ports == "auto" {
		return 0
	}
	return fixed
}

func (s *stack) address(fixed int) string { return fmt.Sprintf("127.0.0.1:%d", s.port(fixed)) }

func (s *stack) start(ctx context.Context, getenv func(string) string) error {
	log, err := s.startServices(ctx)
	if err != nil {
		return err
	}
	return s.startHosts(ctx, getenv, log)
}

// startServices starts all but the hosts, and returns what the log is written to.
func (s *stack) startServices(ctx context.Context) (io.Writer, error) {
	if _, err := os.Stat(filepath.Join(s.dir, "host.json")); err != nil {
		return nil, fmt.Errorf("%s holds no staged Function App: run \"make package\"", s.dir)
	}
	log, err := s.logFile()
	if err != nil {
		return nil, err
	}
	for _, start := range []func(context.Context, io.Writer) error{s.startStorage, s.startBus, s.startMailbox, s.startEntra, s.connect, s.startEvents, s.startAWS} {
		if err := start(ctx, log); err != nil {
			return nil, err
		}
	}
	return log, s.writeEnv()
}

// startHosts starts the Functions hosts. Azure runs a timer on one of them only.
func (s *stack) startHosts(ctx context.Context, getenv func(string) string, log io.Writer) error {
	settings, listen := s.settings(getenv), s.address(7071)
	for n := range max(1, s.handlers) {
		p := &platform{dir: s.dir, listen: listen, settings: settings, output: &teller{console: s.console, raw: log},
			log: slog.New(slog.NewTextHandler(log, nil)), console: s.console}
		if n == 0 {
			s.platform = p
			settings, listen = maps.Clone(settings), "127.0.0.1:0"
			settings["AzureWebJobs.sweepledger.Disabled"] = "true"
		}
		s.onClose(p.stop)
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// logFile keeps what the handler and the emulators write, beside the settings file.
func (s *stack) logFile() (io.Writer, error) {
	if err := os.MkdirAll(filepath.Dir(s.env), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	s.onClose(func() { f.Close() })
	return f, nil
}

func (s *stack) logPath() string { return strings.TrimSuffix(s.env, filepath.Ext(s.env)) + ".log" }

func (s *stack) startStorage(ctx context.Context, _ io.Writer) (err error) {
	if s.azurite, err = azurite.Start(ctx, azurite.Config{Blob: s.port(10000), Queue: s.port(10001), Table: s.port(10002), Dir: s.data}); err != nil {
		return fmt.Errorf("start storage: %w", err)
	}
	s.onClose(func() { s.azurite.Close() })
	return nil
}

func (s *stack) startBus(_ context.Context, log io.Writer) (err error) {
	s.bus, err = servicebus.Serve(servicebus.Config{Listen: s.address(5672), Queues: deployed.Queues(s.dedup == "on"),
		Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		return fmt.Errorf("start Service Bus: %w", err)
	}
	s.onClose(func() { s.bus.Close() })
	return nil
}

func (s *stack) startEntra(_ context.Context, log io.Writer) error {
	seed, err := readSeed(s.seed)
	if err != nil {
		return err
	}
	s.entra, err = entra.Serve(entra.Config{Listen: s.address(7080), Control: s.address(7081), Seed: seed, Lag: s.lag,
		Limits: s.limits == "on", LimitWindow: s.limitWindow, Faults: s.faults == "on", Outgoing: s.mailbox.SMTPAddr(), RandSeed: s.random,
		Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		return fmt.Errorf("start the directory: %w", err)
	}
	s.onClose(func() { s.entra.Close() })
	if all, err := rates(s.faults); err == nil && all != (entra.Rates{}) {
		return s.entra.SetRates(all)
	}
	return nil
}

// rates reads -faults: a percentage is the share of every kind of fault; on and off leave the directory's own.
func rates(faults string) (entra.Rates, error) {
	if faults == "on" || faults == "off" {
		return entra.Rates{}, nil
	}
	percent, found := strings.CutSuffix(faults, "%")
	n, err := strconv.ParseFloat(percent, 64)
	if !found || err != nil || !(n >= 0 && n <= 20) {
		return entra.Rates{}, fmt.Errorf("-faults is %q: use on, off, or a percentage up to 20%%", faults)
	}
	share := n / 100
	return entra.Rates{Before: share, AfterWrite: share, Reset: share, Throttle: share, Slow: share}, nil
}

func (s *stack) connect(ctx context.Context, _ io.Writer) (err error) {
	settings := map[string]string{"Storage": s.azurite.ConnectionString(), "ServiceBus": s.bus.ConnectionString()}
	if s.services, err = connect.Open(ctx, func(name string) string { return settings[name] }); err != nil {
		return err
	}
	return s.services.Blobs.CreateContainer(ctx, policy.Container(s.source))
}

// reached returns the connection strings of what runs on the stack.
func (s *stack) reached() (storage, serviceBus string) {
	storage, serviceBus = s.azurite.ConnectionString(), s.bus.ConnectionString()
	if s.reach != nil {
		return s.reach(storage, serviceBus)
	}
	return storage, serviceBus
}

func (s *stack) startEvents(ctx context.Context, log io.Writer) error {
	_, serviceBus := s.reached()
	w, err := eventgrid.Start(ctx, eventgrid.Config{Storage: s.azurite.ConnectionString(), ServiceBus: serviceBus,
		Queue: message.Uploads, EmptyFirst: s.emptyFirst, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		return fmt.Errorf("start Event Grid: %w", err)
	}
	s.events = w
	s.onClose(func() { w.Close() })
	return nil
}

// settings are the app settings of the handler. Without -careful waits are short, and follow from the directory's lag.
func (s *stack) settings(getenv func(string) string) map[string]string {
	storage, serviceBus := s.reached()
	m := map[string]string{
		"Storage": storage, "ServiceBus": serviceBus, "GRAPH_ENDPOINT": s.entra.URL(),
		"IDENTITY_ENDPOINT": s.entra.IdentityEndpoint(), "IDENTITY_HEADER": s.entra.IdentityHeader(),
		"AzureWebJobsStorage": storage, "FUNCTIONS_WORKER_RUNTIME": "custom",
		"MAIL_MODE": "own", "MAIL_FROM": "invitations@contoso.example", "MAIL_REPLY_TO": "partners@contoso.example", "MAIL_ORGANIZATION": "Contoso",
		"MAIL_SMTP": s.mailbox.SMTPAddr(), "MAIL_SMTP_SECURITY": "none", "LOG_KEY": rand.Text(), "SWEEP_SCHEDULE": "0 * * * * *",
	}
	if !s.careful {
		m["SWEEP_SCHEDULE"] = "*/5 * * * * *"
		m["LEASE"] = "30s"
		m["UNCERTAIN_WAIT"] = (2*s.lag + 10*time.Second).String()
		m["ASSIGN_AFTER"] = (s.lag*3/2 + 200*time.Millisecond).String()
		m["INVITE_RATE"], m["INVITE_CAP"] = "max", "none"
		m["MAIL_PER_MINUTE"], m["MAIL_PER_DAY"], m["MAIL_RETRY"] = "max", "max", "2s"
		m["PROBE_OUTAGE"], m["PROBE_REFUSAL"] = "10s", "20s"
		m["MAIL_PER_MINUTE"], m["MAIL_PER_DAY"], m["MAIL_RETRY"] = "max", "max", "2s"
	}
	if s.limits != "on" {
		m["WRITE_RATE"] = "max"
	}
	for _, name := range []string{"MAIL_MODE", "MAIL_PER_MINUTE", "MAIL_PER_DAY", "STALE_AFTER", "PURGE_AFTER"} {
		if v := getenv(name); v != "" {
			m[name] = v
		}
	}
	if v := getenv("MAIL_MAILBOX"); v != "" { // through Microsoft Graph, which hands the mails to the same mail server
		m["MAIL_MAILBOX"], m["MAIL_FROM"] = v, v
		delete(m, "MAIL_SMTP")
	}
	return m
}

// writeEnv lets the guestlist command find the stack.
func (s *stack) writeEnv() error {
	text := fmt.Sprintf("Storage=%s\nServiceBus=%s\nGRAPH_ENDPOINT=%s\nIDENTITY_ENDPOINT=%s\nIDENTITY_HEADER=%s\n", s.azurite.ConnectionString(),
		s.bus.ConnectionString(), s.entra.URL(), s.entra.IdentityEndpoint(), s.entra.IdentityHeader())
	if err := os.WriteFile(s.env, []byte(text), 0o600); err != nil {
		return err
	}
	s.onClose(func() { _ = errors.Join(os.Remove(s.env)) })
	return nil
}

// announce says where everything is.
func (s *stack) announce() {
	ready := map[string]any{
		"functions": s.platform.url(), "serviceBus": s.bus.ConnectionString(), "storage": s.azurite.ConnectionString(),
		"graph": s.entra.URL(), "graphControl": s.entra.ControlURL(), "mailbox": s.mailbox.URL(),
		"pids": map[string]int{"handler": s.platform.handlerPID(), "azurite": s.azurite.PID(), "devstack": os.Getpid()},
	}
	if s.aws != nil {
		ready["s3"] = s.aws.s3.URL()
	}
	s.console.line(ready)
	s.console.say("ready: functions host %s, directory %s (controls %s), storage %s", s.platform.url(), s.entra.URL(), s.entra.ControlURL(), s.azurite.BlobURL())
	if s.aws != nil {
		s.console.say("S3 %s, bucket %s, its events in a queue in front of the relay in AWS Lambda", s.aws.s3.URL(), dropBucket)
	}
	s.console.say("mails to guests: %s", s.mailbox.URL())
	s.console.say("faults %s, limits %s, replication lag %s; repeat this run's lag and faults with -rand %d", s.faults, s.limits, s.lag, s.random)
	if !s.exit {
		s.console.say("in another terminal: export GUESTLIST_ENV=%s", s.env)
		s.console.say("  drop a file:    .cache/bin/guestlist drop docs/samples/partners.csv -source %s", s.source)
		if s.aws != nil {
			s.console.say("  put it into S3: %s aws s3 cp docs/samples/partners.csv s3://%s/%s/", strings.Join(s.aws.s3.Environment(), " "), dropBucket, s.source)
		}
		s.console.say("  see it happen:  .cache/bin/guestlist status")
	}
}
