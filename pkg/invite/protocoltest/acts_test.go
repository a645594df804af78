package protocoltest_test

// act gives every end of the one step that worker w does next.
func (r rules) act(s state, w int8, emit func(action, state)) {
	me := &s.Workers[w]
	a := action{Worker: w, Op: me.At, Kind: me.Kind, Import: me.Import}
	switch me.At {
	case claim:
		if s.Row.Left > 0 && !r.noLease {
			a.Way = held
			s.back(w)
			break
		}
		r.claimed(&s, w)
	case clock:
		r.clock(&s, me)
	case find:
		r.find(&s, me)
	case check:
		r.check(me)
	case mark, keep, promise:
		r.announce(&s, w)
	case post, redeem:
		r.post(s, w, a, emit)
		return
	case mail:
		r.mail(s, w, a, emit)
		return
	case release:
		r.release(&s, w)
	case record:
		r.record(&s, me)
	case follow:
		if me.Kind == inviting && s.Entries[me.Import].Notify == asked {
			s.Ready[notifying][me.Import] = true
		}
		*me = worker{}
	}
	emit(a, s)
}

// look decides from the entry what is to be done, and from the row whether a mail still is.
func (r rules) look(s *state, me *worker) {
	e := s.Entries[me.Import]
	me.At = claim
	switch {
	case me.Kind == notifying && e.Notify != asked, me.Kind == inviting && e.Ended && r.noFollow:
		*me = worker{}
	case me.Kind == inviting && e.Ended:
		me.At = follow
	case me.Kind == notifying && s.Row.Mail == sent:
		me.recording(s.Row)
	}
}

// recording is the step after the work on the row, which is known as it then was.
func (w *worker) recording(g row) {
	*w = worker{At: record, Kind: w.Kind, Import: w.Import, Mine: g}
	w.Mine.Left, w.Mine.Age = 0, 0
}

// claimed takes the lease. A mail is decided about at once, from the row.
func (r rules) claimed(s *state, w int8) {
	me := &s.Workers[w]
	s.Row.Left = lease
	me.Mine, me.At = s.Row, clock
	s.written(w)
	if me.Kind == inviting {
		return
	}
	switch g := me.Mine; {
	case g.Mail == sent:
		me.At = release
	case g.Invite == posting:
		me.At, me.Failed = release, true
	case g.Invite != invited || !g.User:
		me.At = release
	case !g.URL:
		me.At = redeem
	default:
		me.At = check
	}
}

// written makes worker w the only one that knows the row.
func (s *state) written(w int8) {
	s.Workers[1-w].Fresh, s.Workers[w].Fresh = false, true
}

// save writes the row as worker w knows it, unless another has written since.
func (r rules) save(s *state, w int8) bool {
	me := &s.Workers[w]
	if !me.Fresh && !r.noVersion {
		return false
	}
	if s.Row.Mail == sent && me.Mine.Mail != sent {
		s.Broken = mailedAgain
	}
	s.Row = me.Mine
	s.written(w)
	return true
}

func (s state) shown() bool { return s.Users > 0 && s.Hidden == 0 }

func (r rules) clock(s *state, me *worker) {
	if me.Mine.User && me.Mine.Invite != posting {
		me.At = release
		return
	}
	me.At, me.Waited = find, me.Mine.Age >= bound
	me.Seen = r.clockAfterFind && s.shown()
}

func (r rules) find(s *state, me *worker) {
	there, waited := s.shown(), me.Waited
	if r.clockAfterFind {
		there, waited = me.Seen, me.Mine.Age >= bound
	}
	g := &me.Mine
	me.Waited, me.Seen = false, false
	switch {
	case there && g.Invite == posting && g.Mode == own && r.modes[me.Import] == own:
		me.At, me.By = check, g.By // the link went with the answer
	case there && g.Invite == posting && !r.foundIsExisting:
		g.invited()
		me.At = release
	case there:
		g.User, g.Invite, g.Age = true, inviteNone, 0
		me.At = release
	case g.Invite == posting && !waited && r.binds(g.Mode, r.modes[me.Import]):
		me.At, me.Failed = release, true
	default:
		me.At, me.By = check, who(me.Import+1)
	}
}

// binds reports whether an uncertain POST has to be waited for: it may have mailed, or the next one would mail somebody
// whom it has made.
func (r rules) binds(before, next mode) bool {
	return !r.noWait && (before == microsoft || next == microsoft && !r.waitForOwnKind)
}

// invited notes that the invitation under way was made.
func (g *row) invited() {
	g.User, g.Invite, g.Age = true, invited, 0
	if g.Mode == microsoft {
		g.Mail, g.MailID, g.MailedBy = sent, byMicrosoft, g.By
	}
}

// check begins an act if enough of the lease is left, and prepares what announces it.
func (r rules) check(me *worker) {
	if me.Mine.Left < least && (!r.shortLease || me.Mine.Left == 0) {
		me.At, me.Failed = release, true
		return
	}
	me.Before, me.Acting, me.Timer = me.Mine, true, deadline
	g := &me.Mine
	if me.Kind == inviting {
		g.Invite, g.Age, g.Mode, g.By = posting, 0, r.modes[me.Import], me.By
		me.At, me.By = mark, nobody
		return
	}
	if g.Mail == sending {
		g.Repeats++
	}
	g.Mail, g.MailedBy = sending, who(me.Import+1)
	if g.MailID == nobody {
		g.MailID = g.By
	}
	if r.ownID {
		g.MailID = g.MailedBy
	}
	me.At = promise
}

// announce writes down what is going to be done.
func (r rules) announce(s *state, w int8) {
	me := &s.Workers[w]
	skip := r.noMark && me.At == mark || r.noPromise && me.At == promise
	if !skip && !r.save(s, w) {
		me.At, me.Failed = release, true
		return
	}
	me.At = map[op]op{mark: post, keep: check, promise: mail}[me.At]
}

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
