package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/status"
)

func breakerShowCommand() command {
	return command{
		name: "breaker show", most: 0,
		short: "whether work goes on, and if not, why",
		long: `The circuit breaker stops all work while Microsoft Graph refuses or cannot be reached. Guests wait then and fail for
nothing. It opens at once when the tenant is blocked or takes no guests, otherwise after five guests in a row. While
it is open, one guest is tried now and then, and if that works it closes by itself; where Microsoft has blocked the
tenant for suspicious activity nobody is tried, and a person closes it.`,
		make: noFlags(breakerShow),
	}
}

func breakerCloseCommand() command {
	return command{
		name: "breaker close", args: "-reason TEXT", most: 0, changes: true,
		short: "let work go on after the cause is gone",
		long: `Closes the circuit breaker. Those who waited are sent within a minute or two, as fast as the tenant takes them. If the
cause is still there, it opens again. Close it after a block for suspicious activity only when Microsoft support has
said that it is lifted: trying makes it worse.`,
		make: func(fs *flag.FlagSet) body {
			reason := reasonFlag(fs, "why you close it, for whoever looks next; such as the number of the support case")
			return body{needsReason(reason), func(c *call, _ []string) error { return breakerClose(c, *reason) }}
		},
	}
}

func reasonFlag(fs *flag.FlagSet, usage string) *string {
	return fs.String("reason", "", "`TEXT` that says "+usage)
}

func needsReason(reason *string) func([]string) error {
	return func([]string) error {
		if strings.TrimSpace(*reason) == "" {
			return errors.New("say why, with -reason TEXT")
		}
		return nil
	}
}

// breakerView is the breaker as JSON.
type breakerView struct {
	Open      bool           `json:"open"`
	Cause     string         `json:"cause,omitempty"`
	Operation string         `json:"operation,omitempty"`
	Code      string         `json:"code,omitempty"`
	Text      string         `json:"text,omitempty"`
	Request   string         `json:"request,omitempty"`
	Opened    time.Time      `json:"opened,omitzero"`
	Closed    time.Time      `json:"closed,omitzero"`
	Reason    string         `json:"reason,omitempty"` // of the person who closed it
	Probes    int            `json:"probes,omitempty"`
	NextProbe time.Time      `json:"nextProbe,omitzero"`
	Waiting   int            `json:"waiting"`           // guests that wait for it
	Failing   map[string]int `json:"failing,omitempty"` // guests in a row, by call, while it is closed
}

func breakerShow(c *call, _ []string) error {
	row, err := c.services.Ledger.Breaker(c.ctx)
	if err != nil {
		return err
	}
	v := breakerView{Open: row.Open, Cause: row.Cause, Operation: row.Operation, Code: row.Code, Text: row.Text, Request: row.Request,
		Opened: row.Opened, Closed: row.Closed, Reason: row.Reason, Probes: row.Probes, NextProbe: row.NextProbe}
	if v.Waiting, err = waitingForBreaker(c); err != nil {
		return err
	}
	if !row.Open && len(row.Failures) > 0 {
		v.Failing = map[string]int{}
		for _, f := range row.Failures {
			v.Failing[f.Operation]++
		}
	}
	if c.json {
		return printJSON(c.stdout, v)
	}
	printBreaker(c.stdout, v)
	if v.Open {
		c.hint("\nNext, when the cause is gone:\n  guestlist breaker close -reason TEXT")
	}
	return nil
}

func waitingForBreaker(c *call) (int, error) {
	n := 0
	for i, err := range c.services.Ledger.ListImports(c.ctx, true) {
		if err != nil {
			return 0, err
		}
		t, err := c.services.Ledger.Tally(c.ctx, i.ID)
		if err != nil {
			return 0, err
		}
		n += t.Waiting[ledger.WaitBreaker]
	}
	return n, nil
}

// causes says what opened the breaker, in a person's words.
var causes = map[breaker.Cause]string{
	breaker.Outage:  "Microsoft Graph cannot be reached, or answers with errors of its own",
	breaker.Denied:  "Microsoft Graph refuses Guestlist's identity",
	breaker.Refused: "the tenant takes no guests",
	breaker.Capped:  "Microsoft Graph takes no more invitations for a long while, perhaps until the next day; only they wait",
	breaker.Blocked: "Microsoft has blocked the tenant's invitations for suspicious activity",
}

