package crashmatrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/functions/cmd/devstack/internal/deployed"
	"guestlist/functions/cmd/internal/connect"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/functionshost"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
)

const (
	root   = "../../../.."
	source = "partners"
	inbox  = "inbox-" + source

	// lag is how long the directory hides what was written.
	lag = 300 * time.Millisecond
	// lease is the shortest that is sound here: half of it is left when an act starts and 3/8 of it, 3 s, bound the act, which
	// takes milliseconds on an idle machine and was seen to take most of a second on a busy one.
	lease = 8 * time.Second
	// uncertain exceeds what an invitation may take, 3/8 of the lease, and the lag.
	uncertain = 4 * time.Second
	// stale exceeds all that a step may wait for without telling the ledger: the lease of one that died, and the 5 s for which
	// assignments gather.
	stale = 16 * time.Second
)

// world is one cell's tenant, mail server, broker and storage account, with the handlers that work on them.
type world struct {
	ctx      context.Context
	scenario *scenario
	dir      string // for the files of the test build
	settings map[string]string
	bus      *servicebus.Server
	entra    *entra.Server
	mailbox  *mailbox.Server
	services *connect.Services
	dedup    bool
	log      *deployed.Output
	closers  []func()
	imports  []string // ids of dropped files, in order
	spoilt   struct {
		path    string
		content []byte
	}
}

// newWorld starts all but the handlers. storage is a connection string.
func newWorld(ctx context.Context, s *scenario, storage, dir string, dedup bool) (*world, error) {
	w := &world{ctx: ctx, scenario: s, dir: dir, dedup: dedup, log: &deployed.Output{}}
	if err := w.start(storage, dedup); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) start(storage string, dedup bool) (err error) {
	if w.bus, err = servicebus.Serve(servicebus.Config{Queues: deployed.Queues(dedup)}); err != nil {
		return err
	}
	w.onClose(func() { w.bus.Close() })
	if w.mailbox, err = mailbox.Serve(mailbox.Config{NoTLS: true}); err != nil {
		return err
	}
	w.onClose(func() { w.mailbox.Close() })
	if w.entra, err = entra.Serve(entra.Config{Seed: directory(), Lag: lag, RandSeed: 1, Outgoing: w.mailbox.SMTPAddr()}); err != nil {
		return err
	}
	w.onClose(func() { w.entra.Close() })
	w.settings = map[string]string{
		"Storage": storage, "AzureWebJobsStorage": storage, "ServiceBus": w.bus.ConnectionString(), "FUNCTIONS_WORKER_RUNTIME": "custom",
		"GRAPH_ENDPOINT": w.entra.URL(), "IDENTITY_ENDPOINT": w.entra.IdentityEndpoint(), "IDENTITY_HEADER": w.entra.IdentityHeader(),
		"MAIL_MODE": "own", "MAIL_FROM": "invitations@contoso.example", "MAIL_SMTP": w.mailbox.SMTPAddr(), "MAIL_SMTP_SECURITY": "none",
		"MAIL_PER_MINUTE": "max", "MAIL_PER_DAY": "max", "MAIL_RETRY": "1s", "LOG_KEY": "key", "SWEEP_SCHEDULE": "*/10 * * * * *",
		"LEASE": lease.String(), "UNCERTAIN_WAIT": uncertain.String(), "ASSIGN_AFTER": (lag + 200*time.Millisecond).String(),
		"STALE_AFTER": stale.String(), "INVITE_RATE": "max", "INVITE_CAP": "none", "WRITE_RATE": "max", "PROBE_OUTAGE": "2s", "GOGC": "off",
	}
	maps.Copy(w.settings, w.scenario.settings)
	if w.settings["MAIL_MAILBOX"] != "" {
		delete(w.settings, "MAIL_SMTP")
	}
	if w.services, err = connect.Open(w.ctx, func(name string) string { return w.settings[name] }); err != nil {
		return err
	}
	w.onClose(func() { _ = w.services.Bus.Close(context.WithoutCancel(w.ctx)) })
	return w.allow()
}

