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
	if me.Kind == notifying && !me.Mine.URL {
		me.At = redeem
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
