package broker

import (
	"crypto/sha256"
	"time"
)

// maxHistory bounds the memory of duplicate detection to some tens of megabytes a queue: beyond it the oldest ids are
// forgotten before their window ends.
const maxHistory = 1 << 20

// history remembers which message ids arrived within the window. The window starts with the first arrival; neither a
// duplicate nor the message's end changes it.
type history struct {
	known map[idHash]struct{}
	order []arrival
	head  int // order[:head] is forgotten
}

// idHash stands for an id of any length; a cut of SHA-256 has no accidental collisions.
type idHash [16]byte

type arrival struct {
	id idHash
	at time.Time
}

// seen tells whether the id is known, and remembers it otherwise. The zero window remembers nothing.
func (h *history) seen(id string, now time.Time, window time.Duration) bool {
	if window <= 0 {
		return false
	}
	h.forget(now, window)
	sum := sha256.Sum256([]byte(id))
	key := idHash(sum[:16])
	if _, ok := h.known[key]; ok {
		return true
	}
	if h.known == nil {
		h.known = map[idHash]struct{}{}
	}
	h.known[key] = struct{}{}
	h.order = append(h.order, arrival{key, now})
	return false
}

func (h *history) forget(now time.Time, window time.Duration) {
	for h.head < len(h.order) && (len(h.order)-h.head >= maxHistory || now.Sub(h.order[h.head].at) >= window) {
		delete(h.known, h.order[h.head].id)
		h.head++
	}
	if h.head > 1024 && h.head > len(h.order)/2 {
		h.order = append([]arrival(nil), h.order[h.head:]...)
		h.head = 0
	}
}
