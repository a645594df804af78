package assign

import (
	"context"
	"log/slog"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// grant gives the target to the guest of an entry, unless it is there.
func (s *Step) grant(ctx context.Context, m message.Message, e *ledger.Entry) (*member, error) {
	t := e.Targets[m.Target]
	who := &member{user: e.UserID, guest: e.Guest, importID: e.Import, existing: e.Invite.Outcome != ledger.Done, retried: m.Attempt > 1}
	var err error
	if t.Kind == ledger.Group {
		err = s.join(ctx, t.ID, who)
	} else {
		err = s.assign(ctx, t, who)
	}
	if err == nil && !who.granted && !who.existing { // a delivery that died granted it, and may not have remembered
		s.remember(ctx, t.Key(), []*member{who})
	}
	return who, err
}

// assign gives one guest an app role. One that may be there is looked for first, since a refused write uses quota too; if
// that cannot be found out, the write itself tells.
func (s *Step) assign(ctx context.Context, t ledger.Target, who *member) error {
	if who.existing || who.retried {
		has, err := s.Directory.HasRole(ctx, t.Object, t.Role, who.user)
		if has {
			return nil
		}
		if err != nil {
			slog.WarnContext(ctx, "app roles cannot be read", slog.String("error", err.Error()))
		}
	}
	return s.once(ctx, t.Key(), who, func() (bool, error) { return s.Directory.AssignRole(ctx, t.Object, t.Role, who.user) })
}

func groupKey(id string) string { return ledger.Target{Kind: ledger.Group, ID: id}.Key() }

// remember notes to whom a target was granted, after looking who had been granted it before. What cannot be noted is
// forgotten: all that is lost is that a later repair is called a first grant.
func (s *Step) remember(ctx context.Context, target string, granted []*member) {
	by, earlier := map[string]string{}, []string(nil)
	for _, m := range granted {
		by[m.guest] = m.importID
		if m.existing {
			earlier = append(earlier, m.guest)
		}
	}
	if len(earlier) > 0 {
		before, err := s.Ledger.GrantedBy(ctx, target, earlier)
		if err != nil {
			slog.WarnContext(ctx, "earlier grants cannot be read", slog.String("error", err.Error()))
		}
		for _, m := range granted {
			m.repaired = m.existing && before[m.guest] != "" && before[m.guest] != m.importID
		}
	}
	if err := s.Ledger.Grant(ctx, target, by); err != nil {
		slog.WarnContext(ctx, "grants cannot be remembered", slog.String("error", err.Error()))
	}
}

// outcome judges a grant. A guest whom this import invited a moment ago had nothing before: what is found there was given
// by an earlier delivery of this message, which died before it could record.
func (m *member) outcome() ledger.Outcome {
	switch {
	case m.repaired:
		return ledger.Repaired
	case m.granted || !m.existing:
		return ledger.Done
	}
	return ledger.Already
}
