// Package report writes what became of an import: a result file with every row and its outcome, a file with only the rows
// to correct and drop again, and a summary. All lie in container "results" below the source and the name of the upload.
//
// Promise: a report is a function of the ledger and the work files. Writing it again, after a crash or for a second
// message, gives the same bytes under the same names, so it may be asked for any number of times. A replay raises the
// import's revision, and results of a new revision get names of their own.
package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"time"
	"unicode/utf16"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/work"
)

// Container is the blob container of results.
const Container = "results"

// Step does the work of report messages. Its fields are set once.
type Step struct {
	Ledger ledger.Store
	Blobs  work.Blobs
}

// Summary is the JSON file of an import's results. Outcomes and Reasons count rows.
type Summary struct {
	Import    string                 `json:"import"`
	Source    string                 `json:"source"`
	File      string                 `json:"file"`
	ETag      string                 `json:"etag"`
	Revision  int                    `json:"revision"`
	State     string                 `json:"state"` // finished, rejected, superseded or failed
	Code      string                 `json:"code,omitempty"`
	Text      string                 `json:"text,omitempty"`
	Received  time.Time              `json:"received"`
	Rows      int                    `json:"rows"`
	Guests    int                    `json:"guests"`
	Cancelled bool                   `json:"cancelled,omitempty"`
	Expected  *Expected              `json:"expected,omitempty"`
	Outcomes  map[ledger.Outcome]int `json:"outcomes"`
	Reasons   map[string]int         `json:"reasons,omitempty"`
	Result    string                 `json:"result,omitempty"` // path in container results
	ToCorrect string                 `json:"toCorrect,omitempty"`
}

// Expected is the end that was expected when the guests were planned, and why not earlier. At is zero if nobody could say.
type Expected struct {
	At  time.Time `json:"at,omitzero"`
	Why string    `json:"why"`
}

// Do writes the results of an import if all of it has ended; otherwise it ends quietly, since whoever ends the last guest
// asks again.
func (s *Step) Do(ctx context.Context, m message.Message) error {
	i, err := s.Ledger.Import(ctx, m.Import)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil {
		return ledger.Unreachable(err)
	}
	ready, guests, err := s.ready(ctx, i)
	if err != nil || !ready {
		return err
	}
	sum, err := s.write(ctx, i, guests)
	if err != nil {
		return unwritten(ctx, i, err)
	}
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return ledger.Unreachable(err)
	}
	recorded := false
	_, err = s.Ledger.UpdateImport(ctx, i.ID, func(j *ledger.Import) error {
		if t, err := s.Ledger.Tally(ctx, i.ID); err != nil {
			return err
		} else if recorded = t.Open == 0 && j.Reported < i.Revision && !now.Before(j.Reopening); !recorded {
			return ledger.ErrUnchanged // a replay opens guests since this was written, or another report was faster
		}
		j.Reported, j.Results, j.Finished = i.Revision, names(i).summary, now
		return nil
	})
	if err != nil {
		return ledger.Unreachable(err)
	}
	if !recorded {
		return nil
	}
	slog.InfoContext(ctx, "results written", slog.String("state", sum.State), slog.Int("revision", sum.Revision), slog.Any("outcomes", sum.Outcomes))
	return nil
}

// unwritten is the verdict on results that could not be written: storage or ledger cannot be reached, which no attempt should
// pay for. Work files that are missing, or not as this build wrote them, do not come back.
func unwritten(ctx context.Context, i ledger.Import, err error) error {
	err = fmt.Errorf("write the results of import %s: %w", i.ID, err)
	var syntax *json.SyntaxError
	if errors.Is(err, message.ErrNever) || errors.Is(err, blobstore.ErrNotFound) || errors.Is(err, blobstore.ErrChanged) || errors.As(err, &syntax) {
		return err
	}
	slog.WarnContext(ctx, "results not written", slog.String("error", err.Error()))
	return fmt.Errorf("%w (%w)", &message.Later{After: 15 * time.Second, Why: "storage does not take the results", Budget: 24 * time.Hour}, err)
}

