package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"guestlist/functions/notifyguest"
	"guestlist/pkg/blobstore"
	"guestlist/pkg/breaker"
	"guestlist/pkg/bus"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/customhandler"
	"guestlist/pkg/graph"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
	"guestlist/pkg/pace"
)

// errKilled is what a process hears of everything after its death.
var errKilled = errors.New("the process was killed")

// proc is one process of the handler with its host. Once killed, nothing that it does counts, and what it has in hand
// comes again when its locks have run out.
type proc struct {
	*trial
	skew    time.Duration // of its clock
	dead    atomic.Bool
	taking  context.Context // ends when it takes no more messages
	running context.Context // ends when it is killed
	drain   context.CancelFunc
	end     context.CancelFunc
	sweep   func(context.Context) error
	host    sync.WaitGroup
}

// start starts a process whose clock is wrong by skew.
func (w *trial) start(skew time.Duration) *proc {
	w.t.Helper()
	p := &proc{trial: w, skew: skew}
	p.running, p.end = context.WithCancel(w.t.Context())
	p.taking, p.drain = context.WithCancel(p.running)
	o := p.wire()
	h, err := customhandler.New(o)
	w.must(err)
	p.sweep = o.Timers[0].Run
	for _, f := range o.Functions {
		p.host.Add(1)
		w.goes.Go(func() {
			defer p.host.Done()
			w.bus.Serve(p.taking, p.hosted(h), f)
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.procs = append(w.procs, p)
	return p
}

// wire is set-up with this trial's services.
func (p *proc) wire() customhandler.Options {
	p.t.Helper()
	c, err := readConfig(func(name string) string {
		settings := map[string]string{"GRAPH_ENDPOINT": "http://127.0.0.1", "MAIL_FROM": "invitations@contoso.example", "MAIL_SMTP": "127.0.0.1:25",
			"MAIL_PER_MINUTE": "max", "MAIL_PER_DAY": "max", "MAIL_MODE": p.setup.mail, "INVITE_RATE": "max", "INVITE_CAP": "none"}
		for name, v := range p.setup.env {
			settings[name] = v
		}
		return settings[name]
	})
	p.must(err)
	l := (&crashtest.Process{Around: func(do func() error) error { return p.act(act{what: "ledger"}, do) }}).Ledger(p.ledger)
	b, pacer := breaker.New(l, c.probes), pace.New(l, c.pace)
	wire := p.net.client()
	client, err := graph.New(graph.Config{Endpoint: c.graph, Credential: p.credential(wire), HTTP: requests{p, wire}, Seen: watch(b, pacer)})
	p.must(err)
	w := wiring{config: c, Ledger: l, Blobs: stored{p.blobs, p}, Bus: sent{p}, directory: directory{graph: client, assigns: true}, breaker: b, pacer: pacer}
	mails, err := w.notify()
	p.must(err)
	mails.Transport = handed{p}
	w.clock = p.corrected
	o, err := w.options(quiet)
	p.must(err)
	for i, f := range o.Functions {
		if f.Name == "notifyguest" {
			o.Functions[i] = notifyguest.New(mails)
		}
	}
	return o
}

// corrected is this process's clock, which is wrong by skew, with what the ledger's answers say of it.
func (p *proc) corrected() time.Time {
	local := time.Now().Add(p.skew)
	if server, err := p.ledger.Now(context.Background()); err == nil {
		return local.Add(server.Sub(local))
	}
	return local
}

// hosted is the handler as a host that lives longer than one invocation calls it.
func (p *proc) hosted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		defer cancel()
		defer context.AfterFunc(p.running, cancel)()
		res := httptest.NewRecorder()
		h.ServeHTTP(res, r.WithContext(ctx))
		if p.dead.Load() {
			res.Code = http.StatusBadGateway // nobody answered
		}
		w.WriteHeader(res.Code)
	})
}

// kill ends the process as SIGKILL does.
func (p *proc) kill() {
	p.dead.Store(true)
	p.end()
}

