package lambda

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"guestlist/pkg/local/child"
)

// startTime is how long a function may take until it asks for its first invocation; Lambda gives 10 s.
const startTime = 10 * time.Second

// environment is one execution environment: a process, and the Runtime API that it talks to.
type environment struct {
	config Config

	mu    sync.Mutex
	api   *api
	child *child.Child
	over  bool // nothing is started any more
}

var errClosed = errors.New("the function is closed")

// start makes sure that a process is there and has asked for work. It reports whether it had to start one.
func (e *environment) start(ctx context.Context) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return false, errClosed
	}
	if e.child != nil {
		select {
		case <-e.child.Done():
			e.api.close()
			e.child = nil
		default:
			return false, nil
		}
	}
	a, err := serve()
	if err != nil {
		return false, err
	}
	cmd := exec.Command(e.config.Bootstrap)
	cmd.Dir = filepath.Dir(e.config.Bootstrap)
	cmd.Stdout, cmd.Stderr = e.config.Output, e.config.Output
	cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + a.address(), "AWS_LAMBDA_FUNCTION_NAME=local", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023", "_HANDLER=bootstrap",
		"LAMBDA_TASK_ROOT=" + cmd.Dir, "TZ=:UTC", "PATH=/usr/local/bin:/usr/bin:/bin", "TMPDIR=" + os.TempDir()}, e.config.Environment...)
	c, err := child.Start(cmd)
	if err != nil {
		a.close()
		return false, err
	}
	select {
	case <-a.asked:
	case <-c.Done():
		a.close()
		return false, fmt.Errorf("it ended (%s) before its first invocation: %s", c.State(), strings.TrimSpace(c.Notes()))
	case <-time.After(startTime):
		c.Kill()
		a.close()
		return false, fmt.Errorf("it did not ask for an invocation within %s", startTime)
	case <-ctx.Done():
		c.Kill()
		a.close()
		return false, ctx.Err()
	}
	e.api, e.child = a, c
	return true, nil
}

// invoke gives the process an invocation and waits for its end, or for that of the process, or for the deadline.
func (e *environment) invoke(payload []byte) Result {
	e.mu.Lock()
	a, c := e.api, e.child
	e.mu.Unlock()
	i := &invocation{id: requestID(), payload: payload, deadline: time.Now().Add(e.config.Timeout), result: make(chan Result, 1)}
	// Lambda's clock runs on a little after the deadline that it tells.
	late := time.NewTimer(e.config.Timeout + 50*time.Millisecond)
	defer late.Stop()
	a.hand(i)
	defer a.take(i)
	select {
	case r := <-i.result:
		select { // an invocation ends when the process asks for the next one
		case <-a.asked:
		case <-c.Done():
		case <-late.C:
			c.Kill()
		}
		return r
	case <-c.Done():
		select {
		case r := <-i.result: // it answered, then ended
			return r
		default:
		}
		return i.failed("Runtime.ExitError", "Runtime exited with error: "+c.State().String())
	case <-late.C:
		c.Kill()
		return i.failed("Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", e.config.Timeout.Seconds()))
	}
}

func (i *invocation) failed(kind, text string) Result {
	return Result{RequestID: i.id, ErrorType: kind, ErrorMessage: "RequestId: " + i.id + " Error: " + text}
}

func requestID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (e *environment) kill() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child == nil {
		return false
	}
	e.child.Kill()
	return true
}

func (e *environment) pid() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child == nil {
		return 0
	}
	return e.child.PID()
}

func (e *environment) close() {
	e.kill()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over = true; e.child != nil {
		e.child.Kill()
		e.api.close()
	}
}

// serve listens for the process of one environment.
func serve() (*api, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &api{ln: ln, asked: make(chan struct{}, 1), next: make(chan *invocation), closed: make(chan struct{})}
	a.server = &http.Server{Handler: a.routes(), ReadHeaderTimeout: time.Minute}
	go a.server.Serve(ln) //nolint:errcheck // it ends with close
	return a, nil
}
