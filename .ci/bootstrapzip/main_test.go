package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestSameBinarySameZip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, to := filepath.Join(dir, "b"), filepath.Join(dir, "b.zip")
	want := bytes.Repeat([]byte("code"), 1000)
	var all [][]byte
	for range 2 {
		if err := os.WriteFile(binary, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if code := run([]string{binary, to}, io.Discard, t.Output()); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		raw, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
		os.Remove(to)
	}
	if !bytes.Equal(all[0], all[1]) {
		t.Error("two zips of one binary differ")
	}
	z, err := zip.NewReader(bytes.NewReader(all[0]), int64(len(all[0])))
	if err != nil || len(z.File) != 1 {
		t.Fatalf("%v", err)
	}
	f := z.File[0]
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || f.Name != "bootstrap" || f.Mode() != 0o755 || !bytes.Equal(got, want) {
		t.Errorf("%s, mode %s, %d bytes, %v", f.Name, f.Mode(), len(got), err)
	}
}

func TestMisuseIsSaid(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	if run(nil, io.Discard, &said) != 2 || run([]string{"/nowhere", "/nowhere.zip"}, io.Discard, &said) != 1 || said.Len() == 0 {
		t.Errorf("said %q", said.String())
	}
}
