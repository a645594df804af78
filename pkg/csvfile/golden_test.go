package csvfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/message"
)

var update = flag.Bool("update", false, "rewrite testdata/*/*.want.json")

// outcome is what is compared: all that a reader says of a file.
type outcome struct {
	Dialect string           `json:"dialect,omitempty"`
	Header  []string         `json:"header,omitempty"`
	Rows    []csvfile.Row    `json:"rows,omitempty"`
	Failure *message.Failure `json:"failure,omitempty"`
}

func read(t *testing.T, src io.Reader) outcome {
	t.Helper()
	r, err := csvfile.NewReader(src)
	if f, ok := errors.AsType[*message.Failure](err); ok {
		return outcome{Failure: f}
	}
	if err != nil {
		t.Fatalf("NewReader: %v", err)
	}
	o := outcome{Header: r.Header(), Dialect: r.Dialect().Name}
	for {
		row, err := r.Next()
		if err == io.EOF {
			return o
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		o.Rows = append(o.Rows, row)
	}
}

func goldens(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.csv")
	if err != nil || len(files) < 46 {
		t.Fatalf("found %d files below testdata (%v), want at least 46", len(files), err)
	}
	return files
}

func TestEachFileReadsAsWritten(t *testing.T) {
	t.Parallel()
	for _, file := range goldens(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := read(t, bytes.NewReader(raw))
			compareGolden(t, strings.TrimSuffix(file, ".csv")+".want.json", got)
			// The answer must not depend on how the bytes arrive.
			for name, slow := range map[string]io.Reader{
				"one byte at a time": iotest.OneByteReader(bytes.NewReader(raw)),
				"end with the data":  iotest.DataErrReader(bytes.NewReader(raw)),
			} {
				if diff := cmp.Diff(got, read(t, slow)); diff != "" {
					t.Errorf("%s differs (-whole +so):\n%s", name, diff)
				}
			}
		})
	}
}

func compareGolden(t *testing.T, file string, got outcome) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run with -update, then read what it wrote", err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
