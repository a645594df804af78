// Package servicebustest starts Service Bus emulators for tests. Call Start or StartWith. It is apart from package servicebus so that
// no binary links package testing.
package servicebustest

import (
	"testing"

	"guestlist/pkg/local/servicebus"
)

// Start serves the queues on a free loopback port until the test ends.
func Start(t testing.TB, queues ...servicebus.Queue) *servicebus.Server {
	t.Helper()
	return StartWith(t, servicebus.Config{Queues: queues})
}

// StartWith serves what the configuration says until the test ends.
func StartWith(t testing.TB, cfg servicebus.Config) *servicebus.Server {
	t.Helper()
	s, err := servicebus.Serve(cfg)
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
