package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/local/lambda"
)

// budget is the most memory that one file may take, whatever its size: half of the smallest function that Lambda has.
const budget = 64 << 20

// peak returns the most memory that the function's processes have had resident, from Linux.
func (w *world) peak() (most int) {
	w.t.Helper()
	for _, pid := range w.function.PIDs() {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		w.must(err)
		for line := range strings.Lines(string(status)) {
			var kib int
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
				most = max(most, kib<<10)
			}
		}
	}
	if most == 0 {
		w.t.Fatal("no process to measure")
	}
	return most
}

// TestMemoryIsBounded relays a file that is larger than the memory that it may take.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false, nil)
	w.relayLarge(70 << 20)
	if got := w.peak(); got > budget {
		t.Errorf("%.1f MiB resident at most, want %d at most", float64(got)/(1<<20), budget>>20)
	}
}

// BenchmarkRelay500MB relays an object of 500 MB and reports the peak of resident memory.
func BenchmarkRelay500MB(b *testing.B) {
	w := newWorld(b, false, func(c *lambda.Config) { c.Timeout = 15 * time.Minute })
	b.SetBytes(500e6)
	for b.Loop() {
		w.relayLarge(500e6)
	}
	peak := float64(w.peak()) / (1 << 20)
	b.ReportMetric(peak, "MiB-peak")
	if peak > budget>>20 {
		b.Errorf("%.1f MiB resident at most, want %d at most", peak, budget>>20)
	}
}

func (w *world) relayLarge(size int64) {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "large.csv")
	f, err := os.Create(file)
	w.must(err)
	piece := random(1 << 20)
	for left := size; left > 0; left -= int64(len(piece)) {
		_, err := f.Write(piece[:min(left, int64(len(piece)))])
		w.must(err)
	}
	w.must(f.Close())
	w.must(w.s3.PutFile(w.t.Context(), w.bucket, "users/large.csv", file))
	if r := w.invoke(w.event()); r.Failed() {
		w.t.Fatalf("%s: %s", r.ErrorType, r.ErrorMessage)
	}
	info, err := w.blobs.Stat(w.t.Context(), w.container(), w.bucket+"/users/large.csv")
	w.must(err)
	if info.Size != size {
		w.t.Fatalf("%d bytes arrived of %d", info.Size, size)
	}
}

// BenchmarkStart starts the binary and waits until it asks for its first invocation: what Lambda calls Init.
func BenchmarkStart(b *testing.B) {
	w := newWorld(b, false, nil)
	test := []byte(`{"Event":"s3:TestEvent"}`)
	for b.Loop() {
		if r := w.invoke(test); !r.Cold || r.Failed() {
			b.Fatalf("%+v", r)
		}
		w.function.Kill()
	}
	info, err := os.Stat(w.bootstrap)
	w.must(err)
	b.ReportMetric(float64(info.Size())/1e6, "MB")
}

// TestSettingsSayWhatIsWrong starts the function with settings that cannot be: it ends with a sentence, which Lambda logs.
func TestSettingsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := map[string]string{"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "SOURCES": `[{"bucket":"b","source":"a"}]`,
		"Storage__blobServiceUri": "https://acme.blob.core.windows.net", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"}
	for want, change := range map[string][2]string{
		"this is an AWS Lambda function":                              {"AWS_LAMBDA_RUNTIME_API", ""},
		"SOURCES: want a JSON array":                                  {"SOURCES", "partners"},
		"SOURCES: rule 1: source":                                     {"SOURCES", `[{"bucket":"b","source":"_"}]`},
		"Storage__blobServiceUri is \"http://acme\": set it to https": {"Storage__blobServiceUri", "http://acme"},
		"set AZURE_TENANT_ID and AZURE_CLIENT_ID":                     {"AZURE_CLIENT_ID", ""},
		"Storage is a connection string of a real account":            {"Storage", "AccountName=acme;AccountKey=a2V5;EndpointSuffix=core.windows.net"},
	} {
		getenv := func(name string) string {
			if name == change[0] {
				return change[1]
			}
			return good[name]
		}
		var said bytes.Buffer
		if code := run(t.Context(), nil, getenv, t.Output(), &said); code == 0 || !strings.Contains(said.String(), want) {
			t.Errorf("exit code %d, said %q; want %q", code, said.String(), want)
		}
	}
}
