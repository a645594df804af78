package azurite

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

var services = [3]string{"blob", "queue", "table"}

// pickPorts replaces zeros by free ports. They are free now; Start tries again if one is taken before Azurite has it.
func pickPorts(ports ...int) ([3]int, error) {
	var picked [3]int
	for i, p := range ports {
		if p == 0 {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return picked, fmt.Errorf("free port for Azurite: %w", err)
			}
			defer l.Close() // held until all are picked, so that they differ
			p = l.Addr().(*net.TCPAddr).Port
		}
		picked[i] = p
	}
	return picked, nil
}

// ready waits until Azurite has said of each service that it listens, and each has answered a request. Asking alone would
// not do: a foreign server on a taken port answers too.
func (s *Server) ready(ctx context.Context) error {
	for i := range services {
		for !s.says(i) || !answers(ctx, s.url(i)) {
			select {
			case <-s.child.done:
				return s.child.gone()
			case <-ctx.Done():
				return fmt.Errorf("azurite's %s service does not answer: %w; it said: %s", services[i], ctx.Err(), s.child.notes)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

func (s *Server) says(i int) bool {
	return strings.Contains(s.child.notes.String(), "successfully listening at "+s.url(i))
}

// answers reports whether anything comes back; without credentials that is a refusal.
func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/"+Account, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil
}