func printBreaker(w io.Writer, v breakerView) {
	row := func(name, value string) {
		if value != "" {
			writeParagraph(w, fmt.Sprintf("%-10s", name), value)
		}
	}
	row("Breaker", breakerState(v))
	if v.Opened.IsZero() {
		row("Failing", failing(v.Failing))
		return
	}
	if !v.Open {
		row("Closed", closedBy(v))
		row("Failing", failing(v.Failing))
		row("Last time", fmt.Sprintf("open from %s; %s", day(v.Opened), causes[breaker.Cause(v.Cause)]))
	} else {
		row("Since", day(v.Opened))
		row("Cause", causes[breaker.Cause(v.Cause)])
	}
	answer := v.Code + ": " + v.Text
	if v.Request != "" {
		answer += " Request id: " + v.Request
	}
	row("Answer", answer)
	if v.Waiting > 0 || v.Open {
		row("Waiting", counted(v.Waiting, "guest"))
	}
	row("Tried", tried(v))
}

func breakerState(v breakerView) string {
	switch {
	case v.Open && breaker.Cause(v.Cause) == breaker.Capped:
		return "OPEN for invitations; groups and applications go on"
	case v.Open:
		return "OPEN: nothing is asked of Microsoft Graph, and nobody fails for it"
	case v.Opened.IsZero():
		return "closed, and never was open"
	}
	return "closed: work goes on"
}

func failing(m map[string]int) string {
	var parts []string
	for call, n := range m {
		parts = append(parts, fmt.Sprintf("%s: %s in a row", call, counted(n, "guest")))
	}
	return strings.Join(parts, ", ")
}

func closedBy(v breakerView) string {
	if v.Reason == "" {
		return day(v.Closed) + ", by itself: a guest was tried, and it worked"
	}
	return day(v.Closed) + ", by a person: " + v.Reason
}

func tried(v breakerView) string {
	switch {
	case !v.Open:
		return ""
	case v.NextProbe.IsZero():
		return "nobody: only Microsoft support can lift the block. Open a case, and close the breaker when it is lifted"
	}
	return fmt.Sprintf("%s so far; the next at %s. If it works, the breaker closes by itself", counted(v.Probes, "guest"), v.NextProbe.UTC().Format("15:04Z"))
}

func breakerClose(c *call, reason string) error {
	row, err := c.services.Ledger.Breaker(c.ctx)
	if err != nil {
		return err
	}
	if !row.Open {
		return c.say(map[string]any{"open": false, "closed": false}, "The circuit breaker is closed already.")
	}
	n, err := waitingForBreaker(c)
	if err != nil {
		return err
	}
	warning := ""
	if breaker.Cause(row.Cause) == breaker.Blocked {
		warning = "\nHas Microsoft support said that the block is lifted? Trying before makes it worse."
	}
	if err := c.ask(fmt.Sprintf("The circuit breaker has been open since %s: %s. %s waiting.%s\nClose it?", day(row.Opened),
		causes[breaker.Cause(row.Cause)], areWaiting(n), warning)); err != nil {
		return err
	}
	closed, err := breaker.New(c.services.Ledger, breaker.DefaultWaits).Close(c.ctx, status.Clean(strings.TrimSpace(reason)))
	if err != nil {
		return err
	}
	if n > 0 {
		defer c.hint("Follow them with: guestlist status")
	}
	return c.say(map[string]any{"open": false, "closed": closed, "waiting": n},
		"The circuit breaker is closed. %s sent within a minute or two, as fast as the tenant takes them.", areSent(n))
}

func areWaiting(n int) string {
	if n == 1 {
		return "1 guest is"
	}
	return counted(n, "guest") + " are"
}

func areSent(n int) string {
	if n == 0 {
		return "Nobody waited; new guests are"
	}
	return "What waited (" + counted(n, "guest") + ") is"
}
