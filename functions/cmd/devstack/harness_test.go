package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/functions/cmd/devstack/internal/deployed"
	"guestlist/pkg/report"
	"guestlist/pkg/status"
)

const (
	root   = "../../.."
	group  = "3b0c2f5e-8d41-4f6a-9c1e-6a7d5b2e1f01"
	app    = "1f6d8c3a-4e72-4a95-b0d1-5c8e2f7a9b11"
	header = "Email,DisplayName,InvitationText,InviteRedirectUrl,InvitedToApplications,InvitedToGroups,CcEmailAddress,Language\n"
)

// staged builds the Function App once per test process, as "make package" does.
var staged = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "guestlist-dist-")
	if err != nil {
		return "", err
	}
	return dir, deployed.Stage(root, dir)
})

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "host" { // a child of a soak: this program is devstack then
		main()
	}
	code := m.Run()
	if dir, err := staged(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// world is a running stack.
type world struct {
	*stack
	t      *testing.T
	ctx    context.Context
	output *deployed.Output
	killed map[int]bool // process ids of handlers
}

// newWorld starts a stack with the sample directory on free ports. change may alter its options first.
func newWorld(t *testing.T, change func(*options)) *world {
	t.Helper()
	dir, err := staged()
	if err != nil {
		t.Fatal(err)
	}
	o := options{dir: dir, seed: filepath.Join(root, "docs/samples/directory.json"), policy: filepath.Join(root, "docs/samples/partners.policy.json"),
		source: "partners", env: filepath.Join(t.TempDir(), "devstack.env"), ports: "auto", faults: "on", limits: "on", dedup: "on",
		lag: 500 * time.Millisecond, random: 1}
	patience := time.Duration(*manyMails) * 300 * time.Millisecond
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), max(8*time.Minute, patience))
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, output: &deployed.Output{}, killed: map[int]bool{}}
	w.stack = &stack{options: o, console: &console{out: w.output, err: w.output, start: time.Now()}}
	t.Cleanup(func() {
		w.close()
		if t.Failed() {
			t.Log(w.output.String())
			if log, err := os.ReadFile(strings.TrimSuffix(o.env, ".env") + ".log"); err == nil {
				t.Logf("last log lines:\n%s", log[max(0, len(log)-20_000):])
			}
		}
	})
	if err := w.start(ctx, func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	return w
}

// file writes a CSV into a temporary folder and returns its path.
func (w *world) file(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// put drops a file into the inbox under a name.
func (w *world) put(file, name string) *drop {
	w.t.Helper()
	d, err := w.upload(w.ctx, file, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// wait waits until the drops are settled, and returns their imports.
func (w *world) wait(drops ...*drop) []status.Import {
	w.t.Helper()
	if err := w.follow(w.ctx, drops); err != nil {
		w.t.Fatalf("waiting for the imports: %v", err)
	}
	var all []status.Import
	for _, d := range drops {
		i, err := status.Find(w.ctx, w.services.Ledger, d.importID)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, i)
	}
	return all
}

// summary reads the results of an import.
func (w *world) summary(i status.Import) report.Summary {
	w.t.Helper()
	var sum report.Summary
	if i.Results == "" {
		w.t.Fatalf("import %s has no results: %+v", i.ID, i)
	}
	if err := w.readJSON(w.ctx, i.Results, &sum); err != nil {
		w.t.Fatal(err)
	}
	return sum
}

// guests returns a legacy file with n guests, each with the group and the application.
func guests(n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "guest%03d@partner.example,Guest %d,\"Hello, you’re in\",https://myapplications.microsoft.com/,%s,%s,,en\n", i, i, app, group)
	}
	return b.String()
}

// outcomesOf counts guests by outcome.
func outcomesOf(i status.Import) string { return counts(i.Ended) }
