package assign

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/message"
)

// Refused is the error of a write of several members that certainly added nobody, and that a write of some of them may
// survive.
type Refused struct {
	Missing string // the user id that the directory does not know yet; empty if the answer names none
	Err     error  // the verdict on the one who is missing
}

// Error returns the verdict's text.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap returns the verdict.
func (r *Refused) Unwrap() error { return r.Err }

// join makes a user a member of a group, by one write together with whoever else is to be added to it at the moment. What
// it did is noted in m, unless it returns an error.
func (s *Step) join(ctx context.Context, group string, m *member) error {
	m.done, m.err = make(chan struct{}), errUnfinished
	if b, leads := s.groups.join(group, m, s.Places); leads {
		s.lead(ctx, group, b)
	}
	select {
	case <-m.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if errors.Is(m.err, errAlone) {
		return s.alone(ctx, group, m)
	}
	return m.err
}

var (
	errUnfinished = errors.New("the write to the group ended without a result")
	// errAlone is the result of a member that nobody shares a write with, or whose write was refused for somebody's sake:
	// whose, only a write of its own tells.
	errAlone = errors.New("to be written alone")
)

// lead writes for a batch. The end of the leader's own invocation must not take the others' write with it, but its deadline
// holds: it was the first, so the others have longer.
func (s *Step) lead(ctx context.Context, group string, b *batch) {
	members := s.groups.gathered(ctx, group, b, s.Gather)
	defer func() {
		for _, m := range members {
			close(m.done)
		}
	}()
	deadline, limited := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	s.write(ctx, group, members)
}

// write gives every member of a batch a result. Who may be a member already is looked for first, since a write that names
// one adds nobody.
func (s *Step) write(ctx context.Context, group string, members []*member) {
	old, fresh := split(members, func(m *member) bool { return m.existing || m.retried })
	s.add(ctx, group, append(fresh, s.missing(ctx, group, old)...))
}

// missing returns those who are no members of the group yet, and tells the others that they are.
func (s *Step) missing(ctx context.Context, group string, members []*member) []*member {
	if len(members) == 0 {
		return nil
	}
	there, err := s.Directory.Members(ctx, group, users(members))
	if err != nil {
		settle(members, false, err)
		return nil
	}
	is, no := split(members, func(m *member) bool { return slices.Contains(there, m.user) })
	settle(is, false, nil)
	return no
}

// tries bounds the writes for one batch: the one that should do, and two for those who are left after a refusal.
const tries = 3

// add adds members in one write. A refused one is made again without whoever was named in the answer, or without those
// whom a look at the group finds in it. If neither tells who was at fault, each is added alone.
func (s *Step) add(ctx context.Context, group string, members []*member) {
	looked := false
	for range tries {
		if len(members) == 1 {
			settle(members, false, errAlone)
		}
		if len(members) <= 1 {
			return
		}
		err := s.addOnce(ctx, group, members)
		if err == nil {
			return
		}
		refused, ok := errors.AsType[*Refused](err)
		if !ok {
			settle(members, false, err)
			return
		}
		rest := members
		if refused.Missing != "" {
			var unknown []*member
			unknown, rest = split(members, func(m *member) bool { return strings.EqualFold(m.user, refused.Missing) })
			settle(unknown, false, refused.Err)
		} else if !looked {
			rest, looked = s.missing(ctx, group, members), true
		}
		if len(rest) == len(members) { // the same write would be refused again
			settle(members, false, errAlone)
			return
		}
		members = rest
	}
	settle(members, false, &message.Later{After: 5*time.Second + rand.N(5*time.Second),
		Why: "Microsoft Graph does not know others of the same write everywhere yet"})
}

// addOnce is one write, when its turn has come, and what is remembered of it.
func (s *Step) addOnce(ctx context.Context, group string, members []*member) error {
	call, err := s.Pacer.Write(ctx)
	if err != nil {
		return err
	}
	once := oncePerUser(members)
	err = s.Directory.AddMembers(ctx, group, users(once))
	call.Done(ctx, err)
	if err != nil {
		return err
	}
	settle(members, false, nil)
	settle(once, true, nil)
	s.remember(ctx, groupKey(group), once)
	return nil
}

// oncePerUser returns one member for each user: several imports may add the same guest at once. It is granted for the
// import that invited the guest, and there already for the others.
func oncePerUser(members []*member) []*member {
	seen := map[string]bool{}
	var once []*member
	old, fresh := split(members, func(m *member) bool { return m.existing })
	for _, m := range append(fresh, old...) {
		if !seen[m.user] {
			seen[m.user] = true
			once = append(once, m)
		}
	}
	return once
}

// alone adds one member by a write of its own, which tells whether it is one already.
func (s *Step) alone(ctx context.Context, group string, m *member) error {
	return s.once(ctx, groupKey(group), m, func() (bool, error) { return s.Directory.AddMember(ctx, group, m.user) })
}

// once is a write for one member, when its turn has come, and what is remembered of it.
func (s *Step) once(ctx context.Context, target string, m *member, write func() (bool, error)) error {
	call, err := s.Pacer.Write(ctx)
	if err != nil {
		return err
	}
	m.granted, err = write()
	call.Done(ctx, err)
	if m.granted {
		s.remember(ctx, target, []*member{m})
	}
	return err
}

func settle(members []*member, granted bool, err error) {
	for _, m := range members {
		m.granted, m.err = granted, err
	}
}

func users(members []*member) []string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = m.user
	}
	return all
}

// split divides members by a question.
func split(members []*member, is func(*member) bool) (yes, no []*member) {
	for _, m := range members {
		if is(m) {
			yes = append(yes, m)
		} else {
			no = append(no, m)
		}
	}
	return yes, no
}