// allow writes the source's policy and makes its inbox.
func (w *world) allow() error {
	p := policy.Policy{Version: 1, Source: source, Domains: []string{"partner.example"}, CCDomains: []string{"contoso.example"},
		RedirectHosts: []string{"myapplications.microsoft.com"}, MaxGuests: 100, AllowText: true, AllowCC: true,
		Groups:       []policy.Group{{ID: group, Name: "Engineers"}, {ID: unknown, Name: "Launch Team"}},
		Applications: []policy.Application{{ID: application, Name: "Timesheets"}}}
	_, err := (&plan.Sources{Ledger: w.services.Ledger, Blobs: w.services.Blobs, Bus: w.services.Bus}).Add(w.ctx, p)
	return err
}

func (w *world) onClose(f func()) { w.closers = append(w.closers, f) }

func (w *world) close() {
	for i := len(w.closers) - 1; i >= 0; i-- {
		w.closers[i]()
	}
	w.closers = nil
}

// hosts starts so many Functions hosts with a handler each. Azure runs a timer on one of them only.
func (w *world) hosts(app string, n int, faults map[string]string) error {
	settings := maps.Clone(w.settings)
	maps.Copy(settings, faults)
	var wg sync.WaitGroup
	errs := make([]error, n)
	started := make([]*functionshost.Host, n)
	for i := range n {
		if i > 0 && settings["EVERY_HOST_SWEEPS"] == "" {
			settings = maps.Clone(settings)
			settings["AzureWebJobs.sweepledger.Disabled"] = "true"
		}
		own := settings
		wg.Go(func() {
			started[i], errs[i] = functionshost.Start(w.ctx, functionshost.Config{Dir: app, Listen: "127.0.0.1:0", Settings: own, Output: w.log,
				Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		})
	}
	wg.Wait()
	for _, h := range started {
		if h != nil {
			w.onClose(func() { _ = h.Stop() })
		}
	}
	return errors.Join(errs...)
}

// drop puts a file into the inbox and tells of it as Event Grid does.
func (w *world) drop(name, content string) error {
	event, err := w.upload(name, content)
	if err != nil {
		return err
	}
	return w.services.Bus.Send(w.ctx, event)
}

// upload puts a file into the inbox and returns the event that it raises.
func (w *world) upload(name, content string) (message.Message, error) {
	b := w.services.Blobs.Create(w.ctx, inbox, name)
	if _, err := b.Write([]byte(content)); err != nil {
		b.Abort()
		return message.Message{}, err
	}
	if err := b.Close(); err != nil {
		return message.Message{}, err
	}
	info, err := w.services.Blobs.Stat(w.ctx, inbox, name)
	if err != nil {
		return message.Message{}, err
	}
	w.imports = append(w.imports, message.ImportID(w.services.Blobs.Account(), inbox, name, info.ETag))
	raw, err := json.Marshal(map[string]any{"eventType": "Microsoft.Storage.BlobCreated", "subject": "/blobServices/default/containers/" + inbox + "/blobs/" + name,
		"data": map[string]string{"api": "PutBlockList", "eTag": info.ETag}})
	return message.Message{Kind: message.Event, Event: raw}, err
}

// garbage sends a message that nobody can read.
func (w *world) garbage(queue string) error {
	client, err := azservicebus.NewClientFromConnectionString(w.bus.ConnectionString(), nil)
	if err != nil {
		return err
	}
	defer client.Close(w.ctx)
	sender, err := client.NewSender(queue, nil)
	if err != nil {
		return err
	}
	return sender.SendMessage(w.ctx, &azservicebus.Message{Body: []byte("garbage")}, nil)
}

// file returns the path of one of the files that handlers of the test build write.
func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

// recorded returns the acts that the handlers passed, and how often each.
func (w *world) recorded() (map[string]int, error) {
	raw, err := os.ReadFile(w.file("record"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	n := map[string]int{}
	for act := range strings.FieldsSeq(string(raw)) {
		n[act]++
	}
	return n, nil
}

// died reports whether a handler was killed.
func (w *world) died() bool {
	_, err := os.Stat(w.file("once"))
	return err == nil
}

// until polls for something that happens in other processes.
func (w *world) until(what string, there func() (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := there()
		if ok || err != nil {
			return err
		}
		select {
		case <-w.ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, w.ctx.Err())
		case <-tick.C:
		}
	}
}
