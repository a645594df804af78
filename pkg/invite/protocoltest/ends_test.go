package protocoltest_test

// post gives the ends of a POST, with which a guest is invited or gets a new link.
func (r rules) post(s state, w int8, a action, emit func(action, state)) {
	renewal := s.Workers[w].At == redeem
	mails := s.Workers[w].Mine.Mode == microsoft && !renewal
	r.land(s, a, mails, func(a action, n state) {
		me := &n.Workers[w]
		if me.At = release; renewal {
			me.At = keep
		} else {
			me.Mine.invited()
		}
		me.Mine.URL = renewal || me.Mine.Mode == own
		emit(a, n)
	})
	s.Workers[w].At, s.Workers[w].Failed = release, true
	a.Way = lostDone
	r.land(s, a, mails, func(a action, n state) { n.fail(lost, a, emit) })
	a.Way = lostUndone
	s.fail(lost, a, emit)
	if renewal {
		return
	}
	if n := s; !n.Air.On {
		n.Air = request{On: true, Mail: mails, Timer: late}
		a.Way = lostLate
		n.fail(lost, a, emit)
	}
	a.Way = refusedSurely
	me := &s.Workers[w]
	before := me.Before
	if r.forgetOnRefusal {
		before = row{}
	}
	me.Mine.Invite, me.Mine.Age, me.Mine.Mode, me.Mine.By = before.Invite, before.Age, before.Mode, before.By
	s.fail(refused, a, emit)
}

// mail gives the ends of handing a mail to the server.
func (r rules) mail(s state, w int8, a action, emit func(action, state)) {
	taken := s
	if s.Row.Mail == sent && !s.Workers[w].Stalled {
		taken.Broken = mailedAgain
	}
	taken.Ours = min(s.Ours+1, 4)
	taken.IDs |= 1 << s.Workers[w].Mine.MailID

	n := taken
	me := &n.Workers[w]
	me.At, me.Mine.Mail, me.Mine.URL = release, sent, false
	emit(a, n)

	for way, n := range map[way]state{lostDone: taken, lostUndone: s} {
		n.Doubts++
		n.Workers[w].At, n.Workers[w].Failed = release, true
		a.Way = way
		n.fail(lost, a, emit)
	}
	n = s
	me = &n.Workers[w]
	me.At, me.Failed, me.Mine.Mail, me.Mine.Repeats = release, true, me.Before.Mail, me.Before.Repeats
	a.Way = refusedSurely
	n.fail(refused, a, emit)
}

func (r rules) release(s *state, w int8) {
	me := &s.Workers[w]
	me.Mine.Left = 0
	if !r.save(s, w) || me.Failed {
		s.back(w)
		return
	}
	me.recording(me.Mine)
}

// record writes to the entry what the row says.
func (r rules) record(s *state, me *worker) {
	e, g, i := &s.Entries[me.Import], me.Mine, who(me.Import+1)
	switch {
	case me.Kind == notifying:
		if e.Notify != ended {
			e.Notify, e.Mailed = ended, judge(g, i)
		}
		*me = worker{}
		return
	case !e.Ended:
		e.Ended, e.Outcome = true, already
		if g.Invite == invited && g.By == i {
			e.Outcome = done
		}
		if e.Notify == planned {
			e.Notify = map[bool]notice{true: asked, false: ended}[g.Invite == invited]
		}
	}
	e.User = g.User
	*me = worker{At: follow, Kind: me.Kind, Import: me.Import}
}

func judge(g row, i who) letter {
	switch {
	case g.Mail != sent:
		return gone
	case g.MailedBy != i:
		return others
	case g.Repeats > 0:
		return uncertain
	}
	return ours
}
