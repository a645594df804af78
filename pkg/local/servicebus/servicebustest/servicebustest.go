// Package servicebustest starts Service Bus emulators for tests. Call Start. It is apart from package servicebus so that
// no binary links package testing.
package servicebustest

import (
	"testing"

	"guestlist/pkg/local/servicebus"
)

// Start serves the queues on a free loopback port until the test ends.
func Start(t testing.TB, queues ...servicebus.Queue) *servicebus.Server {
	t.Helper()
	s, err := servicebus.Serve(servicebus.Config{Queues: queues})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
