// Command guestlist is the operators' tool: what arrived and what became of it, which sources may drop files, what failed
// and how to send it again.
//
// Data goes to standard output (-json: one JSON document), everything else to standard error. Exit codes: 0 done, 1 the
// command could not do it and says what to do next, 2 wrong usage.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"guestlist/functions/cmd/internal/connect"
	"guestlist/pkg/message"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

const usage = `Usage: guestlist COMMAND [flags]

  status [IMPORT] [-watch]            what arrived, how far it is, what became of each guest
  source add NAME [-from IMPORT]      allow a source what a held file asks for (-file: upload a policy)
  source show NAME                    print a source's policy
  cancel IMPORT                       start nothing more for an import
  deadletters list [IMPORT]           what failed, for whom and why
  deadletters replay IMPORT           send the failed steps again (-code, -guest: only some; -event N: an upload event)

Every command takes -json, and those that change something -yes. IMPORT is an id or its first digits. The services are
named by the environment, as for the Function App (Storage, ServiceBus or their __ settings), or by -env FILE with such
lines; "devstack" prints where it keeps one.
`

// command is one sub-command. Its flags are parsed before do runs; args are what is left.
type command struct {
	flags func(*flag.FlagSet)
	do    func(c *call, args []string) error
}

// call is one run of a command.
type call struct {
	ctx            context.Context
	services       *connect.Services
	stdin          io.Reader
	stdout, stderr io.Writer
	json, yes      bool
}

// errUsage makes run print the usage and exit with 2.
var errUsage = errors.New("wrong usage")

func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	cmd, rest, ok := find(args)
	if !ok {
		fmt.Fprint(stderr, usage)
		return 2
	}
	c := &call{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}
	fs := flag.NewFlagSet("guestlist", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&c.json, "json", false, "print JSON")
	fs.BoolVar(&c.yes, "yes", false, "do not ask")
	env := fs.String("env", getenv("GUESTLIST_ENV"), "read settings from `FILE`")
	cmd.flags(fs)
	names, err := parse(fs, rest)
	if err != nil {
		return 2
	}
	if err := c.open(*env, getenv); err != nil {
		return c.code(err)
	}
	return c.code(cmd.do(c, names))
}

func find(args []string) (command, []string, bool) {
	for words := min(2, len(args)); words > 0; words-- {
		if cmd, ok := commands()[strings.Join(args[:words], " ")]; ok {
			return cmd, args[words:], true
		}
	}
	return command{}, nil, false
}

func commands() map[string]command {
	return map[string]command{
		"status":             statusCommand(),
		"source add":         sourceAddCommand(),
		"source show":        {flags: func(*flag.FlagSet) {}, do: sourceShow},
		"cancel":             {flags: func(*flag.FlagSet) {}, do: cancel},
		"deadletters list":   {flags: func(*flag.FlagSet) {}, do: lettersList},
		"deadletters replay": lettersReplayCommand(),
	}
}

// parse accepts flags before and after the other arguments.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var names []string
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if args = fs.Args(); len(args) > 0 {
			names, args = append(names, args[0]), args[1:]
		}
	}
	return names, nil
}

// open connects to the services. Settings of the file come before those of the environment.
func (c *call) open(file string, getenv func(string) string) (err error) {
	if file != "" {
		if getenv, err = envFile(file, getenv); err != nil {
			return err
		}
	}
	c.services, err = connect.Open(c.ctx, getenv)
	return err
}

// envFile reads lines of NAME=value; # begins a comment.
func envFile(path string, getenv func(string) string) (func(string) string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	defer f.Close()
	values := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return func(name string) string {
		if v, ok := values[name]; ok {
			return v
		}
		return getenv(name)
	}, nil
}

// code prints an error in a person's words and returns the exit code.
func (c *call) code(err error) int {
	failure, isFailure := errors.AsType[*message.Failure](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprint(c.stderr, usage)
		return 2
	case isFailure:
		fmt.Fprintf(c.stderr, "guestlist: %s [%s]\n", failure.Text, failure.Code)
	default:
		fmt.Fprintln(c.stderr, "guestlist:", err)
	}
	return 1
}

// ask returns whether the person agrees. Without a terminal's answer nothing is changed.
func (c *call) ask(question string) bool {
	if c.yes {
		return true
	}
	fmt.Fprint(c.stderr, question, " [y/N] ")
	answer, _ := bufio.NewReader(c.stdin).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}
