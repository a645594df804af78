package servicebus_test

import (
	"context"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/servicebustest"
)

// scripts holds the JavaScript client and what it is asked to do.
const scripts = "../../../infra/local/conformance/servicebus"

// node runs one of the scripts and returns what it printed. Without the client it fails: a conformance test that did not
// run must not pass.
func node(t *testing.T, env []string, script string, args ...string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(scripts, "node_modules", "@azure", "service-bus")); err != nil {
		t.Fatalf(`the JavaScript client is not installed, run "make conformance": %v`, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	cmd.Dir = scripts
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	t.Logf("node %s\n%s", script, out)
	if err != nil {
		t.Fatalf("node %s: %v", script, err)
	}
	return string(out)
}

// The JavaScript client has a codec of its own (rhea), so it finds what our codec and the Go client's get wrong alike.
func TestJavaScriptClientUsesQueues(t *testing.T) {
	t.Parallel()
	s := servicebustest.StartWith(t, servicebus.Config{Queues: []servicebus.Queue{{Name: "q"}, {Name: "short", LockDuration: time.Second}},
		Keys: []servicebus.Key{{Name: "mine", Key: "c2VjcmV0", Rights: []servicebus.Right{servicebus.Send, servicebus.Listen}}}})
	out := node(t, nil, "queues.mjs", s.ConnectionString(), "q", "short")
	if n := strings.Count(out, "ok "); n != 15 {
		t.Errorf("%d cases ran, want 15", n)
	}
	for _, q := range s.Stats() {
		if q.Active != 0 || q.Scheduled != 0 || q.Deferred != 0 || q.DeadLettered != 0 || q.Completed == 0 {
			t.Errorf("the client left or completed nothing behind: %+v", q)
		}
	}
}

func TestJavaScriptClientAdministersQueues(t *testing.T) {
	t.Parallel()
	s := servicebustest.Start(t)
	h := httptest.NewTLSServer(s.Admin())
	t.Cleanup(h.Close)
	trusted := filepath.Join(t.TempDir(), "certificate.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	out := node(t, []string{"NODE_EXTRA_CA_CERTS=" + trusted}, "admin.mjs",
		strings.Replace(s.ConnectionString(), s.Addr(), h.Listener.Addr().String(), 1))
	if n := strings.Count(out, "ok "); n != 6 {
		t.Errorf("%d cases ran, want 6", n)
	}
	if n := len(s.Queues()); n != 104 {
		t.Errorf("%d queues are there, want 104", n)
	}
}
