// Package azuritetest gives the tests of a process one Azurite to share. Call [Main] from TestMain and [Shared] in tests.
// The server starts at the first call of Shared, so that tests which need none wait for none. Tests share its account:
// each keeps to tables, containers and queues of its own.
package azuritetest

import (
	"context"
	"sync"
	"testing"

	"guestlist/pkg/local/azurite"
)

// shared is the process's server: Azurite needs seconds to start, too long for one per test.
var shared struct {
	sync.Mutex
	server *azurite.Server
	err    error
}

// Main runs the tests of m, stops the shared server if there is one, and returns the exit code for os.Exit.
func Main(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		_ = shared.server.Close() // what is left lies in the temporary folder
	}
	return code
}

// Shared returns the shared server, which runs with its data in memory. A test without Azurite fails: it must not pass
// unrun.
func Shared(t testing.TB) *azurite.Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = azurite.Start(context.Background(), azurite.Config{})
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}
