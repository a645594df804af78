package assign

import (
	"context"
	"sync"
	"time"
)

// maxMembers is how many members one write may add (source: page group-post-members).
const maxMembers = 20

// member is an invocation with a guest who is to be granted something.
type member struct {
	user, guest, importID string

	existing bool // the guest was there before this import, and may have the target
	retried  bool // an earlier attempt ended without an answer, and may have granted it

	granted  bool // by this invocation
	repaired bool // an earlier import had granted it
	err      error
	done     chan struct{} // closed when the write that it waits for has its result
}

// gatherer brings the invocations of a process together by group.
type gatherer struct {
	mu     sync.Mutex
	open   map[string]*batch
	parked int // members of open batches
}

// batch is the members of one write to come.
type batch struct {
	members []*member
	closed  chan struct{} // nobody joins any more
}

// join puts a member into its group's batch. Who opened the batch leads it: it waits with gathered, writes, and tells the
// others.
func (g *gatherer) join(group string, m *member, places int) (b *batch, leads bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b = g.open[group]
	if b == nil {
		b, leads = &batch{closed: make(chan struct{})}, true
		if g.open == nil {
			g.open = map[string]*batch{}
		}
		g.open[group] = b
	}
	b.members = append(b.members, m)
	g.parked++
	if len(b.members) == maxMembers {
		g.close(group)
	} else if g.parked == places {
		g.close(g.fullest()) // nobody else can come: every place of the process is taken by one who waits
	}
	return b, leads
}

func (g *gatherer) fullest() string {
	fullest := ""
	for group, b := range g.open {
		if fullest == "" || len(b.members) > len(g.open[fullest].members) {
			fullest = group
		}
	}
	return fullest
}

// close ends the gathering of a group's batch; the lock is held.
func (g *gatherer) close(group string) {
	b := g.open[group]
	delete(g.open, group)
	g.parked -= len(b.members)
	close(b.closed)
}

// gathered returns the members of a batch when it is full, when so long has passed, or when ctx ends.
func (g *gatherer) gathered(ctx context.Context, group string, b *batch, wait time.Duration) []*member {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-b.closed:
	case <-timer.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open[group] == b {
		g.close(group)
	}
	return b.members
}
