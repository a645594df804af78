package csvfile_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/csvfile"
)

func TestCellsThatASpreadsheetWouldRunAreNeutral(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "+49 30": "'+49 30", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1",
		"'=1": "''=1", "''@": "'''@", "": "", "a=b": "a=b", "'": "'", "'quoted'": "'quoted'", "1-2": "1-2",
		"x;=1+1": "x;'=1+1", "x;'=1": "x;''=1", ";;-": ";;'-", "a\n- b\r\n+c": "a\n'- b\r\n'+c", "a; -b": "a; -b", "x;": "x;", "＝1": "'＝1",
		"\xff": "\xff", "\ufffd": "\ufffd",
	} {
		if got := csvfile.Neutral(cell); got != want {
			t.Errorf("Neutral(%q) = %q, want %q", cell, got, want)
		}
	}
}

func TestResultFilesAreRFC4180WithLF(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := csvfile.NewWriter(&b)
	for _, row := range [][]string{{"Email", "outcome"}, {"=cmd|' /C calc'!A0", "a,b"}, {"x\ny", `"`}} {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "Email,outcome\n'=cmd|' /C calc'!A0,\"a,b\"\n\"x\ny\",\"\"\"\"\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsComeOutAtFlush(t *testing.T) {
	t.Parallel()
	w := csvfile.NewWriter(full{})
	if err := w.Write([]string{"x"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); !errors.Is(err, errFull) {
		t.Errorf("Flush: %v, want %v", err, errFull)
	}
}
