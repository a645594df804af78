package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"guestlist/pkg/local/child"
	"guestlist/pkg/local/functionshost"
)

// fleet is Functions hosts in processes of their own, and the platform that starts another one for each that ends. Unlike
// [platform] it can be killed in parts: a host that is killed leaves its messages locked, as a machine that fails does.
type fleet struct {
	order   hostOrder
	skews   []time.Duration // for the clocks of handlers, in the order of their start
	console *console

	mu     sync.Mutex
	starts int // of hosts
	slots  []*slot
	wg     sync.WaitGroup
	stop   context.CancelFunc
}

// handlersPerHost is how many handlers a host starts before it gives up.
const handlersPerHost = 3

// newFleet starts n hosts. Only the first of them has timers, as in Azure.
func newFleet(ctx context.Context, n int, order hostOrder, skews []time.Duration, c *console) *fleet {
	f := &fleet{order: order, skews: skews, console: c}
	ctx, f.stop = context.WithCancel(ctx)
	for k := range n {
		s := &slot{fleet: f, number: k}
		f.slots = append(f.slots, s)
		f.wg.Go(func() { s.keep(ctx) })
	}
	return f
}

// end stops all hosts in peace, and waits for them.
func (f *fleet) end() {
	f.stop()
	f.wg.Wait()
}

// next is the order for one more host.
func (f *fleet) next(number int) hostOrder {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.order
	o.Settings = make(map[string]string, len(f.order.Settings)+1)
	for name, v := range f.order.Settings {
		o.Settings[name] = v
	}
	if number > 0 {
		o.Settings["AzureWebJobs.sweepledger.Disabled"] = "true"
	}
	for n := range handlersPerHost {
		if len(f.skews) > 0 {
			o.PerStart = append(o.PerStart, map[string]string{"CLOCK_SKEW": f.skews[(f.starts*handlersPerHost+n)%len(f.skews)].String()})
		}
	}
	f.starts++
	return o
}

// slot is one place of the fleet: a host, and what the platform does when it ends.
type slot struct {
	fleet  *fleet
	number int

	mu      sync.Mutex
	host    *child.Child
	handler int           // process id; 0 while there is none
	away    time.Duration // how long nobody starts another host after the next end
}

// keep runs one host after another until ctx is done; the last one may end in peace.
func (s *slot) keep(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.run(ctx); err != nil && ctx.Err() == nil {
			s.fleet.console.say("host %d: %v", s.number, err)
		}
		s.mu.Lock()
		pause := max(restartPause/4, s.away)
		s.away = 0
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (s *slot) run(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	order, err := json.Marshal(s.fleet.next(s.number))
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "host")
	cmd.Stdin = bytes.NewReader(order)
	r, w := io.Pipe()
	defer w.Close()
	var why bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &why
	go s.listen(r)
	c, err := child.Start(cmd)
	if err != nil {
		return err
	}
	s.set(func() { s.host = c })
	defer s.set(func() { s.host, s.handler = nil, 0 })
	select {
	case <-c.Done():
		if state := c.State(); state.ExitCode() > 0 {
			return fmt.Errorf("ended: %s", bytes.TrimSpace(why.Bytes()))
		}
		return nil
	case <-ctx.Done():
	}
	c.Ask()
	select {
	case <-c.Done():
	case <-time.After(drainTime + 10*time.Second):
		c.Kill()
	}
	return nil
}

func (s *slot) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// listen follows what a host tells of its handlers.
func (s *slot) listen(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var e hostEvent
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		s.set(func() {
			switch e.Kind {
			case functionshost.HandlerReady:
				s.handler = e.PID
			case functionshost.HandlerExited, hostGaveUp:
				s.handler = 0
			}
		})
	}
	_, _ = io.Copy(io.Discard, r)
}

// killHandler kills the handler with SIGKILL and reports whether there was one.
func (s *slot) killHandler() (done bool) {
	s.set(func() {
		if done = s.handler > 0 && syscall.Kill(s.handler, syscall.SIGKILL) == nil; done {
			s.handler = 0
		}
	})
	return done
}

// killHost kills the host, and its handler with it, and reports whether there was one.
func (s *slot) killHost() (done bool) {
	s.set(func() {
		if done = s.host != nil && s.handler > 0 && syscall.Kill(s.host.PID(), syscall.SIGKILL) == nil; done {
			s.handler = 0
		}
	})
	return done
}

// stopHost asks the host to end, and keeps its place empty for a while.
func (s *slot) stopHost(away time.Duration) (done bool) {
	s.set(func() {
		if done = s.host != nil && s.host.Ask(); done {
			s.away = away
		}
	})
	return done
}
