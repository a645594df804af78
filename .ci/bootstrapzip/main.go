// Command bootstrapzip packs the binary of an AWS Lambda function for provided.al2023: a zip with one executable file named
// bootstrap. The same binary gives the same zip: it has no date and no owner.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run packs args[0] into args[1], and leaves that alone if it has the same bytes already.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 2 {
		fmt.Fprintln(stderr, "usage: bootstrapzip BINARY ZIP")
		return 2
	}
	binary, err := os.ReadFile(args[0])
	if err == nil {
		var packed []byte
		if packed, err = pack(binary); err == nil {
			err = put(args[1], packed)
			fmt.Fprintf(stdout, "%s: %.1f MB, unpacked %.1f MB\n", args[1], float64(len(packed))/1e6, float64(len(binary))/1e6)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "bootstrapzip:", err)
		return 1
	}
	return 0
}

func pack(binary []byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(fs.FileMode(0o755))
	w, err := z.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(binary); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

func put(path string, data []byte) error {
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, data) {
		return nil
	}
	return os.WriteFile(path, data, 0o644)
}
