package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/forecast"
	"guestlist/pkg/ledger"
	"guestlist/pkg/status"
)

func statusCommand() command {
	return command{
		name: "status", args: "[IMPORT]", most: 1,
		short: "what arrived, how far it is, what became of each guest",
		long: `Without IMPORT: every file that arrived, the newest first. With IMPORT: that file, what it asks for while it is
held, what became of its guests, and the rows that were rejected. Lists stop at 50 lines, guests with trouble
first, unless -all is given. Counts are of guests, where they do not say rows.`,
		make: func(fs *flag.FlagSet) body {
			watch := fs.Bool("watch", false, "print a line whenever something changed, until the import has ended or needs a person")
			all := fs.Bool("all", false, "list every guest and every rejected row")
			check := func(args []string) error {
				if *watch && (len(args) == 0 || *all) {
					return errors.New("-watch goes with one IMPORT, and not with -all")
				}
				return nil
			}
			return body{check, func(c *call, args []string) error {
				switch {
				case len(args) == 0:
					return listImports(c)
				case *watch:
					return watchImport(c, args[0])
				}
				return showImport(c, args[0], *all)
			}}
		},
	}
}

func listImports(c *call) error {
	all, err := status.List(c.ctx, c.services.Ledger)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.stdout, orEmpty(all))
	}
	if len(all) == 0 {
		c.hint("No file has arrived yet. Drop a CSV into the container inbox-SOURCE; make it with: guestlist source add SOURCE")
		return nil
	}
	t := status.Table{Columns: []status.Column{{Title: "IMPORT"}, {Title: "SOURCE", Bends: true}, {Title: "FILE", Bends: true}, {Title: "RECEIVED"},
		{Title: "STATE"}, {Title: "ROWS", Right: true}, {Title: "GUESTS", Right: true}, {Title: "OPEN", Right: true},
		{Title: "OUTCOMES OR REASON", Bends: true}}}
	if slices.ContainsFunc(all, func(i status.Import) bool { return i.Expected != nil }) {
		t.Columns = append(t.Columns, status.Column{Title: "EXPECTED END"})
	}
	digits := enough(all)
	for _, i := range all {
		t.Row(i.ID[:min(digits, len(i.ID))], i.Source, i.File, day(i.Received), i.State, fmt.Sprint(i.Rows), fmt.Sprint(i.Guests),
			fmt.Sprint(i.Open), cmp.Or(outcomes(i), i.Code), expectedShort(i))
	}
	return t.Write(c.stdout)
}

// enough returns how many digits of the ids tell the imports apart: eight or more, so that a note of one stays good.
func enough(all []status.Import) int {
	for digits := 8; digits < 20; digits++ {
		seen := map[string]bool{}
		for _, i := range all {
			seen[i.ID[:min(digits, len(i.ID))]] = true
		}
		if len(seen) == len(all) {
			return digits
		}
	}
	return 20
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

// stateLine adds the reason's code to a state that has one.
func stateLine(i status.Import) string {
	if i.Code != "" {
		return i.State + " (" + i.Code + ")"
	}
	return i.State
}

// order is that of outcomes: from good to bad.
var order = []ledger.Outcome{ledger.Done, ledger.Already, ledger.Repaired, ledger.Partial, ledger.Failed, ledger.Rejected, ledger.Cancelled}

// outcomes counts guests by outcome and, at the end, rejected rows.
func outcomes(i status.Import) string {
	parts := ended(i)
	if i.RowsRejected > 0 {
		parts = append(parts, counted(i.RowsRejected, "row")+" rejected")
	}
	return strings.Join(parts, ", ")
}

func ended(i status.Import) (parts []string) {
	for _, o := range order {
		if n := i.Ended[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	return parts
}

// reasons says what guests wait for, in a person's words.
var reasons = map[string]string{
	ledger.WaitBreaker: "for the circuit breaker", ledger.WaitRate: "for the slow start", ledger.WaitDay: "for the next day",
}

func waiting(i status.Import) string {
	var parts []string
	for _, reason := range slices.SortedFunc(maps.Keys(i.Waiting), cmp.Compare) {
		parts = append(parts, fmt.Sprintf("%s %s", counted(i.Waiting[reason], "guest"), cmp.Or(reasons[reason], "("+reason+")")))
	}
	return strings.Join(parts, ", ")
}

// ending says when an import will have ended, and why not earlier.
func ending(e *forecast.Expectation) string {
	switch {
	case e == nil:
		return ""
	case e.At.IsZero():
		return "nobody can say: " + e.Why
	}
	return fmt.Sprintf("about %s: %s", day(e.At), e.Why)
}

// expectedShort is the same for a line among others.
func expectedShort(i status.Import) string {
	switch e := i.Expected; {
	case e == nil:
		return ""
	case e.At.IsZero():
		return fmt.Sprintf("? (%s)", e.Cause)
	default:
		return fmt.Sprintf("%s (%s)", day(e.At), e.Cause)
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// orEmpty makes JSON of an empty list [], not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// sign is how often a line is printed although nothing changed, so that nobody takes a long wait for a hang.
const sign = time.Minute

func watchImport(c *call, prefix string) error {
	var last string
	var printed time.Time
	for {
		i, err := status.Find(c.ctx, c.services.Ledger, prefix)
		switch {
		case c.ctx.Err() != nil:
			return nil // whoever stops watching has seen enough, also in the middle of a look
		case err != nil:
			return err
		}
		prefix = i.ID
		if line := watchLine(i); line != last || time.Since(printed) >= sign {
			last, printed = line, time.Now()
			if err := printWatch(c, i, line); err != nil {
				return err
			}
		}
		if i.Settled() {
			next(c, details{Import: i})
			return nil
		}
		select {
		case <-c.ctx.Done():
			return nil
		case <-time.After(c.every):
		}
	}
}

func watchLine(i status.Import) string {
	if i.State == string(ledger.Held) || i.State == string(ledger.Staging) {
		return fmt.Sprintf("%s, %s", stateLine(i), counted(i.Rows, "row"))
	}
	line := fmt.Sprintf("%s: %s, %d in the directory, %d open", stateLine(i), counted(i.Guests, "guest"), i.Invited, i.Open)
	if done := outcomes(i); done != "" {
		line += "; " + done
	}
	if w := waiting(i); w != "" {
		line += "; waiting: " + w
	}
	return line
}

func printWatch(c *call, i status.Import, line string) error {
	if c.json {
		return json.NewEncoder(c.stdout).Encode(i)
	}
	if short := expectedShort(i); short != "" {
		line += "; expected end " + short // it moves all the time, which is no news
	}
	_, err := fmt.Fprintf(c.stdout, "%s  %s\n", time.Now().UTC().Format("15:04:05Z"), line)
	return err
}
