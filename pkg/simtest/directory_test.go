package simtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"guestlist/pkg/assign"
	"guestlist/pkg/breaker"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// latency is how long a call takes.
const latency = 150 * time.Millisecond

// directory is the simulated tenant, the same for all processes. A call takes its time, and then meets what refuse says.
type directory struct {
	w  *world
	mu sync.Mutex

	users   map[string]string // id by address
	posts   map[string]int    // by address
	members map[string]bool   // by group and user
	calls   map[string]int    // by operation, those that were answered
	times   []time.Time       // of new users

	// refuse returns the cause and the verdict that a call meets, or no cause. It runs under the lock.
	refuse func(operation string) (breaker.Cause, error)
	takes  time.Duration // before a call fails or works, beside latency
}

func newDirectory(w *world) *directory {
	return &directory{w: w, users: map[string]string{}, posts: map[string]int{}, members: map[string]bool{}, calls: map[string]int{},
		refuse: func(string) (breaker.Cause, error) { return "", nil }}
}

// meets changes what calls meet from now on.
func (d *directory) meets(refuse func(operation string) (breaker.Cause, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = refuse
}

// slow makes calls take so much longer from now on.
func (d *directory) slow(takes time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takes = takes
}

func works(string) (breaker.Cause, error) { return "", nil }

var errGraphDown = errors.New("dial tcp: connection refused")

func down(string) (breaker.Cause, error) { return breaker.Outage, errGraphDown }

// invited returns how many users were made.
func (d *directory) invited() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.users)
}

// called returns how many calls of an operation were answered.
func (d *directory) called(operation string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[operation]
}

// writes returns how many writes were made.
func (d *directory) writes() int {
	return d.called("invite") + d.called("add member") + d.called("add members")
}

// once fails the test if somebody was invited twice.
func (d *directory) once() {
	d.w.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for address, n := range d.posts {
		if n > 1 {
			d.w.t.Errorf("%s was invited %d times", address, n)
		}
	}
}

// process is one handler's way to the directory, watched by the breaker.
type process struct {
	*directory
	breaker *breaker.Breaker
}

// call makes one call and does act if it is not refused.
func (p *process) call(ctx context.Context, operation string, act func()) error {
	p.mu.Lock()
	takes := latency + p.takes
	p.mu.Unlock()
	time.Sleep(takes)
	p.mu.Lock()
	cause, err := p.refuse(operation)
	if err == nil {
		act()
	}
	if cause != breaker.Outage {
		p.calls[operation]++
	}
	p.mu.Unlock()
	switch cause {
	case "":
		p.breaker.Answered(ctx, operation)
		return err
	case breaker.Outage:
	default:
		p.breaker.Answered(ctx, "")
	}
	return &breaker.Trouble{Cause: cause, Operation: operation, Err: err}
}

func (p *process) Find(ctx context.Context, address string) (id string, err error) {
	err = p.call(ctx, "find user", func() { id = p.users[address] })
	return id, err
}

func (p *process) Confirm(ctx context.Context, userID, address string) (same bool, err error) {
	err = p.call(ctx, "read user", func() { same = p.users[address] == userID })
	return same, err
}

func (p *process) Invite(ctx context.Context, i invite.Invitation) (made invite.Invited, err error) {
	err = p.call(ctx, "invite", func() {
		p.posts[i.Address]++
		if p.users[i.Address] == "" {
			p.users[i.Address] = fmt.Sprint("user-", len(p.users))
			p.times = append(p.times, time.Now())
		}
		made = invite.Invited{UserID: p.users[i.Address], RedeemURL: fmt.Sprint("https://redeem.example/", p.posts[i.Address])}
	})
	if t, is := errors.AsType[*breaker.Trouble](err); is && t.Cause == breaker.Outage {
		return invite.Invited{}, fmt.Errorf("%w: %w", invite.ErrUncertain, err)
	}
	return made, err
}

func (p *process) AddMember(ctx context.Context, groupID, userID string) (added bool, err error) {
	err = p.call(ctx, "add member", func() {
		added = !p.members[groupID+" "+userID]
		p.members[groupID+" "+userID] = true
	})
	return added, err
}

// AddMembers adds all or none: not if one of them is a member already.
func (p *process) AddMembers(ctx context.Context, groupID string, userIDs []string) error {
	var refused error
	err := p.call(ctx, "add members", func() {
		for _, id := range userIDs {
			if p.members[groupID+" "+id] {
				refused = &assign.Refused{Err: message.Never("graph.refused", "somebody is a member already")}
				return
			}
		}
		for _, id := range userIDs {
			p.members[groupID+" "+id] = true
		}
	})
	return errors.Join(refused, err)
}

func (p *process) Members(ctx context.Context, groupID string, userIDs []string) (there []string, err error) {
	err = p.call(ctx, "read membership", func() {
		for _, id := range userIDs {
			if p.members[groupID+" "+id] {
				there = append(there, id)
			}
		}
	})
	return there, err
}

func (p *process) HasRole(context.Context, string, string, string) (bool, error) { return false, nil }

func (p *process) AssignRole(context.Context, string, string, string) (bool, error) {
	return false, message.Never("graph.refused", "there are no applications here")
}

func (p *process) Group(_ context.Context, t ledger.Target) (ledger.Target, error) { return t, nil }

func (p *process) Application(_ context.Context, t ledger.Target) (ledger.Target, error) {
	return t, nil
}
