package functionshost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	pollEvery = 25 * time.Millisecond // between two questions whether the handler answers; the real host's pace
	lastGasp  = time.Second           // how long a process may take from its last open port to its end
	streamEnd = time.Second           // how long the output of a dead handler is read on, should a grandchild hold it
)

// process is one run of the handler.
type process struct {
	pid  int
	url  string
	gone chan struct{} // closed when the process has ended
	read chan struct{} // closed when its output has been read too
	code int           // exit code, 128 + signal for a signal; read after gone

	mu     sync.Mutex
	killed string // why the host itself ended it
	handle *os.Process
	tail   *tail // of standard error
}

// launch starts the handler. The process starts, and is waited for, on an operating system thread of its own: Linux kills
// the child when the thread that started it ends.
func (k *keeper) launch() (*process, error) {
	p := &process{url: "http://127.0.0.1:" + strconv.Itoa(k.port), gone: make(chan struct{}), read: make(chan struct{}), tail: &tail{}}
	cmd := exec.Command(k.host.conf.Executable, k.host.conf.Args...)
	cmd.Dir = k.host.conf.WorkingDir
	cmd.Env = k.environment()
	cmd.SysProcAttr = dieWithParent()
	out, err := k.host.streams(cmd, p.tail)
	if err != nil {
		return nil, fmt.Errorf("start handler: %w", err)
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := cmd.Start()
		out.started()
		started <- err
		if err == nil {
			p.await(cmd.Process, out)
		}
	}()
	if err := <-started; err != nil {
		out.finish()
		return nil, fmt.Errorf("start handler: %w", err)
	}
	p.pid, p.handle = cmd.Process.Pid, cmd.Process
	return p, nil
}

// await waits for the end, and for the last lines of output.
func (p *process) await(handle *os.Process, out *streams) {
	state, err := handle.Wait()
	p.code = exitCode(state, err)
	close(p.gone)
	out.finish()
	close(p.read)
}

func exitCode(state *os.ProcessState, err error) int {
	if err != nil {
		return -1
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// kill ends the process with SIGKILL. The first reason is kept.
func (p *process) kill(why string) {
	p.mu.Lock()
	if p.killed == "" {
		p.killed = why
	}
	p.mu.Unlock()
	_ = p.handle.Kill() // an error means that it is gone
}

func (p *process) reason() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// answers polls until the handler gives any HTTP answer. The handler's end is no reason to stop before the time is over
// if it exited with 0: the real host does not look.
func (p *process) answers(ctx context.Context, limit time.Duration, client *http.Client) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/", http.NoBody)
		if err != nil {
			return err
		}
		if response, err := client.Do(request); err == nil {
			return response.Body.Close()
		}
		gone := p.gone
		if closed(gone) {
			if p.code != 0 {
				return errors.New("it ended")
			}
			gone = nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer at %s within %v", p.url, limit)
		case <-gone:
		case <-time.After(pollEvery):
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// awaitEnd is for a handler that has dropped a connection. If it does not listen any more it is dying, and the host waits
// for the news: a broker on the same machine delivers again within a millisecond, and without the wait a message would
// burn its deliveries on a dead port. In Azure the broker is far enough away.
func (p *process) awaitEnd(ctx context.Context) {
	if c, err := net.DialTimeout("tcp", strings.TrimPrefix(p.url, "http://"), lastGasp); err == nil {
		_ = c.Close() // it was only a question
		return
	}
	select {
	case <-p.gone:
	case <-ctx.Done():
	case <-time.After(lastGasp):
	}
}

// quit reports whether an ended process left by itself with exit code 0. The real host does not notice, so the door to
// invocations stays open.
func (p *process) quit() bool { return p.code == 0 && p.reason() == "" }
