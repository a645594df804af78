// Package child runs other programs for the emulators: servers that are processes of their own. Call [Start], wait for
// [Child.Done], end with [Child.Kill].
//
// It promises that a child is gone after Kill and, on Linux, after the death of its parent, by SIGKILL too.
package child

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
)

// Child is a running process.
type Child struct {
	cmd   *exec.Cmd
	done  chan struct{} // closed when the process is gone
	notes *tail
}

// Start starts the program of cmd, which must not have been started. The end of what it writes is kept; where cmd has
// writers of its own they get it too. The process starts, and is waited for, on an operating system thread of its own:
// Linux kills the child when the thread that started it ends, and Go may end any thread that is not locked.
func Start(cmd *exec.Cmd) (*Child, error) {
	c := &Child{cmd: cmd, done: make(chan struct{}), notes: &tail{}}
	cmd.Stdout, cmd.Stderr = c.noted(cmd.Stdout), c.noted(cmd.Stderr)
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(c.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is told by its state and its last words
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return c, nil
}

func (c *Child) noted(w io.Writer) io.Writer {
	if w == nil {
		return c.notes
	}
	return io.MultiWriter(c.notes, w)
}

// PID returns the id of the process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the process has ended, for whatever reason.
func (c *Child) Done() <-chan struct{} { return c.done }

// State says how the process ended; it is valid when Done is closed.
func (c *Child) State() *os.ProcessState { return c.cmd.ProcessState }

// Ask asks the process to end and reports whether it was there to be asked.
func (c *Child) Ask() bool { return c.cmd.Process.Signal(os.Interrupt) == nil }

// Kill ends the process and waits until it is gone. It may be repeated.
func (c *Child) Kill() {
	_ = c.cmd.Process.Kill() // an error means that it is gone
	<-c.done
}

// Notes returns the end of what the process has written, eight kilobytes at most.
func (c *Child) Notes() string { return c.notes.String() }

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if extra := t.buf.Len() - 8<<10; extra > 0 {
		t.buf.Next(extra)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.buf.String())
}
