package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"guestlist/pkg/local/functionshost"
)

// platform is what Azure is to a Functions host: it starts one, and a new one when that gives up.
type platform struct {
	dir, listen string
	settings    map[string]string
	output      io.Writer
	log         *slog.Logger
	console     *console

	mu      sync.Mutex
	host    *functionshost.Host
	stopped bool
	over    chan struct{} // closed when no host will be started any more
}

// restartPause keeps a handler that cannot start from taking the whole machine.
const restartPause = time.Second

// start starts the first host and returns when its handler is ready.
func (p *platform) start(ctx context.Context) error {
	p.over = make(chan struct{})
	h, err := p.launch(ctx)
	if err != nil {
		close(p.over)
		return err
	}
	go p.keep(ctx, h)
	return nil
}

func (p *platform) launch(ctx context.Context) (*functionshost.Host, error) {
	h, err := functionshost.Start(ctx, functionshost.Config{Dir: p.dir, Listen: p.listen, Settings: p.settings, Output: p.output,
		Log: p.log, OnEvent: p.event})
	if err != nil {
		return nil, err
	}
	if bad := errors.Join(h.Problems()...); bad != nil {
		return nil, errors.Join(bad, h.Stop())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.host = h
	return h, nil
}

// keep replaces a host that has given up, until the stack stops.
func (p *platform) keep(ctx context.Context, h *functionshost.Host) {
	defer close(p.over)
	for {
		err := h.Wait()
		if p.isStopped() || ctx.Err() != nil {
			return
		}
		p.console.say("the Functions host gave up: %v; the platform starts a new one", err)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(restartPause):
			}
			if h, err = p.launch(ctx); err == nil {
				break
			}
			p.console.say("the Functions host does not start: %v", err)
			if p.isStopped() {
				return
			}
		}
	}
}

func (p *platform) event(e functionshost.Event) {
	if e.Kind == functionshost.HandlerExited && !p.isStopped() {
		p.console.say("handler (pid %d) ended: %s", e.PID, e.Text)
	}
	if e.Kind == functionshost.HandlerStarted {
		p.console.say("handler started, pid %d", e.PID)
	}
}

func (p *platform) isStopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

func (p *platform) current() *functionshost.Host {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.host
}

func (p *platform) url() string     { return p.current().URL() }
func (p *platform) handlerPID() int { return p.current().HandlerPID() }

// stop ends the host and waits for it.
func (p *platform) stop() {
	p.mu.Lock()
	p.stopped = true
	h := p.host
	p.mu.Unlock()
	if h == nil {
		return
	}
	_ = h.Stop()
	<-p.over
}

// done is closed when the stack has nothing more to run.
func (p *platform) done(ctx context.Context) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		defer close(c)
		select {
		case <-ctx.Done():
		case <-p.over:
		}
	}()
	return c
}