// ready reports whether the results of the wanted revision can and should be written.
func (s *Step) ready(ctx context.Context, i ledger.Import) (bool, int, error) {
	if !i.Open() || !i.Final() && i.State != ledger.Running {
		return false, 0, nil
	}
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return false, 0, ledger.Unreachable(err)
	}
	if now.Before(i.Reopening) { // the replay asks again, and so does the sweep
		return false, 0, nil
	}
	t, err := s.Ledger.Tally(ctx, i.ID)
	if err != nil {
		return false, 0, ledger.Unreachable(err)
	}
	return t.Open == 0, t.Guests, nil
}

// Failed has nothing to record: the import stays open in the ledger, and the sweep asks for its report again.
func (s *Step) Failed(context.Context, message.Message, *message.Failure) error { return nil }

// Postponed has nothing to record.
func (s *Step) Postponed(context.Context, message.Message, time.Time) error { return nil }

// files are the names of one revision's results.
type files struct{ result, failed, summary string }

// names gives the results of a revision their paths: <source>/<file>/<time>-<import>, the first without a suffix.
func names(i ledger.Import) files {
	base := base(i)
	if i.Revision > 1 {
		base += fmt.Sprintf(".r%d", i.Revision)
	}
	return files{base + ".result.csv", base + ".failed.csv", base + ".summary.json"}
}

func base(i ledger.Import) string {
	return path.Join(i.Source, safe(i.Path), i.Created.UTC().Format("20060102T150405Z")+"-"+i.ID)
}

// Remove deletes the results of all revisions of an import. It may be repeated.
func Remove(ctx context.Context, blobs work.Blobs, i ledger.Import) error {
	if err := work.RemoveAll(ctx, blobs, Container, base(i)+"."); err != nil {
		return fmt.Errorf("remove the results of import %s: %w", i.ID, err)
	}
	return nil
}

// A name of a blob has at most 1,024 characters and 254 segments. What is added to that of a file is the source, the time,
// the import's id and a suffix, below 150 characters together.
const (
	mostName     = 850
	mostSegments = 200
)

// safe keeps the results of a source below the source's own folder, whatever its blobs are called, and leaves out folders
// of a name that is so long that theirs could not be written.
func safe(name string) string {
	parts := strings.Split(strings.ReplaceAll(name, "\\", "/"), "/")
	if len(utf16.Encode([]rune(name))) > mostName || len(parts) > mostSegments {
		last := []rune(parts[len(parts)-1])
		parts = []string{"_", string(last[max(0, len(last)-mostName/4):])}
	}
	for n, p := range parts {
		if p == "" || strings.Trim(p, ".") == "" {
			parts[n] = "_"
		}
	}
	return strings.Join(parts, "/")
}

func (s *Step) write(ctx context.Context, i ledger.Import, guests int) (Summary, error) {
	n := names(i)
	sum := Summary{Import: i.ID, Source: i.Source, File: i.Path, ETag: i.ETag, Revision: i.Revision, State: "finished", Code: i.Code,
		Text: i.Text, Received: i.Created, Rows: i.Rows, Guests: guests, Cancelled: i.Cancelled,
		Outcomes: map[ledger.Outcome]int{}, Reasons: map[string]int{}}
	if i.Final() {
		sum.State = string(i.State)
	}
	if i.ExpectedWhy != "" {
		sum.Expected = &Expected{i.Expected, i.ExpectedWhy}
	}
	if i.Rows > 0 {
		t, err := s.newTable(ctx, i)
		if err != nil {
			return sum, err
		}
		if t.header == nil && i.Final() { // a held file: its rows were counted and never written down
			sum.Outcomes[whole(i)] = i.Rows
			return sum, s.writeSummary(ctx, n.summary, sum)
		}
		if err := t.write(&sum); err != nil {
			return sum, err
		}
		sum.Result = n.result
		if t.toCorrect > 0 {
			sum.ToCorrect = n.failed
		}
	}
	return sum, s.writeSummary(ctx, n.summary, sum)
}

// whole is the outcome of every row of a file that was given up as a whole.
func whole(i ledger.Import) ledger.Outcome {
	if i.Cancelled {
		return ledger.Cancelled
	}
	return ledger.Rejected
}

func (s *Step) writeSummary(ctx context.Context, path string, sum Summary) error {
	w := s.Blobs.Create(ctx, Container, path)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(sum); err != nil {
		w.Abort()
		return err
	}
	return w.Close()
}
