package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
	"guestlist/pkg/status"
)

// errDeclined says that the person did not agree, so nothing was changed.
var errDeclined = errors.New("nothing was changed")

// ask returns nil if the person agrees. Without an answer nothing is changed: a script says -yes.
func (c *call) ask(question string) error {
	if c.yes {
		return nil
	}
	fmt.Fprint(c.stderr, question, " [y/N] ")
	answer, err := bufio.NewReader(c.stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	case "":
		if err != nil {
			fmt.Fprintln(c.stderr, "\nThere was no answer; -yes does it without asking.")
		}
	}
	return errDeclined
}

// hint says what can be done next. It goes to standard error, so that a pipe gets the data alone.
func (c *call) hint(format string, args ...any) {
	if !c.json {
		fmt.Fprintf(c.stderr, format+"\n", args...)
	}
}

// say prints the one sentence that is a command's result.
func (c *call) say(v any, format string, args ...any) error {
	if c.json {
		return printJSON(c.stdout, v)
	}
	_, err := fmt.Fprintf(c.stdout, format+"\n", args...)
	return err
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// report prints an error in a person's words and returns the exit code.
func (c *call) report(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errDeclined):
		fmt.Fprintln(c.stderr, "Nothing was changed.")
	case errors.Is(err, errUnfit):
		c.hint("What is bad keeps guests out. Mend it before you drop a file.")
	case c.ctx.Err() != nil:
		fmt.Fprintln(c.stderr, "guestlist: interrupted.")
	default:
		writeParagraph(c.stderr, "guestlist: ", explain(err))
	}
	return exitFailed
}

// explain says what went wrong and what to look at. What it does not know it prints as it is: better a raw error than a
// wrong guess.
func explain(err error) string {
	if f, ok := errors.AsType[*message.Failure](err); ok {
		return f.Code + ": " + strings.ReplaceAll(f.Text, "\n", "; ")
	}
	raw := once(status.Clean(err.Error()))
	if errors.Is(err, bus.ErrRefused) {
		return fmt.Sprintf("Service Bus takes no messages now: a queue is full, the service is busy, or it cannot be reached. What this command had begun "+
			"goes on by itself, at the latest half an hour after Service Bus is back; the same command again does no harm. (%s)", raw)
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("There is no host %s. Correct the setting that names it. (%s)", d.Name, raw)
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || strings.Contains(raw, "dial tcp ") {
		return fmt.Sprintf("No connection. Is the service up, may this machine reach it, and do the settings name the right one? (%s)", raw)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("A service gave no answer in time. Try again. (%s)", raw)
	case strings.Contains(raw, "AzureCLICredential"):
		return fmt.Sprintf("Nobody is signed in. Sign in with \"az login\", or set the connection strings Storage and ServiceBus. (%s)", raw)
	case strings.Contains(raw, "status 401"), strings.Contains(raw, "status 403"), strings.Contains(raw, "unauthorized"):
		return fmt.Sprintf("The service refused this account or key. Operators need Storage Table Data Contributor, Storage Blob Data Contributor, "+
			"Azure Service Bus Data Sender and Data Receiver; a new role takes some minutes to work. (%s)", raw)
	case strings.HasPrefix(raw, "connect to") && strings.Contains(raw, "set "):
		_, what, _ := strings.Cut(raw, "set ")
		return fmt.Sprintf("It is not said where the services are: set %s in the environment, or name a file of settings with -env FILE.", what)
	case strings.HasPrefix(raw, "connect to") && strings.Contains(raw, "connection string"):
		setting := "Storage"
		if strings.HasPrefix(raw, "connect to Service Bus") {
			setting = "ServiceBus"
		}
		return fmt.Sprintf("The setting %s holds no connection string. Copy it whole, on one line.", setting)
	}
	return raw
}

// writeParagraph wraps text behind a first word. A command at its end stands on a line of its own, whole, to be copied.
func writeParagraph(w io.Writer, first, text string) {
	text, command := splitCommand(text)
	indent := strings.Repeat(" ", len(first))
	for n, line := range status.Wrap(text, status.Width-len(first)) {
		if n == 0 {
			fmt.Fprintln(w, first+line)
		} else {
			fmt.Fprintln(w, indent+line)
		}
	}
	if command != "" {
		fmt.Fprintln(w, indent+"  "+status.Clean(command))
	}
}

// splitCommand cuts off a command that ends a text: "Make one with: guestlist source add NAME".
func splitCommand(text string) (before, command string) {
	at := strings.LastIndex(text, ": guestlist ")
	if at < 0 || strings.Contains(text[at:], ". ") {
		return text, ""
	}
	return text[:at+1], text[at+2:]
}

// once leaves out what an error says twice in a row.
func once(chain string) string {
	return strings.Join(slices.Compact(strings.Split(chain, ": ")), ": ")
}
