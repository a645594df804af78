package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pair writes the certificate and the key of package httptest to files, and returns a client that trusts them.
func pair(t *testing.T) (cert, key string, client *http.Client) {
	t.Helper()
	h := httptest.NewTLSServer(nil)
	t.Cleanup(h.Close)
	private, err := x509.MarshalPKCS8PrivateKey(h.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: h.Certificate().Raw}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, h.Client()
}

func TestTheBusIsAdministeredByHTTPAndHTTPS(t *testing.T) {
	t.Parallel()
	cert, key, client := pair(t)
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var text bytes.Buffer
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"servicebus", "-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-admin-tls", "127.0.0.1:0", "-cert", cert, "-key", key,
			"-accept-all"}, nil, in, &text)
		in.Close()
	}()
	lines := bufio.NewScanner(out)
	for _, want := range []string{"Endpoint=sb://127.0.0.1:", "administration http://127.0.0.1:", "administration https://127.0.0.1:"} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Fatalf("%q where %q is due", lines.Text(), want)
		}
		if base, ok := strings.CutPrefix(lines.Text(), "administration "); ok {
			for path, part := range map[string]string{"/health": `"healthy"`, "/uploads": "<MaxDeliveryCount>200</MaxDeliveryCount>"} {
				res, err := client.Get(base + path)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusOK || !strings.Contains(string(body), part) {
					t.Errorf("%s%s: %s %s", base, path, res.Status, body)
				}
			}
		}
	}
	stop()
	go io.Copy(io.Discard, out)
	if c := <-code; c != exitDone {
		t.Errorf("exit code %d\n%s", c, &text)
	}
}

func TestAdministrationByHTTPSNeedsACertificate(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	if code := run(t.Context(), []string{"servicebus", "-listen", "127.0.0.1:0", "-admin-tls", "127.0.0.1:0"}, nil, io.Discard, &text); code != exitError ||
		!strings.Contains(text.String(), "need -cert and -key") {
		t.Errorf("exit code %d: %s", code, &text)
	}
}
