package entra_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/local/entra"
)

// clients holds, folder by folder, clients that others wrote, and what they are asked to do.
const clients = "../../../infra/local/conformance"

// node runs a script of a folder against s and returns what it printed. Without the client it fails: a conformance test
// that did not run must not pass.
func node(t *testing.T, s *entra.Server, folder, client, command string, args ...string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(clients, folder, "node_modules", filepath.FromSlash(client))); err != nil {
		t.Fatalf(`the client is not installed, run "make conformance": %v`, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir = filepath.Join(clients, folder)
	cmd.Env = append(os.Environ(), "GRAPH_EMULATOR="+s.URL(), "IDENTITY_ENDPOINT="+s.IdentityEndpoint(), "IDENTITY_HEADER="+s.IdentityHeader(),
		"HOME="+t.TempDir(), "NODE_OPTIONS=")
	out, err := cmd.CombinedOutput()
	t.Logf("%s %s\n%s", command, strings.Join(args, " "), out)
	if err != nil {
		t.Fatalf("%s %s: %v", command, strings.Join(args, " "), err)
	}
	return string(out)
}

// passed counts the lines in which a script says that a case is done.
func passed(out string) int { return strings.Count("\n"+out, "\nok ") }

// Microsoft's JavaScript client knows nothing of this project, so it finds what our client and our emulator get wrong
// alike; the compiler holds the answers against the types that Microsoft publishes.
func TestMicrosoftsJavaScriptClientDoesTheWholeWalk(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Users = nil
	c := serve(t, entra.Config{Seed: s, Lag: 500 * time.Millisecond, Limits: true})
	// What its own retries must get over: an answer that never came, and two that say when to come back.
	for _, f := range []entra.Fault{{Operation: "invite", Refusal: "too-many-requests", RetryAfter: "1"}, {Operation: "member", Refusal: "unavailable", RetryAfter: "date:1s"},
		{Operation: "approle", Refusal: "gateway-timeout"}} {
		if err := c.s.SetFault(f); err != nil {
			t.Fatal(err)
		}
	}
	out := node(t, c.s, "graph", "@microsoft/microsoft-graph-client", "node", "--import", "./emulator.mjs", "walk.mjs", "Partners", appID)
	if n := passed(out); n != 14 {
		t.Errorf("%d cases ran, want 14", n)
	}
	if got := c.s.Stats(); got.UsersCreated != 6 || got.Faults != 3 || got.Throttled != 0 {
		t.Errorf("stats %+v", got)
	}
	state := c.s.State()
	if len(state.Groups[0].Members) != 5 || len(state.DeletedUsers) != 1 || len(state.Applications[1].Assignments) != 0 {
		t.Errorf("left behind: %+v", state)
	}
}

func TestTheWalkIsTypedAsMicrosoftTypesIt(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	node(t, c.s, "graph", "typescript", filepath.Join("node_modules", ".bin", "tsc"), "-p", ".")
}

// CLI for Microsoft 365 is what administrators use in scripts. It batches its writes, which no other client here does.
func TestCLIForMicrosoft365InvitesAGuest(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Limits: true})
	out := node(t, c.s, "m365", "@pnp/cli-microsoft365", "node", "--import", "../graph/emulator.mjs", "walk.mjs", "Partners")
	if n := passed(out); n != 7 {
		t.Errorf("%d steps ran, want 7", n)
	}
	state := c.s.State()
	if got := state.Groups[0].Members; len(got) != 1 || got[0] != guestID || len(state.Users) != 4 {
		t.Errorf("left behind: %+v", state)
	}
}
