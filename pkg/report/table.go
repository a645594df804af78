package report

import (
	"bufio"
	"container/heap"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/csvfile"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/work"
)

// line is one row of the results.
type line struct {
	Line    int            `json:"line"`
	Cells   []string       `json:"cells"`
	Outcome ledger.Outcome `json:"outcome"`
	Why     []string       `json:"why,omitempty"` // code: text
	Codes   []string       `json:"codes,omitempty"`
	UserID  string         `json:"userId,omitempty"`
}

// table writes the two CSV files of one revision. Entries and rows meet part by part, so that memory holds one part at a
// time; the parts are then merged by line.
type table struct {
	ctx       context.Context
	step      *Step
	i         ledger.Import
	header    []string
	run       string // keeps two reports of an import, written at once, out of each other's files
	toCorrect int
}

func (s *Step) newTable(ctx context.Context, i ledger.Import) (*table, error) {
	header, err := work.Header(ctx, s.Blobs, i.Work())
	return &table{ctx: ctx, step: s, i: i, header: header, run: rand.Text()}, err
}

func (t *table) write(sum *Summary) error {
	var streams []iter.Seq2[line, error]
	for part := range ledger.Parts {
		wrote, err := t.join(part)
		if err != nil {
			return err
		}
		if wrote {
			streams = append(streams, t.joined(part))
		}
	}
	streams = append(streams, t.rejected())
	return t.merge(streams, sum)
}

func (t *table) partPath(part int) string {
	return work.Path(t.i.Work(), fmt.Sprintf("report-%s-%02d.jsonl", t.run, part))
}

// join writes the lines of one part to a work file; false means that the part has no rows.
func (t *table) join(part int) (bool, error) {
	var entries map[string]ledger.Entry
	var blob blobstore.Writer
	var enc *json.Encoder
	for r, err := range work.Rows(t.ctx, t.step.Blobs, t.i.Work(), part) {
		if err == nil && blob == nil {
			entries, err = t.entries(part)
		}
		if err != nil {
			if blob != nil {
				blob.Abort()
			}
			return false, err
		}
		if blob == nil {
			blob = t.step.Blobs.Create(t.ctx, work.Container, t.partPath(part))
			enc = json.NewEncoder(blob)
		}
		if err := enc.Encode(t.judge(r, entries)); err != nil {
			blob.Abort()
			return false, err
		}
	}
	if blob == nil {
		return false, nil
	}
	return true, blob.Close()
}

func (t *table) entries(part int) (map[string]ledger.Entry, error) {
	all := map[string]ledger.Entry{}
	for e, err := range t.step.Ledger.ListEntries(t.ctx, t.i.ID, part, "") {
		if err != nil {
			return nil, fmt.Errorf("list entries of part %d: %w", part, err)
		}
		all[e.Guest] = e
	}
	return all, nil
}

// judge gives a row its outcome. A row without an entry was not reached before the import ended.
func (t *table) judge(r work.Row, entries map[string]ledger.Entry) line {
	l := line{Line: r.Line, Cells: r.Cells, Outcome: ledger.Cancelled}
	e, ok := entries[r.Guest]
	if !ok {
		why := message.Failure{Code: "import.cancelled", Text: "An operator cancelled the import before this row was reached."}
		if t.i.Final() {
			why = message.Failure{Code: t.i.Code, Text: t.i.Text}
		}
		if t.i.State == ledger.Broken {
			l.Outcome = ledger.Failed
		}
		l.explain([]message.Failure{why})
		return l
	}
	outcome, why := plan.Explain(r, e)
	l.Outcome, l.UserID = outcome, e.UserID
	l.explain(why)
	return l
}

func (l *line) explain(why []message.Failure) {
	for _, f := range why {
		text := f.Error()
		if f.Request != "" {
			text += " (request " + f.Request + ")"
		}
		l.Why, l.Codes = append(l.Why, text), append(l.Codes, f.Code)
	}
}