// stop ends the process as SIGTERM does: what it has in hand comes to its end.
func (p *proc) stop() {
	p.drain()
	p.host.Wait()
	p.kill()
}

// act does one act, if the process lives and the trial has nothing else in mind.
func (p *proc) act(a act, do func() error) error {
	if p.dead.Load() {
		return errKilled
	}
	meet := p.meeting()
	if meet == nil {
		meet = func(_ *proc, _ act, do func() error) error { return do() }
	}
	err := meet(p, a, do)
	if p.dead.Load() {
		return errKilled
	}
	return err
}

// sent is the process's way to the broker.
type sent struct{ p *proc }

func (s sent) Send(ctx context.Context, msgs ...message.Message) error {
	return s.p.act(act{what: "send", msgs: msgs}, func() error { return s.p.bus.Send(ctx, msgs...) })
}

func (s sent) DeadLetter(ctx context.Context, queue, token, reason, text string) error {
	return s.p.act(act{what: "bury"}, func() error { return s.p.bus.DeadLetter(ctx, queue, token, reason, text) })
}

func (s sent) Browse(ctx context.Context, queue string, limit int) ([]bus.DeadLetter, error) {
	return s.p.bus.Browse(ctx, queue, limit)
}

func (s sent) Remove(ctx context.Context, queue string, limit int, pick func(bus.DeadLetter) bool) (n int, err error) {
	err = s.p.act(act{what: "remove"}, func() (err error) {
		n, err = s.p.bus.Remove(ctx, queue, limit, pick)
		return err
	})
	return n, err
}

// requests is its way to the directory. Reading is no act.
type requests struct {
	p    *proc
	wire http.RoundTripper
}

func (r requests) RoundTrip(req *http.Request) (res *http.Response, err error) {
	if req.Method == http.MethodGet {
		return r.wire.RoundTrip(req)
	}
	err = r.p.act(act{what: req.Method + " " + req.URL.Path}, func() (err error) {
		if res, err = r.wire.RoundTrip(req); err == nil {
			res.Body, err = whole(res.Body)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// whole reads an answer to its end, so that the act has happened when the process hears of it. What breaks off stays so.
func whole(body io.ReadCloser) (io.ReadCloser, error) {
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		return io.NopCloser(io.MultiReader(bytes.NewReader(b), broken{err})), nil
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// opening may answer in place of the storage: a nil reader and a nil error leave it alone. read is what there is.
type opening func(path string, read io.ReadCloser) (io.ReadCloser, error)

// stored is its way to the storage.
type stored struct {
	blobstore.Store
	p *proc
}

func (s stored) Create(ctx context.Context, container, path string) blobstore.Writer {
	return written{s.Store.Create(ctx, container, path), s.p}
}

func (s stored) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	s.p.mu.Lock()
	opened := s.p.opened
	s.p.mu.Unlock()
	if opened == nil || container != inbox {
		return s.Store.Open(ctx, container, path, etag)
	}
	r, info, err := s.Store.Open(ctx, container, path, etag)
	if err == nil {
		r, err = opened(path, r)
	}
	return r, info, err
}

type written struct {
	blobstore.Writer
	p *proc
}

func (w written) Close() error { return w.p.act(act{what: "blob"}, w.Writer.Close) }

// handed is its way to the mail server.
type handed struct{ p *proc }

func (h handed) Send(_ context.Context, m notify.Mail) error {
	return h.p.act(act{what: "mail", to: m.To}, func() error { return h.p.post.take(m) })
}

// post is a mail server.
type post struct {
	mu  sync.Mutex
	got map[string]*posted // by recipient
}

type posted struct{ ids map[string]int }

func (p *post) take(m notify.Mail) error {
	time.Sleep(100 * time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.got[m.To] == nil {
		p.got[m.To] = &posted{map[string]int{}}
	}
	p.got[m.To].ids[m.MessageID]++
	return nil
}
