package functionshost

import (
	"context"
	"errors"
)

// spawn runs f in the background, unless the host is ending. The end waits for it.
func (h *Host) spawn(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.life.Err() == nil {
		h.work.Go(f)
	}
}

func (h *Host) loop(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.loops += n
}

// finish ends all parts, in the order in which they need each other, when life is over.
func (h *Host) finish() {
	<-h.life.Done()
	<-h.keeper.done // the handler is dead, so invocations end
	h.loop(0)       // passes the lock of spawn: none can be half-way
	h.work.Wait()
	h.buses.close()
	_ = h.admin.Close()
	h.client.CloseIdleConnections()
	if cause := context.Cause(h.life); !errors.Is(cause, errStopped) {
		h.err = cause
	}
	close(h.finished)
}
