package protocoltest_test

// key is the same for states that differ only in which worker is which, in which import is which where both have the same
// mode, or in what a worker knows that it can no longer write.
func (r rules) key(s state) state {
	for i := range s.Workers {
		if w := &s.Workers[i]; w.At == release && !w.Fresh {
			*w = worker{At: release, Kind: w.Kind, Import: w.Import}
		}
	}
	if r.modes[0] == r.modes[1] && s.rankOf(0) < s.rankOf(1) {
		s.swapImports()
	}
	if a, b := s.Workers[0], s.Workers[1]; a.rank() > b.rank() {
		s.Workers[0], s.Workers[1] = b, a
	}
	return s
}

func (w worker) rank() int {
	return ((int(w.At)*2+int(w.Kind))*2+int(w.Import))*8 + int(w.Mine.Left)
}

// rankOf is how far an import is.
func (s state) rankOf(i int) (rank int) {
	e := s.Entries[i]
	for _, has := range []bool{s.Row.By == who(i+1), s.Row.MailedBy == who(i+1), s.Ready[inviting][i], s.Ready[notifying][i], e.Ended, e.Notify == asked, e.Notify == ended} {
		rank *= 2
		if has {
			rank++
		}
	}
	for _, w := range s.Workers {
		if w.At != idle && int(w.Import) == i {
			rank += 1000 * (int(w.At)*2 + int(w.Kind) + 1)
		}
	}
	return rank
}

func (s *state) swapImports() {
	s.Entries[0], s.Entries[1] = s.Entries[1], s.Entries[0]
	for k := range s.Ready {
		s.Ready[k][0], s.Ready[k][1] = s.Ready[k][1], s.Ready[k][0]
	}
	s.Row.swapImports()
	for i := range s.Workers {
		if w := &s.Workers[i]; w.At != idle {
			w.Import = 1 - w.Import
			w.By = w.By.other()
			w.Mine.swapImports()
			w.Before.swapImports()
		}
	}
	a, b := s.IDs>>importA&1, s.IDs>>importB&1
	s.IDs = s.IDs&^(1<<importA|1<<importB) | b<<importA | a<<importB
}

func (g *row) swapImports() {
	g.By, g.MailID, g.MailedBy = g.By.other(), g.MailID.other(), g.MailedBy.other()
}

func (i who) other() who {
	switch i {
	case importA:
		return importB
	case importB:
		return importA
	}
	return i
}
