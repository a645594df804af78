package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"guestlist/pkg/ledger"
	"guestlist/pkg/report"
	"guestlist/pkg/status"
	"guestlist/pkg/work"
)

// outcome is one import of the last JSON line.
type outcome struct {
	File     string                 `json:"file"`
	Import   string                 `json:"import"`
	State    string                 `json:"state"`
	Code     string                 `json:"code,omitempty"`
	Rows     int                    `json:"rows"`
	Outcomes map[ledger.Outcome]int `json:"outcomes"`
	Seconds  float64                `json:"seconds"`
}

// finish waits for the results of every dropped file, shows them, and judges the run.
func (s *stack) finish(ctx context.Context, drops []*drop) (int, error) {
	if err := s.follow(ctx, drops); err != nil {
		return exitError, fmt.Errorf("waiting for the results: %w", err)
	}
	code := exitDone
	var all []outcome
	for _, d := range drops {
		o, err := s.result(ctx, d)
		if err != nil {
			return exitError, err
		}
		all = append(all, o)
		switch counted := total(o.Outcomes); {
		case o.State == string(ledger.Held):
			code = max(code, exitHeld)
		case counted != o.Rows:
			s.console.say("%s: %d of %d rows have an outcome", d.file, counted, o.Rows)
			return exitError, nil
		}
	}
	if err := s.finishMails(); err != nil {
		return exitError, err
	}
	stats, mails := s.entra.Stats(), s.mailbox.Stats()
	s.console.line(map[string]any{"imports": all, "graph": stats, "mailbox": mails, "mails": mails.Messages + stats.MailsByMicrosoft})
	return code, nil
}

func total(m map[ledger.Outcome]int) int {
	n := 0
	for v := range maps.Values(m) {
		n += v
	}
	return n
}

// result shows one import and copies its files.
func (s *stack) result(ctx context.Context, d *drop) (outcome, error) {
	i, err := status.Find(ctx, s.services.Ledger, d.importID)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{File: d.file, Import: i.ID, State: i.State, Code: i.Code, Rows: i.Rows, Outcomes: map[ledger.Outcome]int{}, Seconds: d.seconds}
	if i.Results == "" {
		s.console.say("%s: %s (%s) %s", d.file, i.State, i.Code, i.Text)
		return o, nil
	}
	var sum report.Summary
	if err := s.readJSON(ctx, i.Results, &sum); err != nil {
		return o, err
	}
	o.Outcomes = sum.Outcomes
	if err := s.printResult(ctx, i, sum, d); err != nil {
		return o, err
	}
	return o, s.copyResults(ctx, i, sum)
}

func (s *stack) readJSON(ctx context.Context, path string, v any) error {
	r, _, err := s.services.Blobs.Open(ctx, report.Container, path, "")
	if err != nil {
		return err
	}
	defer r.Close()
	return json.NewDecoder(r).Decode(v)
}

// most is how many guests the table shows; a bigger file is for the result file.
const most = 60

func (s *stack) printResult(ctx context.Context, i status.Import, sum report.Summary, d *drop) error {
	w := s.console.text()
	fmt.Fprintf(w, "\n%s, import %s\n", d.file, i.ID)
	if i.Text != "" {
		fmt.Fprintf(w, "%s (%s): %s\n", i.State, i.Code, i.Text)
	}
	var guests []status.Guest
	for g, err := range status.Guests(ctx, s.services.Ledger, i.ID) {
		if err != nil {
			return err
		}
		guests = append(guests, g)
	}
	slices.SortFunc(guests, func(a, b status.Guest) int { return cmp.Compare(a.Lines[0], b.Lines[0]) })
	if len(guests) > 0 {
		fmt.Fprintln(w)
		if err := status.PrintGuests(w, guests[:min(most, len(guests))]); err != nil {
			return err
		}
	}
	if n := len(guests) - most; n > 0 {
		fmt.Fprintf(w, "and %d more guests; the result file has every row\n", n)
	}
	if err := s.printRejected(ctx, w, i); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d rows: %s. %d guests. %.1f s. Results:\n", sum.Rows, counts(sum.Outcomes), sum.Guests, d.seconds)
	return nil
}

// printRejected lists the rows that were rejected before anything was sent: they have no guest.
func (s *stack) printRejected(ctx context.Context, w io.Writer, i status.Import) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	n := 0
	for r, err := range work.Rows(ctx, s.services.Blobs, i.Work, work.Rejected) {
		if err != nil {
			return err
		}
		if n++; n == 1 {
			fmt.Fprintln(t, "\nREJECTED LINE\tADDRESS\tREASON")
		}
		if n > most {
			continue
		}
		for _, p := range r.Problems {
			fmt.Fprintf(t, "%d\t%s\t%s\n", r.Line, r.Address, p.Error())
		}
	}
	return t.Flush()
}

func counts(m map[ledger.Outcome]int) string {
	var parts []string
	for _, o := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d %s", m[o], o))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// copyResults copies an import's files below -results, under their paths in the container.
func (s *stack) copyResults(ctx context.Context, i status.Import, sum report.Summary) error {
	w := s.console.text()
	for _, path := range []string{sum.Result, sum.ToCorrect, i.Results} {
		if path == "" {
			continue
		}
		if s.results == "" {
			fmt.Fprintf(w, "  results/%s\n", path)
			continue
		}
		to := filepath.Join(s.results, filepath.FromSlash(path))
		if err := s.download(ctx, path, to); err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
		fmt.Fprintf(w, "  %s\n", to)
	}
	return nil
}

func (s *stack) download(ctx context.Context, path, to string) error {
	r, _, err := s.services.Blobs.Open(ctx, report.Container, path, "")
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