func (t *table) joined(part int) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		r, _, err := t.step.Blobs.Open(t.ctx, work.Container, t.partPath(part), "")
		if err != nil {
			yield(line{}, err)
			return
		}
		defer r.Close()
		for dec := json.NewDecoder(bufio.NewReader(r)); ; {
			var l line
			if err := dec.Decode(&l); err == io.EOF || !yield(l, err) || err != nil {
				return
			}
		}
	}
}

func (t *table) rejected() iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		for r, err := range work.Rows(t.ctx, t.step.Blobs, t.i.Work(), work.Rejected) {
			l := line{Line: r.Line, Cells: r.Cells, Outcome: ledger.Rejected}
			l.explain(append(r.Problems, r.Warnings...))
			if !yield(l, err) {
				return
			}
		}
	}
}

// merge writes all lines in the order of the upload and counts them.
func (t *table) merge(streams []iter.Seq2[line, error], sum *Summary) (err error) {
	n := names(t.i)
	all := t.step.Blobs.Create(t.ctx, Container, n.result)
	failed := t.step.Blobs.Create(t.ctx, Container, n.failed)
	defer func() {
		if err != nil {
			all.Abort()
			failed.Abort()
		}
	}()
	result, correct := csvfile.NewWriter(all), csvfile.NewWriter(failed)
	_ = result.Write(append(t.header[:len(t.header):len(t.header)], "Outcome", "Reason", "UserId")) // errors show at Flush
	_ = correct.Write(append(t.header[:len(t.header):len(t.header)], "Reason"))
	for l, err := range byLine(streams) {
		if err != nil {
			return err
		}
		cells, why := pad(l.Cells, len(t.header)), strings.Join(l.Why, "; ")
		if err := result.Write(append(cells, string(l.Outcome), why, l.UserID)); err != nil {
			return err
		}
		if mend(l.Outcome) {
			t.toCorrect++
			if err := correct.Write(append(cells[:len(t.header):len(t.header)], why)); err != nil {
				return err
			}
		}
		count(sum, l)
	}
	if err := errors.Join(result.Flush(), correct.Flush()); err != nil {
		return err
	}
	if t.toCorrect == 0 {
		failed.Abort()
		return all.Close()
	}
	return errors.Join(all.Close(), failed.Close())
}

// mend reports whether a row should be corrected and dropped again.
func mend(o ledger.Outcome) bool {
	return o == ledger.Rejected || o == ledger.Failed || o == ledger.Partial
}

func count(sum *Summary, l line) {
	sum.Outcomes[l.Outcome]++
	for _, c := range l.Codes {
		sum.Reasons[c]++
	}
}

// pad returns a copy of cells with exactly n cells.
func pad(cells []string, n int) []string {
	out := make([]string, n, n+3)
	copy(out, cells)
	return out
}

// byLine merges streams that are each in the order of their lines.
func byLine(streams []iter.Seq2[line, error]) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		var h heads
		for _, s := range streams {
			next, stop := iter.Pull2(s)
			defer stop()
			if l, err, ok := next(); ok {
				h = append(h, head{l, err, next})
			}
		}
		heap.Init(&h)
		for len(h) > 0 {
			top := &h[0]
			if !yield(top.line, top.err) || top.err != nil {
				return
			}
			var ok bool
			if top.line, top.err, ok = top.next(); !ok {
				heap.Pop(&h)
			} else {
				heap.Fix(&h, 0)
			}
		}
	}
}

type head struct {
	line line
	err  error
	next func() (line, error, bool)
}

// heads is a heap: errors first, then by line.
type heads []head

func (h heads) Len() int { return len(h) }
func (h heads) Less(a, b int) bool {
	return h[a].err != nil || h[b].err == nil && h[a].line.Line < h[b].line.Line
}
func (h heads) Swap(a, b int) { h[a], h[b] = h[b], h[a] }
func (h *heads) Push(x any)   { *h = append(*h, x.(head)) }
func (h *heads) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
