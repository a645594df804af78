// Package lambda is AWS Lambda on this machine: the Runtime API on loopback, with the function's own binary as its child.
// Call [New], then [Function.Invoke]; [NewQueue] puts a queue with an event source mapping in front, [ServeQueue] answers
// SendMessage.
//
// It promises what functions rely on: one invocation at a time in an environment; an environment that is reused, or started
// anew after a crash; a deadline after which the process is killed; and the errors that Lambda itself would tell. It leaves
// out extensions, streamed answers, memory limits, concurrency in one environment, and freezing between invocations.
package lambda

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Config describes a function.
type Config struct {
	// Bootstrap is the binary of a function for provided.al2023.
	Bootstrap string
	// Environment is all that the binary gets, besides what Lambda sets.
	Environment []string
	// Timeout is how long an invocation may take; 0 is Lambda's default of 3 s.
	Timeout time.Duration
	// Concurrency is how many environments there are at most; 0 is one.
	Concurrency int
	// Output gets what the binary writes; nil drops it.
	Output io.Writer
}

// Function is a function with its environments, which start when they are needed.
type Function struct {
	config Config
	idle   chan *environment
	all    []*environment
}

// Result is how an invocation ended: with an answer, or with an error.
type Result struct {
	Payload []byte
	// ErrorType is empty if the function answered. Lambda's own errors have types such as Runtime.ExitError.
	ErrorType, ErrorMessage string
	// RequestID is the one that the function was given.
	RequestID string
	// Cold says that the environment was started for this invocation.
	Cold bool
	// Took is the time from the invocation until the answer, with the start if it was cold.
	Took time.Duration
}

// Failed says whether the invocation ended with an error.
func (r Result) Failed() bool { return r.ErrorType != "" }

// ARN is the name by which the function knows itself.
const ARN = "arn:aws:lambda:eu-central-1:000000000000:function:local"

// New returns a function. Nothing is started.
func New(c Config) *Function {
	if c.Timeout == 0 {
		c.Timeout = 3 * time.Second
	}
	if c.Output == nil {
		c.Output = io.Discard
	}
	f := &Function{config: c, idle: make(chan *environment, max(1, c.Concurrency))}
	for range max(1, c.Concurrency) {
		e := &environment{config: c}
		f.all = append(f.all, e)
		f.idle <- e
	}
	return f
}

// Invoke runs the function on a payload, when an environment is free. An error means that there was no invocation: ctx
// ended, or the binary cannot be started.
func (f *Function) Invoke(ctx context.Context, payload []byte) (Result, error) {
	var e *environment
	select {
	case <-ctx.Done():
		return Result{}, ctx.Err()
	case e = <-f.idle:
	}
	defer func() { f.idle <- e }()
	began := time.Now()
	cold, err := e.start(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("start the function: %w", err)
	}
	r := e.invoke(payload)
	r.Cold, r.Took = cold, time.Since(began)
	return r, nil
}

// Kill ends the processes of the function with SIGKILL, as a machine that fails does, and returns how many there were.
func (f *Function) Kill() int {
	n := 0
	for _, e := range f.all {
		if e.kill() {
			n++
		}
	}
	return n
}

// PIDs returns the ids of the running processes.
func (f *Function) PIDs() (ids []int) {
	for _, e := range f.all {
		if id := e.pid(); id != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// Close ends all environments, with what they are doing. It may be repeated.
func (f *Function) Close() {
	for _, e := range f.all {
		e.close()
	}
}
