package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"guestlist/pkg/local/functionshost"
)

// drainTime is how long a host that is asked to end lets its invocations run on. The real platform has an hour.
const drainTime = 20 * time.Second

// hostOrder is what a host in a process of its own is told by its parent, as JSON on standard input.
type hostOrder struct {
	Dir      string              `json:"dir"`
	Log      string              `json:"log"` // file that gets what handler and host write
	Settings map[string]string   `json:"settings"`
	PerStart []map[string]string `json:"perStart"` // more settings for each handler that it starts, over and over
}

// hostEvent is what it tells its parent, a JSON line on standard output each.
type hostEvent struct {
	Kind string `json:"kind"` // one of functionshost's, or "gave up"
	PID  int    `json:"pid,omitempty"`
	Text string `json:"text,omitempty"`
}

const hostGaveUp = "gave up"

// hostProcess runs one Functions host until ctx is done, and lets it end in peace: what runs may run on for drainTime.
// Killed by SIGKILL, it leaves what a machine that fails leaves: messages stay locked until the broker takes them back.
func hostProcess(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("devstack host", flag.ContinueOnError)
	fs.SetOutput(stderr)
	if err := fs.Parse(args); err != nil {
		return exitUsage
	}
	if err := serveHost(ctx, stdin, stdout); err != nil {
		fmt.Fprintln(stderr, "devstack host:", err)
		return exitError
	}
	return exitDone
}

func serveHost(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var o hostOrder
	if err := json.NewDecoder(stdin).Decode(&o); err != nil {
		return fmt.Errorf("order on standard input: %w", err)
	}
	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	events := make(chan hostEvent, 100)
	told := make(chan struct{})
	go func() {
		defer close(told)
		enc := json.NewEncoder(stdout)
		for e := range events {
			_ = enc.Encode(e) // a parent that is gone takes this process with it
		}
	}()
	defer func() {
		close(events)
		<-told
	}()
	c := functionshost.Config{Dir: o.Dir, Listen: "127.0.0.1:0", Settings: o.Settings, Output: log, Log: slog.New(slog.NewTextHandler(log, nil)),
		OnEvent: func(e functionshost.Event) {
			switch e.Kind {
			case functionshost.HandlerStarted, functionshost.HandlerReady, functionshost.HandlerExited:
				events <- hostEvent{e.Kind, e.PID, e.Text}
			}
		}}
	if len(o.PerStart) > 0 {
		c.PerStart = func(n int) map[string]string { return o.PerStart[n%len(o.PerStart)] }
	}
	h, err := functionshost.Start(ctx, c)
	if err != nil {
		return err
	}
	if bad := errors.Join(h.Problems()...); bad != nil {
		return errors.Join(bad, h.Stop())
	}
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- h.Wait() }()
	select {
	case err := <-gaveUp:
		events <- hostEvent{Kind: hostGaveUp, Text: fmt.Sprint(err)}
		return nil
	case <-ctx.Done():
	}
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	_ = h.Drain(draining) // what has not ended then is cut off
	return h.Stop()
}
