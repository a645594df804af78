// Command devstack is the whole of Guestlist on one machine: storage, Service Bus, directory and Functions host are local
// servers, the handler is the binary that is deployed. Nothing needs an account, and everything listens on loopback only.
//
//	devstack                     start the stack and say what happens, until it is interrupted
//	devstack -csv FILE -exit     drop a file, wait for its results, print them, stop
//	devstack -s3 BINARY …        drop files into a bucket of S3 instead, with the relay in AWS Lambda
//	devstack servicebus|entra|mailbox   serve one emulator
//	devstack soak                import random files under random kills and faults, and judge what is left
//	devstack bench               measure directory writes and throughput, beside scripts
//
// With -json, standard output carries JSON lines only: one when the stack is ready, one at the end of -exit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // what packages log is for the handler's operators; here the console tells it
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// Exit codes of run.
const (
	exitDone  = 0
	exitError = 1
	exitUsage = 2
	exitHeld  = 3 // every row has an outcome, but a file is held
)

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "bench" {
		return bench(ctx, args[1:], getenv, stdout, stderr)
	}
	if len(args) > 0 && args[0] == "soak" {
		return soakRun(ctx, args[1:], getenv, stdout, stderr)
	}
	if len(args) > 0 && args[0] == "host" { // a child of soak
		return hostProcess(ctx, args[1:], os.Stdin, stdout, stderr)
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		return emulator(ctx, args, stdout, stderr)
	}
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		return exitUsage
	}
	code, err := stackUp(ctx, o, getenv, &console{out: stdout, err: stderr, json: o.json, start: time.Now()})
	if err != nil {
		fmt.Fprintln(stderr, "devstack:", err)
	}
	return code
}

// options are the flags.
type options struct {
	dir, seed, policy, source, results, env string
	relay                                   string
	csv                                     []string
	exit, json, careful, emptyFirst         bool
	ports, faults, limits, dedup            string
	lag, limitWindow                        time.Duration
	random                                  uint64
	handlers                                int
	reach                                   reach
	data                                    string // folder of Azurite; empty keeps all in memory
}

// reach changes the connection strings of storage and Service Bus for what runs on the stack; the stack itself keeps the
// direct ones. Tests put something in between. nil changes nothing.
type reach func(storage, serviceBus string) (string, string)

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("devstack", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Func("csv", "drop `FILE` into the inbox of -source (repeatable)", func(s string) error { o.csv = append(o.csv, s); return nil })
	fs.StringVar(&o.source, "source", "partners", "`NAME` of the source that the files come through")
	fs.StringVar(&o.seed, "seed", "", "fill the directory from `FILE`; without it, what a dropped file asks for is made and allowed")
	fs.StringVar(&o.policy, "policy", "", "the source's policy, added when its first file is held")
	fs.StringVar(&o.relay, "s3", "", "put dropped files into a bucket of S3, from where the relay `BINARY` brings them to the inbox")
	fs.BoolVar(&o.exit, "exit", false, "stop when every dropped file is reported")
	fs.StringVar(&o.results, "results", "", "with -exit: copy the results to `DIR`")
	fs.BoolVar(&o.json, "json", false, "print JSON lines instead of text")
	fs.StringVar(&o.dir, "dist", "dist/azure", "the staged Function App")
	fs.StringVar(&o.env, "env", ".cache/devstack.env", "write the settings that the guestlist command needs to `FILE`")
	fs.StringVar(&o.ports, "ports", "fixed", "fixed (7071, 10000-10002, 5672, 7080, 7081, 1025, 8025) or auto")
	fs.StringVar(&o.faults, "faults", "on", "on or off: rare errors, lost answers and resets of the directory and the mail server; or a share of its requests such as 5%, for every kind of fault")
	fs.StringVar(&o.limits, "limits", "on", "on or off: Microsoft's throttling limits")
	fs.StringVar(&o.dedup, "dedup", "on", "on or off: duplicate detection of the queues")
	fs.DurationVar(&o.lag, "lag", 2*time.Second, "replication lag of the directory")
	fs.DurationVar(&o.limitWindow, "limit-window", 0, "shorten the window of the limits, keeping their rate")
	fs.BoolVar(&o.careful, "careful", false, "production's leases, waits and sweep interval instead of short ones")
	fs.BoolVar(&o.emptyFirst, "empty-first", false, "announce each file with an empty placeholder first, as SFTP and Data Lake do")
	fs.IntVar(&o.handlers, "handlers", 1, "Functions hosts to run, each with a handler, as when Azure scales out")
	fs.Uint64Var(&o.random, "rand", rand.Uint64(), "seed of lag and faults")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if err := o.check(fs.Args()); err != nil {
		fmt.Fprintln(stderr, "devstack:", err)
		return o, err
	}
	return o, nil
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q: drop files with -csv", rest[0])
	case o.exit && len(o.csv) == 0:
		return errors.New("-exit needs at least one -csv: there would be nothing to wait for")
	case o.handlers < 1:
		return fmt.Errorf("-handlers is %d: at least one is needed", o.handlers)
	case o.ports != "fixed" && o.ports != "auto":
		return fmt.Errorf("-ports is %q: use fixed or auto", o.ports)
	}
	if _, err := rates(o.faults); err != nil {
		return err
	}
	for name, v := range map[string]string{"limits": o.limits, "dedup": o.dedup} {
		if v != "on" && v != "off" {
			return fmt.Errorf("-%s is %q: use on or off", name, v)
		}
	}
	for _, file := range append(o.csv, o.seed, o.policy, o.relay) {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return err
		}
	}
	return nil
}
