package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
	"guestlist/pkg/report"
	"guestlist/pkg/status"
	"guestlist/pkg/work"
)

// shown is how many guests and rows are listed without -all.
const shown = 50

// rejected is a row that was rejected before anything was sent.
type rejected struct {
	Line     int               `json:"line"`
	Address  string            `json:"address,omitempty"`
	Problems []message.Failure `json:"problems"`
}

// details is an import with all that is known about its rows.
type details struct {
	status.Import
	Guests   []status.Guest `json:"details"`
	Rejected []rejected     `json:"rejectedRows"`
	Files    *files         `json:"files,omitempty"`
	Late     *status.Late   `json:"late,omitempty"`
}

// files are the paths of an import's results in container results.
type files struct {
	Result    string `json:"result,omitempty"`
	ToCorrect string `json:"toCorrect,omitempty"`
	Summary   string `json:"summary"`
}

func showImport(c *call, prefix string, all bool) error {
	i, err := status.Find(c.ctx, c.services.Ledger, prefix)
	if err != nil {
		return err
	}
	i.Text = exact(i)
	d := details{Import: i, Guests: []status.Guest{}, Rejected: []rejected{}}
	if i.State != string(ledger.Held) {
		if d.Guests, err = guests(c, i, all || c.json); err != nil {
			return err
		}
		if d.Rejected, err = rejectedRows(c, i); err != nil {
			return err
		}
	}
	if d.Files, err = results(c, i); err != nil {
		return err
	}
	if d.Late, err = status.FindLate(c.ctx, c.services.Ledger, i); err != nil {
		return err
	}
	if c.json {
		return printJSON(c.stdout, d)
	}
	printImport(c.stdout, d)
	if err := printRows(c, d, all); err != nil {
		return err
	}
	next(c, d)
	return nil
}

// guests reads all guests of an import, in the order of the file, or as many as are shown: those with trouble first.
func guests(c *call, i status.Import, all bool) ([]status.Guest, error) {
	good, trouble := []status.Guest{}, []status.Guest{}
	troubled := i.Guests - i.Ended[ledger.Done] - i.Ended[ledger.Already] - i.Ended[ledger.Repaired]
	for g, err := range status.Guests(c.ctx, c.services.Ledger, i.ID) {
		if err != nil {
			return nil, err
		}
		switch g.Outcome {
		case ledger.Done, ledger.Already, ledger.Repaired:
			good = append(good, g)
		default:
			trouble = append(trouble, g)
		}
		if !all && len(trouble) >= min(shown, troubled) && len(good)+len(trouble) >= shown {
			break
		}
	}
	list := append(trouble, good...)
	if !all {
		list = list[:min(shown, len(list))]
	}
	slices.SortStableFunc(list, func(a, b status.Guest) int { return slices.Compare(a.Lines, b.Lines) })
	return list, nil
}

// rejectedRows reads the rows that were rejected; none once the import's working files are purged.
func rejectedRows(c *call, i status.Import) ([]rejected, error) {
	rows := []rejected{}
	if i.RowsRejected == 0 {
		return rows, nil
	}
	for row, err := range work.Rows(c.ctx, c.services.Blobs, i.Work, work.Rejected) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, rejected{Line: row.Line, Address: row.Address, Problems: row.Problems})
	}
	return rows, nil
}

// results reads which files an import's results are; nil if there are none.
func results(c *call, i status.Import) (*files, error) {
	if i.Results == "" {
		return nil, nil
	}
	f := files{Summary: i.Results}
	blob, _, err := c.services.Blobs.Open(c.ctx, report.Container, i.Results, "")
	if errors.Is(err, blobstore.ErrNotFound) {
		return &f, nil // somebody moved it
	}
	if err != nil {
		return nil, fmt.Errorf("read the results of import %s: %w", i.ID, err)
	}
	defer blob.Close()
	var sum report.Summary
	if err := json.NewDecoder(blob).Decode(&sum); err != nil {
		return nil, fmt.Errorf("read the results of import %s: %w", i.ID, err)
	}
	f.Result, f.ToCorrect = sum.Result, sum.ToCorrect
	return &f, nil
}

