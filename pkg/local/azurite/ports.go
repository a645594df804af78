package azurite

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"guestlist/pkg/local/child"
)

var services = [3]string{"blob", "queue", "table"}

// pickPorts replaces zeros by free ports that nobody else is given, also while Azurite is away for a while. Start tries again
// if one is taken all the same.
func pickPorts(ports ...int) (picked [3]int, err error) {
	for i, p := range ports {
		if picked[i] = p; p == 0 && err == nil {
			picked[i], err = child.QuietPort()
		}
	}
	return picked, err
}

// ready waits until Azurite has said of each service that it listens, and each has answered a request. Asking alone would
// not do: a foreign server on a taken port answers too.
func (s *Server) ready(ctx context.Context) error {
	for i := range services {
		for !s.says(i) || !answers(ctx, s.url(i)) {
			select {
			case <-s.child.Done():
				return errors.New("azurite ended: " + s.child.Notes())
			case <-ctx.Done():
				return fmt.Errorf("azurite's %s service does not answer: %w; it said: %s", services[i], ctx.Err(), s.child.Notes())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

func (s *Server) says(i int) bool {
	return strings.Contains(s.child.Notes(), "successfully listening at "+s.url(i))
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
