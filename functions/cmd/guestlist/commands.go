package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"guestlist/pkg/status"
)

// command is one sub-command. make declares its flags and returns what is done once they are parsed.
type command struct {
	name        string
	args        string // for people
	least, most int    // number of arguments
	changes     bool   // it changes something, so it asks
	queues      bool   // it needs Service Bus
	alone       bool   // it needs no service of ours
	short, long string
	make        func(*flag.FlagSet) body
}

// body is what a command does. check, if there is one, says what is wrong with flags and arguments, before anything is
// opened.
type body struct {
	check func(args []string) error
	do    func(c *call, args []string) error
}

func commands() []command {
	return []command{
		statusCommand(), guestCommand(), dropCommand(),
		sourceAddCommand(), sourceListCommand(), sourceShowCommand(),
		approveCommand(), cancelCommand(),
		lettersListCommand(), lettersReplayCommand(),
		breakerShowCommand(), breakerCloseCommand(), rateShowCommand(), rateSetCommand(),
		doctorCommand(),
	}
}

func noFlags(do func(*call, []string) error) func(*flag.FlagSet) body {
	return func(*flag.FlagSet) body { return body{do: do} }
}

func (c command) synopsis() string {
	return strings.TrimSpace(c.name+" "+c.args) + " [flags]"
}

func asksForHelp(args []string) bool {
	return len(args) == 1 && slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0])
}

const aboutSettings = `The services are named as for the Function App: Storage and ServiceBus (connection strings), or
Storage__blobServiceUri, Storage__tableServiceUri and ServiceBus__fullyQualifiedNamespace, used as
whoever is signed in with "az login"; only "source add", "approve" and "deadletters" need Service Bus.
They come from the environment, or from the file that -env or GUESTLIST_ENV names; devstack prints where it
keeps one.
`

func overview() string {
	var b strings.Builder
	b.WriteString("Usage: guestlist COMMAND [flags]\n\n")
	for _, c := range commands() {
		first, _, _ := strings.Cut(c.args, " ")
		fmt.Fprintf(&b, "  %-26s %s\n", strings.TrimSpace(c.name+" "+first), c.short)
	}
	b.WriteString("\nguestlist COMMAND -h tells more. IMPORT is the id of an import or its first digits. Every command takes\n" +
		"-json. Those that change something ask before they do, unless they get -yes.\n\n" + aboutSettings)
	return b.String()
}

func help(c command, fs *flag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: guestlist %s\n\n%s\n\n", c.synopsis(), strings.TrimSpace(c.long))
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		lines := status.Wrap(text, 80)
		fmt.Fprintf(&b, "  %-16s %s\n", strings.TrimSpace("-"+f.Name+" "+value), strings.Join(lines, "\n"+strings.Repeat(" ", 19)))
	})
	return b.String()
}

// find returns the command that args begin with and what follows it. The error of find is the whole answer.
func find(args []string) (command, []string, error) {
	if len(args) == 0 {
		return command{}, nil, errors.New("say what to do.\n\n" + overview())
	}
	var family []string
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], nil
		}
		if words[0] == args[0] {
			family = append(family, "  guestlist "+c.synopsis())
		}
	}
	switch {
	case len(family) > 0:
		return command{}, nil, fmt.Errorf("%s is followed by one more word:\n%s", args[0], strings.Join(family, "\n"))
	case strings.HasPrefix(args[0], "-"):
		return command{}, nil, fmt.Errorf("flags follow the command: guestlist COMMAND %s. \"guestlist help\" lists the commands", args[0])
	}
	return command{}, nil, fmt.Errorf("there is no command %q. \"guestlist help\" lists the commands", args[0])
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