func printImport(w io.Writer, d details) {
	row := func(name, value string) {
		if value != "" {
			writeParagraph(w, fmt.Sprintf("%-10s", name), value)
		}
	}
	i := d.Import
	row("Import", i.ID)
	row("Source", i.Source)
	row("File", i.File)
	row("Received", i.Received.UTC().Format("2006-01-02 15:04:05Z"))
	row("State", stateLine(i))
	row("Why", because(i.Text))
	row("Approved", approval(i.Approval))
	if i.State == string(ledger.Held) {
		row("Rows", fmt.Sprint(i.Rows))
		printAsk(w, i)
		return
	}
	row("Rows", rowsLine(i))
	row("Late", late(d.Late))
	if i.Guests > 0 {
		row("Guests", fmt.Sprintf("%d, %d of them in the directory, %d open", i.Guests, i.Invited, i.Open))
		row("Waiting", waiting(i))
		row("Expected", ending(i.Expected))
		row("Outcomes", strings.Join(ended(i), ", "))
	}
	if d.Files != nil {
		row("Results", fmt.Sprintf("in container %s", report.Container))
		for _, f := range []struct{ what, path string }{{"all rows", d.Files.Result}, {"to correct", d.Files.ToCorrect}, {"counts", d.Files.Summary}} {
			if f.path != "" {
				fmt.Fprintf(w, "          %-11s %s\n", f.what+":", status.Clean(f.path))
			}
		}
	}
}

// late says that work waits which the ledger gives no reason for.
func late(l *status.Late) string {
	if l == nil {
		return ""
	}
	var what []string
	if l.File {
		what = append(what, "the file itself")
	}
	if l.Guests > 0 {
		what = append(what, counted(l.Guests, "guest"))
	}
	return fmt.Sprintf("%s should have been worked on more than 15 minutes ago. Nothing is lost: it waits. See whether the Function App runs, "+
		"what its log says, and whether Service Bus and storage are up (docs/runbooks/outages.md).", strings.Join(what, " and "))
}

func rowsLine(i status.Import) string {
	if i.RowsRejected == 0 {
		return fmt.Sprint(i.Rows)
	}
	return fmt.Sprintf("%d, %d of them rejected before anything was sent", i.Rows, i.RowsRejected)
}

// exact returns an import's reason with commands that can be run as they stand.
func exact(i status.Import) string {
	text := i.Text
	for _, command := range []string{fmt.Sprintf("guestlist source add %s -from ", i.Source), "guestlist approve "} {
		text = strings.ReplaceAll(text, command+"IMPORT", command+i.ID)
	}
	return text
}

// approval says who let a file pass, when and why.
func approval(a *status.Approval) string {
	if a == nil {
		return ""
	}
	text := fmt.Sprintf("%s, for %s", day(a.At), counted(a.Guests, "guest"))
	if a.By != "" {
		text += ", by " + a.By
	}
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	return text
}

// because returns a reason without the command at its end: for a held file the exact one is printed below.
func because(text string) string {
	before, command := splitCommand(text)
	if command == "" {
		return text
	}
	if end := strings.LastIndex(before, ". "); end >= 0 {
		return before[:end+1]
	}
	return ""
}

func printAsk(w io.Writer, i status.Import) {
	var ask policy.Ask
	if len(i.Ask) == 0 || json.Unmarshal(i.Ask, &ask) != nil {
		return
	}
	fmt.Fprintln(w, "\nThe file asks for this:")
	describe(w, policy.Propose(i.Source, ask), nil)
	printUnlisted(w, ask)
}

// printUnlisted says what the file asks for that a proposal cannot hold.
func printUnlisted(w io.Writer, ask policy.Ask) {
	groups, applications := ask.Named()
	for _, kind := range []struct {
		what  string
		names []string
	}{{"groups", groups}, {"applications", applications}} {
		if len(kind.names) > 0 {
			writeParagraph(w, "  ", fmt.Sprintf("It also names %s otherwise than by id, which cannot be proposed: %s. Put their ids and these names into a policy file.",
				kind.what, strings.Join(kind.names, "; ")))
		}
	}
	if more := ask.Groups.More + ask.Applications.More + ask.Domains.More + ask.RedirectHosts.More; more > 0 {
		writeParagraph(w, "  ", "It asks for more than can be listed here. Write a policy file.")
	}
}

// describe writes a policy for a person; what old does not allow is marked with a plus.
func describe(w io.Writer, p policy.Policy, old *policy.Policy) {
	known := map[string]bool{}
	if old != nil {
		for _, line := range description(*old) {
			known[line] = true
		}
	}
	for n, line := range description(p) {
		mark := "  "
		if old != nil && n > 0 && !known[line] && !title.MatchString(line) {
			mark = "+ "
		}
		fmt.Fprintln(w, mark+line)
	}
}

// title is a line that only counts what follows.
var title = regexp.MustCompile(`^  [^ ].*: \d+$`)

func description(p policy.Policy) []string {
	var b bytes.Buffer
	_ = p.Describe(&b) // a buffer takes everything
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	for n := range lines {
		lines[n] = status.Clean(lines[n])
	}
	return lines
}
