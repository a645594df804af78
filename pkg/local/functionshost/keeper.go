package functionshost

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"guestlist/pkg/local/child"
)

// The real host's patience: the third error event, each within half an hour of the one before, ends it.
const (
	errorEvents = 3
	errorWindow = 30 * time.Minute
)

// exitRestart is the exit code by which a handler asks for a restart that is not held against it.
const exitRestart = 200

// keeper keeps one handler running.
type keeper struct {
	host   *Host
	port   int
	starts int           // of handlers so far; known to run only
	done   chan struct{} // closed when the last handler is dead and none will follow

	mu      sync.Mutex
	current *process
	ready   chan struct{} // closed while current answers; another one from the next start on
	errors  []time.Time
}

func newKeeper(h *Host) (*keeper, error) {
	port, err := h.conf.Port, bindable(h.conf.Port)
	if port == 0 {
		// It is free until the handler listens, and again while a killed one is replaced: another program's answers must not
		// be taken for the handler's.
		port, err = child.QuietPort()
	}
	if err != nil {
		return nil, fmt.Errorf("port of the handler: %w", err)
	}
	return &keeper{host: h, port: port, done: make(chan struct{}), ready: make(chan struct{})}, nil
}

func bindable(port int) error {
	probe, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return probe.Close()
}

// run starts handlers until the host's life is over or its patience.
func (k *keeper) run() {
	defer close(k.done)
	for k.host.life.Err() == nil {
		if err := k.once(); err != nil && k.strike() {
			k.host.log.Error("Exceeded http worker restart retry count: stopping the host", "error", err)
			k.host.end(fmt.Errorf("handler failed %d times, the last: %w", errorEvents, err))
		}
	}
}

// once runs one handler to its end. An error is an error event; nil is a restart that is not counted.
func (k *keeper) once() error {
	p, err := k.launch()
	if err != nil {
		return err
	}
	k.started(p)
	stop := context.AfterFunc(k.host.life, func() { p.kill("the host stops") })
	defer stop()
	late := k.readiness(p)
	<-p.gone
	if !p.quit() {
		k.ended(p)
	}
	<-p.read
	if late != nil {
		k.tell(p, late)
		return late
	}
	return k.verdict(p)
}

// readiness opens the door to invocations when the handler answers. A handler that does not is killed: an error event.
func (k *keeper) readiness(p *process) error {
	err := p.answers(k.host.life, k.host.conf.Initialization, k.host.client)
	switch {
	case err == nil:
		k.answering(p)
		return nil
	case k.host.life.Err() != nil, closed(p.gone) && p.code != 0:
		return nil // its end says the rest
	}
	err = fmt.Errorf("handler %d is not ready: %w", p.pid, err)
	k.host.log.Error("Handler is not ready in time, it is killed and restarted", "pid", p.pid, "error", err)
	p.kill("it was not ready in time")
	return err
}

// verdict says what the end of a handler means. It returns only when another one shall start, or the host ends.
func (k *keeper) verdict(p *process) error {
	switch why := p.reason(); {
	case why != "":
		k.tell(p, errors.New(why))
		k.host.log.Warn("Handler was killed", "pid", p.pid, "why", why)
		return nil
	case p.code == 0:
		k.tell(p, errors.New("exit code 0, no restart"))
		k.host.log.Error("Handler exited with code 0: the host does not restart it, all invocations will fail", "pid", p.pid)
		<-k.host.life.Done()
		return nil
	case p.code == exitRestart:
		k.tell(p, nil)
		k.host.log.Info("Handler asked for a restart by exit code 200", "pid", p.pid)
		return nil
	}
	err := fmt.Errorf("handler %d: exit code %d: %s", p.pid, p.code, p.tail)
	k.tell(p, err)
	k.host.log.Error("Handler crashed", "pid", p.pid, "code", p.code, "stderr", p.tail.String())
	return err
}

// strike counts an error event and reports whether it was one too many.
func (k *keeper) strike() bool {
	k.host.tally.count(func(s *Stats) { s.Crashes++ })
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.errors); n > 0 && now.Sub(k.errors[n-1]) > errorWindow {
		k.errors = nil
	}
	k.errors = append(k.errors, now)
	return len(k.errors) >= errorEvents
}

func (k *keeper) started(p *process) {
	k.mu.Lock()
	k.current = p
	k.mu.Unlock()
	k.host.tally.count(func(s *Stats) { s.HandlerStarts++ })
	k.host.tally.tell(Event{Kind: HandlerStarted, PID: p.pid})
}

func (k *keeper) answering(p *process) {
	k.mu.Lock()
	if k.current == p { // else it has ended meanwhile
		close(k.ready)
	}
	k.mu.Unlock()
	k.host.tally.tell(Event{Kind: HandlerReady, PID: p.pid})
	k.host.log.Info("Handler is ready", "pid", p.pid, "port", k.port)
}

// ended makes invocations wait for the next handler. Whoever sees the end first calls it.
func (k *keeper) ended(p *process) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != p {
		return
	}
	k.current = nil
	if closed(k.ready) {
		k.ready = make(chan struct{})
	}
	k.host.client.CloseIdleConnections()
}

func (k *keeper) tell(p *process, err error) {
	k.host.tally.tell(Event{Kind: HandlerExited, PID: p.pid, Err: err})
}

// wait returns the handler when it answers.
func (k *keeper) wait(ctx context.Context) (*process, error) {
	for {
		k.mu.Lock()
		p, ready := k.current, k.ready
		k.mu.Unlock()
		if p != nil && closed(p.gone) && !p.quit() {
			k.ended(p)
			continue
		}
		if p != nil && closed(ready) {
			return p, nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (k *keeper) pid() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == nil || closed(k.current.gone) {
		return 0
	}
	return k.current.pid
}

// environment is what the handler sees: a little of ours, the app settings, and what the host adds.
func (k *keeper) environment() []string {
	env := map[string]string{
		"AZURE_FUNCTIONS_ENVIRONMENT":     "Development",
		"FUNCTIONS_CORETOOLS_ENVIRONMENT": "true",
		"WEBSITE_HOSTNAME":                k.host.listener.Addr().String(),
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env[name] = v
		}
	}
	maps.Copy(env, k.host.cfg.Settings)
	if f := k.host.cfg.PerStart; f != nil {
		maps.Copy(env, f(k.starts))
	}
	k.starts++
	port, id := strconv.Itoa(k.port), newGUID().String()
	maps.Copy(env, map[string]string{
		"FUNCTIONS_CUSTOMHANDLER_PORT": port, "FUNCTIONS_HTTPWORKER_PORT": port,
		"FUNCTIONS_CUSTOMHANDLER_WORKER_ID": id, "FUNCTIONS_HTTPWORKER_ID": id,
		"FUNCTIONS_APP_ROOT_PATH": k.host.conf.Dir,
	})
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
