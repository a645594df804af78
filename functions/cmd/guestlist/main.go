// Command guestlist is the operators' tool: what arrived and what became of it, which sources may drop files, what failed
// and how to send it again. "guestlist help" lists its commands, docs/cli.md shows them at work.
//
// Data goes to standard output (-json: one JSON document), questions, hints and errors to standard error. Exit codes: 0
// done, 1 not done and why, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"guestlist/functions/cmd/internal/connect"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // what packages log is for the handler's operators; here it is noise
	p := program{getenv: os.Getenv, setenv: os.Setenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, every: 2 * time.Second}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// program is what a run gets from outside.
type program struct {
	getenv         func(string) string
	setenv         func(name, value string) error
	stdin          io.Reader
	stdout, stderr io.Writer
	every          time.Duration // between two looks of -watch
}

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// call is one run of one command.
type call struct {
	program
	ctx       context.Context
	setting   func(string) string // of the file of settings, else of the environment
	services  *connect.Services   // nil for a command that needs none
	json, yes bool
}

func (p program) run(ctx context.Context, args []string) int {
	if asksForHelp(args) {
		fmt.Fprint(p.stdout, overview())
		return exitDone
	}
	cmd, rest, err := find(args)
	if err != nil {
		fmt.Fprintf(p.stderr, "guestlist: %v\n", err)
		return exitUsage
	}
	c := &call{program: p, ctx: ctx}
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	env := c.common(fs, cmd.changes)
	b := cmd.make(fs)
	names, err := parse(fs, rest)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(p.stdout, help(cmd, fs))
		return exitDone
	}
	if err == nil {
		err = cmd.fits(b, names)
	}
	if err != nil {
		return c.misused(cmd, err)
	}
	return c.report(c.do(cmd, b, *env, names))
}

// do opens what the command needs, and does it.
func (c *call) do(cmd command, b body, env string, names []string) (err error) {
	if c.setting, err = settings(env, c.getenv); err != nil {
		return err
	}
	if !cmd.alone {
		if c.services, err = connect.Use(c.setting, cmd.queues); err != nil {
			return err
		}
	}
	return b.do(c, names)
}

// fits says what is wrong with the arguments.
func (c command) fits(b body, names []string) error {
	if len(names) < c.least || len(names) > c.most {
		return fmt.Errorf("it takes %s, not %d", argumentCount(c), len(names))
	}
	if b.check == nil {
		return nil
	}
	return b.check(names)
}

// common declares the flags that commands share and returns the file of settings.
func (c *call) common(fs *flag.FlagSet, changes bool) *string {
	fs.BoolVar(&c.json, "json", false, "print JSON")
	if changes {
		fs.BoolVar(&c.yes, "yes", false, "do not ask")
	}
	env := fs.String("env", "", "read settings from `FILE`, lines of NAME=value (default: the file that GUESTLIST_ENV names, if it is set)")
	if file := c.getenv("GUESTLIST_ENV"); file != "" {
		*env = file
	}
	return env
}

func (c *call) misused(cmd command, err error) int {
	fmt.Fprintf(c.stderr, "guestlist %s: %v.\nUsage: guestlist %s\nWhat it does: guestlist %s -h\n", cmd.name, err, cmd.synopsis(), cmd.name)
	return exitUsage
}

func argumentCount(c command) string {
	switch {
	case c.most == 0:
		return "no argument"
	case c.least == c.most:
		return counted(c.most, "argument")
	}
	return "at most " + counted(c.most, "argument")
}
