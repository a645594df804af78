package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/local/child"
)

// TestOutageOfTheLog: nobody reads the handler's standard output any more, or the disk behind it is full. It works on.
func TestOutageOfTheLog(t *testing.T) {
	t.Parallel()
	dir, err := staged()
	if err != nil {
		t.Fatal(err)
	}
	read, broken, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	outputs := map[string]*os.File{"nobody reads": broken}
	if full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil { // of Linux: every write finds no room
		outputs["no room"] = full
	}
	for name, out := range outputs {
		port, err := child.QuietPort()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, filepath.Join(dir, "handler"))
		cmd.Stdout, cmd.Stderr = out, out
		cmd.Env = []string{fmt.Sprint("FUNCTIONS_CUSTOMHANDLER_PORT=", port), "MAIL_FROM=c@contoso.example", "MAIL_SMTP=127.0.0.1:1",
			"ServiceBus=Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=k;UseDevelopmentEmulator=true",
			"Storage=AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a;TableEndpoint=http://127.0.0.1:1/a"}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		url := fmt.Sprintf("http://127.0.0.1:%d/", port)
		ask := func(method, path, body string) int {
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // until it listens
				req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if res, err := http.DefaultClient.Do(req); err == nil {
					res.Body.Close()
					return res.StatusCode
				} else if time.Now().After(deadline) {
					return 0
				}
			}
		}
		// A sweep writes a line about its end, and what it found away.
		if sweep, after := ask(http.MethodPost, "sweepledger", `{"Data":{},"Metadata":{}}`), ask(http.MethodGet, "", ""); sweep != 500 || after != 200 {
			t.Errorf("%s: a sweep without storage was answered with %d, the host's question after it with %d", name, sweep, after)
		}
		cancel()
		_ = cmd.Wait()
		out.Close()
	}
}
