package azurite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
)

// child is a running Node.js process.
type child struct {
	process *os.Process
	done    chan struct{} // closed when the process is gone
	notes   *tail
}

// spawn starts node with args. The process starts, and is waited for, on an operating system thread of its own: Linux
// kills the child when the thread that started it ends, and Go may end any thread that is not locked.
func spawn(args []string) (*child, error) {
	c := &child{done: make(chan struct{}), notes: &tail{}}
	cmd := exec.Command("node", args...)
	cmd.Stdout, cmd.Stderr = c.notes, c.notes
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(c.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is told by its last words
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start Azurite with Node.js: %w", err)
	}
	c.process = cmd.Process
	return c, nil
}

// ask asks the process to end and reports whether it was there to be asked.
func (c *child) ask() bool { return c.process.Signal(os.Interrupt) == nil }

func (c *child) kill() {
	_ = c.process.Kill() // an error means that it is gone
	<-c.done
}

func (c *child) gone() error {
	return errors.New("azurite ended: " + c.notes.String())
}

// tail keeps the end of what a process writes. Azurite is silent but for its first lines and its errors.
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
