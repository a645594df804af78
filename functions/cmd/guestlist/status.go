package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/policy"
	"guestlist/pkg/status"
)

func statusCommand() command {
	var watch, all bool
	return command{
		flags: func(fs *flag.FlagSet) {
			fs.BoolVar(&watch, "watch", false, "show it again every two seconds until the import has ended")
			fs.BoolVar(&all, "all", false, "list every guest, not only the first 50")
		},
		do: func(c *call, args []string) error {
			switch {
			case len(args) > 1 || watch && len(args) == 0:
				return errUsage
			case len(args) == 0:
				return listImports(c)
			case watch:
				return watchImport(c, args[0])
			}
			return showImport(c, args[0], all)
		},
	}
}

func listImports(c *call) error {
	all, err := status.List(c.ctx, c.services.Ledger)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.stdout, all)
	}
	if len(all) == 0 {
		fmt.Fprintln(c.stderr, "No file has arrived yet. Drop one into the container inbox-SOURCE.")
		return nil
	}
	t := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "IMPORT\tSOURCE\tFILE\tRECEIVED\tSTATE\tROWS\tGUESTS\tOPEN\tOUTCOMES")
	for _, i := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", i.ID, i.Source, i.File, i.Received.UTC().Format("2006-01-02 15:04Z"),
			stateLine(i), i.Rows, i.Guests, i.Open, outcomes(i))
	}
	return t.Flush()
}

// stateLine adds the reason's code to a state that has one.
func stateLine(i status.Import) string {
	if i.Code != "" {
		return i.State + " (" + i.Code + ")"
	}
	return i.State
}

func outcomes(i status.Import) string {
	var parts []string
	for _, o := range slices.SortedFunc(maps.Keys(i.Ended), func(a, b ledger.Outcome) int { return cmp.Compare(a, b) }) {
		parts = append(parts, fmt.Sprintf("%d %s", i.Ended[o], o))
	}
	if i.RowsRejected > 0 {
		parts = append(parts, fmt.Sprintf("%d rows rejected", i.RowsRejected))
	}
	return strings.Join(parts, ", ")
}

func watchImport(c *call, prefix string) error {
	for {
		i, err := status.Find(c.ctx, c.services.Ledger, prefix)
		if err != nil {
			return err
		}
		if c.json {
			if err := json.NewEncoder(c.stdout).Encode(i); err != nil {
				return err
			}
		} else {
			fmt.Fprintf(c.stdout, "%s  %s: %d guests, %d invited, %d open  %s\n", time.Now().UTC().Format("15:04:05Z"), stateLine(i),
				i.Guests, i.Invited, i.Open, outcomes(i))
		}
		if i.Settled() {
			return nil
		}
		select {
		case <-c.ctx.Done():
			return nil
		case <-time.After(2 * time.Second):
		}
	}
}

// shown is how many guests are listed without -all.
const shown = 50

func showImport(c *call, prefix string, all bool) error {
	i, err := status.Find(c.ctx, c.services.Ledger, prefix)
	if err != nil {
		return err
	}
	var guests []status.Guest
	for g, err := range status.Guests(c.ctx, c.services.Ledger, i.ID) {
		if err != nil {
			return err
		}
		if !all && !c.json && len(guests) == shown {
			break
		}
		guests = append(guests, g)
	}
	if c.json {
		return printJSON(c.stdout, struct {
			status.Import
			Details []status.Guest `json:"details"`
		}{i, guests})
	}
	printImport(c.stdout, i)
	slices.SortFunc(guests, func(a, b status.Guest) int { return cmp.Compare(a.Lines[0], b.Lines[0]) })
	if len(guests) > 0 {
		fmt.Fprintln(c.stdout)
		if err := status.PrintGuests(c.stdout, guests); err != nil {
			return err
		}
	}
	if n := i.Guests - len(guests); n > 0 && i.State != string(ledger.Held) {
		fmt.Fprintf(c.stderr, "%d more guests: guestlist status %s -all\n", n, i.ID)
	}
	return nil
}

func printImport(w io.Writer, i status.Import) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	defer t.Flush()
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("Import", i.ID)
	row("Source", i.Source)
	row("File", i.File)
	row("Received", i.Received.UTC().Format(time.RFC3339))
	row("State", stateLine(i))
	row("Why", strings.ReplaceAll(i.Text, "-from IMPORT", "-from "+i.ID))
	row("Rows", fmt.Sprintf("%d, %d of them rejected before anything was sent", i.Rows, i.RowsRejected))
	row("Guests", fmt.Sprintf("%d, %d in the directory, %d open", i.Guests, i.Invited, i.Open))
	row("Outcomes", outcomes(i))
	if i.Reported > 0 {
		row("Results", fmt.Sprintf("container results, %s (revision %d)", i.Results, i.Reported))
	}
	if len(i.Ask) > 0 {
		var ask policy.Ask
		if json.Unmarshal(i.Ask, &ask) == nil {
			t.Flush()
			fmt.Fprintf(w, "\nThe file asks for:\n")
			policy.Propose(i.Source, ask).Describe(w)
		}
	}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
