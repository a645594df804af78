package child_test

import (
	"fmt"
	"net"
	"testing"

	"guestlist/pkg/local/child"
)

func TestQuietPortIsFreeAndLow(t *testing.T) {
	t.Parallel()
	for range 20 {
		port, err := child.QuietPort()
		if err != nil {
			t.Fatal(err)
		}
		if port < 20000 || port >= 32000 {
			t.Errorf("port %d may be given to whoever asks for any", port)
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // held, so that the next one must be another
	}
}

func TestQuietPortIsGivenOnce(t *testing.T) {
	t.Parallel()
	given := map[int]bool{}
	for range 500 { // of 12,000: without a reservation two of them would be the same
		port, err := child.QuietPort()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] {
			t.Fatalf("port %d was given twice", port)
		}
		given[port] = true
	}
}
