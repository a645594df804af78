// Package work is the format of the files that an import keeps in container "work" between reading the upload and
// reporting on it: the judged rows, as JSON lines, divided by guest key into [ledger.Parts] parts, and one file of
// rejected rows. Within a part the rows have the order of the upload. A part without rows has no file.
//
// Files are written whole or not at all. Each reading of an upload writes into a folder of its own, and the import says
// which one counts: see [ledger.Import.Work].
package work

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Container is the blob container of work files.
const Container = "work"

// Rejected is the number of the part of rejected rows.
const Rejected = ledger.Parts

// Row is one judged row of an upload.
type Row struct {
	Line        int               `json:"line"`
	Cells       []string          `json:"cells"`
	Guest       string            `json:"guest,omitempty"`
	Address     string            `json:"address,omitempty"`
	DisplayName string            `json:"displayName,omitempty"`
	Text        string            `json:"text,omitempty"`
	RedirectURL string            `json:"redirectUrl,omitempty"`
	CC          string            `json:"cc,omitempty"`
	Language    string            `json:"language,omitempty"`
	Targets     []ledger.Target   `json:"targets,omitempty"`  // those refused by the judges have ended as rejected
	Warnings    []message.Failure `json:"warnings,omitempty"` // what a person should know about a good row
	Problems    []message.Failure `json:"problems,omitempty"` // why a rejected row was rejected
}

// Blobs is the part of a blob store that this package uses.
type Blobs interface {
	Create(ctx context.Context, container, path string) blobstore.Writer
	Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error)
	List(ctx context.Context, container, prefix string) iter.Seq2[blobstore.Info, error]
	Delete(ctx context.Context, container, path string) error
}

// Path returns the path of a file of a work folder in [Container].
func Path(folder, name string) string { return folder + "/" + name }

// Parts reports which parts of an import have rows.
func Parts(ctx context.Context, blobs Blobs, folder string) (parts [ledger.Parts]bool, err error) {
	for b, err := range blobs.List(ctx, Container, Path(folder, "part-")) {
		if err != nil {
			return parts, fmt.Errorf("list the parts in %s: %w", folder, err)
		}
		var n int
		if _, err := fmt.Sscanf(b.Path, Path(folder, "part-%02d.jsonl"), &n); err == nil && n >= 0 && n < ledger.Parts {
			parts[n] = true
		}
	}
	return parts, nil
}

func partName(part int) string {
	if part == Rejected {
		return "rejected.jsonl"
	}
	return fmt.Sprintf("part-%02d.jsonl", part)
}

const headerName = "header.json"

// Writer writes the work files of one import. It is used by one goroutine.
type Writer struct {
	ctx    context.Context
	blobs  Blobs
	folder string
	parts  [ledger.Parts + 1]*part
}

type part struct {
	blob blobstore.Writer
	enc  *json.Encoder
}

// NewWriter starts the work files of an import. Close or Abort must be called.
func NewWriter(ctx context.Context, blobs Blobs, folder string) *Writer {
	return &Writer{ctx: ctx, blobs: blobs, folder: folder}
}

// Header writes the column names of the upload.
func (w *Writer) Header(names []string) error {
	blob := w.blobs.Create(w.ctx, Container, Path(w.folder, headerName))
	if err := json.NewEncoder(blob).Encode(names); err != nil {
		blob.Abort()
		return fmt.Errorf("write the header in %s: %w", w.folder, err)
	}
	return blob.Close()
}

// Add writes a row to its guest's part, or to the rejected rows if it has problems.
func (w *Writer) Add(r Row) error {
	n := Rejected
	if len(r.Problems) == 0 {
		n = ledger.PartOf(r.Guest)
	}
	if w.parts[n] == nil {
		blob := w.blobs.Create(w.ctx, Container, Path(w.folder, partName(n)))
		w.parts[n] = &part{blob: blob, enc: json.NewEncoder(blob)}
	}
	if err := w.parts[n].enc.Encode(r); err != nil {
		return fmt.Errorf("write row %d in %s: %w", r.Line, w.folder, err)
	}
	return nil
}

// Close makes all files visible. After an error some may be: they are then of no reading that counts.
func (w *Writer) Close() error {
	var errs []error
	for _, p := range w.parts {
		if p != nil {
			errs = append(errs, p.blob.Close())
		}
	}
	return errors.Join(errs...)
}

// Abort drops what was not closed.
func (w *Writer) Abort() {
	for _, p := range w.parts {
		if p != nil {
			p.blob.Abort()
		}
	}
}

// Remove deletes the work files of all readings of an import, and what reports kept beside them. It may be repeated.
func Remove(ctx context.Context, blobs Blobs, importID string) error {
	if err := RemoveAll(ctx, blobs, Container, Path(importID, "")); err != nil {
		return fmt.Errorf("remove the work files of import %s: %w", importID, err)
	}
	return nil
}

// RemoveAll deletes the blobs of a container whose path begins with prefix. It may be repeated.
func RemoveAll(ctx context.Context, blobs Blobs, container, prefix string) error {
	for b, err := range blobs.List(ctx, container, prefix) {
		if err != nil {
			return err
		}
		if err := blobs.Delete(ctx, container, b.Path); err != nil {
			return err
		}
	}
	return nil
}

// Header reads the column names of an import's upload; nil if there are none.
func Header(ctx context.Context, blobs Blobs, folder string) ([]string, error) {
	r, _, err := blobs.Open(ctx, Container, Path(folder, headerName), "")
	if errors.Is(err, blobstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the header in %s: %w", folder, err)
	}
	defer r.Close()
	var names []string
	if err := json.NewDecoder(r).Decode(&names); err != nil {
		return nil, fmt.Errorf("read the header in %s: %w", folder, err)
	}
	return names, nil
}

// Rows yields the rows of one part, or of [Rejected], in the order of the upload.
func Rows(ctx context.Context, blobs Blobs, folder string, part int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		r, _, err := blobs.Open(ctx, Container, Path(folder, partName(part)), "")
		if errors.Is(err, blobstore.ErrNotFound) {
			return
		}
		if err != nil {
			yield(Row{}, fmt.Errorf("open part %d in %s: %w", part, folder, err))
			return
		}
		defer r.Close()
		for dec := json.NewDecoder(bufio.NewReaderSize(r, 64<<10)); ; {
			var row Row
			err := dec.Decode(&row)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(row, fmt.Errorf("read part %d in %s: %w", part, folder, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}
