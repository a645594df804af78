package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// browser holds the driver of the browser and the walk.
const browser = root + "/infra/local/conformance/browser"

// TestAGuestFollowsTheMail drops a file and does what its guest does, in Debian's Chromium: open the mail, press its button,
// redeem, and arrive where the row says. The operator then reads that the invitation was accepted. With GUESTLIST_SHOTS,
// pictures of each page are left in that folder.
func TestAGuestFollowsTheMail(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(filepath.Join(browser, "node_modules", "playwright-core")); err != nil {
		t.Fatalf(`the driver is not installed, run "make conformance": %v`, err)
	}
	const guest, redirect = "maja.holm@partner.example", "https://portal.partner.example/start?team=7"
	const text = "Welcome aboard, Maja. <b>Read</b> the plan first."
	w := newWorld(t, func(o *options) {
		o.policy = policyWith(t, `"redirectHosts": [`, `"redirectHosts": ["portal.partner.example",`)
	})
	i := w.wait(w.put(w.file("one.csv", header+fmt.Sprintf("%s,Maja Holm,%q,%s,%s,%s,boss@contoso.example,en\n", guest, text, redirect, app, group)), "one.csv"))[0]
	if outcomesOf(i) != "1 done" {
		t.Fatalf("outcomes: %s", outcomesOf(i))
	}
	if said := w.guestlist("guest", guest); !strings.Contains(said, "PendingAcceptance") {
		t.Errorf("before the walk:\n%s", said)
	}
	portal := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>Welcome</title><h1>Welcome</h1>")
	}))
	defer portal.Close()
	out := w.walk("GUEST="+guest, "REDIRECT="+redirect, "LANDING="+portal.Listener.Addr().String())
	if n := strings.Count("\n"+out, "\nok "); n != 4 {
		t.Errorf("%d steps were done, want 4:\n%s", n, out)
	}
	if said := w.guestlist("guest", guest); !strings.Contains(said, "Accepted") || strings.Contains(said, "redeem?") {
		t.Errorf("after the walk:\n%s", said)
	}
	w.contents(guest, text)
	w.oracle(0, i)
}

// contents checks the guest's mail and its copy: text as text, access by name, the link in the guest's mail alone.
func (w *world) contents(guest, text string) {
	w.t.Helper()
	for _, sum := range w.mailbox.Messages() {
		m, _ := w.mailbox.Message(sum.ID)
		hasLink := strings.Contains(string(m.Raw)+m.Text+m.HTML, "redeem?ticket=")
		switch {
		case !strings.Contains(m.Text, text), !strings.Contains(m.HTML, "&lt;b&gt;Read&lt;/b&gt;"):
			w.t.Errorf("mail to %v lacks the file's text, as text:\n%s", m.To, m.Text)
		case !strings.Contains(m.Text, "Partner Engineers") || !strings.Contains(m.Text, "Timesheets"):
			w.t.Errorf("mail to %v lacks the access by name:\n%s", m.To, m.Text)
		case hasLink != (m.To[0] == guest):
			w.t.Errorf("mail to %v: redeem link %t", m.To, hasLink)
		}
	}
	if s := w.mailbox.Stats(); s.MessageIDs != 2 {
		w.t.Errorf("%d different mails, want the guest's and the copy", s.MessageIDs)
	}
}

// walk runs the browser and returns what it printed.
func (w *world) walk(env ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.ctx, "node", "walk.mjs")
	cmd.Dir = browser
	cmd.Env = append(os.Environ(), append(env, "MAILBOX="+w.mailbox.URL(), "SHOTS="+os.Getenv("GUESTLIST_SHOTS"), "HOME="+w.t.TempDir())...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("the walk: %v\n%s", err, out)
	}
	return string(out)
}

// guestlist runs the operators' command against the stack.
func (w *world) guestlist(args ...string) string {
	w.t.Helper()
	bin := filepath.Join(w.t.TempDir(), "guestlist")
	if out, err := exec.CommandContext(w.ctx, "go", "build", "-o", bin, root+"/functions/cmd/guestlist").CombinedOutput(); err != nil {
		w.t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(w.ctx, bin, append(args, "-env", w.env)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("guestlist %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// policyWith writes the sample's policy with a change and returns its path.
func policyWith(t *testing.T, old, new string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs/samples/partners.policy.json"))
	if err != nil || !bytes.Contains(raw, []byte(old)) {
		t.Fatalf("the sample's policy lacks %q: %v", old, err)
	}
	path := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(path, bytes.Replace(raw, []byte(old), []byte(new), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
