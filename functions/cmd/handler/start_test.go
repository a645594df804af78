package main_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkStart starts the deployed binary, stripped, and waits for its first answer, as the Functions host does. It
// reports the median start and the size of the binary; the budgets are 50 ms and 25 MB.
func BenchmarkStart(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "handler")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		start(b, binary)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB")
}

func start(b *testing.B, binary string) {
	b.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	// Services that refuse connections: set-up must not stand in the way of the first answer.
	cmd := exec.Command(binary)
	cmd.Env = []string{fmt.Sprintf("FUNCTIONS_CUSTOMHANDLER_PORT=%d", port), "MAIL_FROM=c@contoso.example", "MAIL_SMTP=127.0.0.1:1",
		"ServiceBus=Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=k;UseDevelopmentEmulator=true",
		"Storage=AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a;TableEndpoint=http://127.0.0.1:1/a"}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Since(began) > 10*time.Second {
			b.Fatal("no answer within 10 s")
		}
	}
}
