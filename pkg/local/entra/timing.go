package entra

import (
	"encoding/binary"
	"hash/fnv"
	"time"
)

// timing is the clock and the replication lag. The jitter comes from the seed and the object, not from the order of
// calls, so that concurrent runs of one seed see the same lags.
type timing struct {
	now  func() time.Time
	lag  time.Duration
	seed uint64
}

// when is the directory's time; a seed that is only checked has none.
func (t timing) when() time.Time {
	if t.now == nil {
		return time.Time{}
	}
	return t.now()
}

// appear returns from when on a user created now is found, and from when on it takes app roles: after a half to one lag,
// and a quarter to a half lag later (sources: docs-contrib issue 2465, found late; msgraph-sdk-dotnet issue 2508, refused
// by app roles although found). The real lags are seconds to minutes, without a documented bound.
func (t timing) appear(id string) (visible, assignable time.Time) {
	visible = t.now().Add(time.Duration(float64(t.lag) * (0.5 + 0.5*t.chance("visible", id))))
	assignable = visible.Add(time.Duration(float64(t.lag) * (0.25 + 0.25*t.chance("assignable", id))))
	return visible, assignable
}

// list returns from when on filtered lists show what is written now: they read an index that follows the directory
// (source: concept page aad-advanced-queries, ConsistencyLevel eventual).
func (t timing) list(id string) time.Time {
	return t.now().Add(time.Duration(float64(t.lag) * 0.5 * t.chance("list", id)))
}

// chance returns a number in [0, 1) that depends on the seed and the parts alone.
func (t timing) chance(parts ...string) float64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, t.seed) // a hash takes every write
	for _, p := range parts {
		_, _ = h.Write([]byte(p + "\x00"))
	}
	x := h.Sum64()
	x ^= x >> 33 // FNV leaves the high bits of short inputs alike: finish as MurmurHash3 does
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}
