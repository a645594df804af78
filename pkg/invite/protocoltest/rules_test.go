package protocoltest_test

import "fmt"

// rules are the protocol, and what can be taken away from it.
type rules struct {
	modes    [2]mode
	existing bool // the guest is in the directory before the first import
	may      [faults]uint8
	mayTotal uint8

	// What a mutation takes from the protocol.
	noMark          bool // POST without "posting"
	noWait          bool // POST again although the first may have been made
	waitForOwnKind  bool // Microsoft's POST does not wait for one that mails nobody
	noLease         bool // claim a row that another works on
	noVersion       bool // write over what another has written
	noPromise       bool // mail without "sending"
	shortLease      bool // act with less than half of the lease left
	forgetOnRefusal bool // a refused POST wipes out an earlier one whose answer was lost
	foundIsExisting bool // a guest found after our own POST counts as one who was there before
	ownID           bool // each import makes its own Message-ID
	noFollow        bool // a recorded step is complete without sending what follows
	clockAfterFind  bool // the uncertain wait is measured after the look-up
	// What a mutation takes from the assumptions.
	longLag, longStill, secondUser bool
}

// action is one step of the model. Way says which of the possible ends it had.
type action struct {
	Worker int8 // -1: the world
	Op     op
	Way    way
	Import uint8
	Kind   kind
	Slow   bool // the user it makes is hidden for a while
	Mails  bool // the late POST asks for Microsoft's mail
	Fault  fault
	Faulty bool
}

type way uint8

const (
	normal way = iota
	taken      // a worker takes a message
	held       // another's lease is live
	tick
	copied        // a message is delivered once more
	died          // the worker is killed
	stood         // the worker stands still
	lostDone      // the answer is lost, the act was done
	lostUndone    // the answer is lost, the act was not done
	lostLate      // the answer is lost, the act is done later
	arrives       // what was late arrives
	refusedSurely // certainly nothing was done
)

var opNames = [...]string{"idle", "claim the row", "read the clock", "look the guest up", "check the lease", `save "posting"`,
	"POST", "POST for the link", "save the link", `save "sending"`, "mail", "give the row back", "record in the entry", "send what follows, complete"}

var wayNames = [...]string{"", "takes the message, looks at the entry", ": held by another", "a tick passes", "the message is delivered once more", ": killed before it", ": stands still before it",
	": done, answer lost", ": not done, answer lost", ": answer lost, still under way", "the late POST arrives", ": refused"}

func (a action) String() string {
	who := fmt.Sprintf("worker %d", a.Worker+1)
	about := fmt.Sprintf("%s, import %c", [...]string{"invite", "notify"}[a.Kind], 'A'+a.Import)
	slow := ""
	if a.Slow {
		slow = ", the user is hidden for a while"
	}
	switch {
	case a.Way == tick || a.Way == arrives:
		return wayNames[a.Way] + slow
	case a.Way == copied:
		return wayNames[a.Way] + " (" + about + ")"
	case a.Way == taken:
		return who + " " + wayNames[a.Way] + " (" + about + ")"
	}
	return who + " (" + about + "): " + opNames[a.Op] + wayNames[a.Way] + slow
}

func (r rules) start() state {
	s := state{May: r.may, MayTotal: r.mayTotal}
	s.Ready[inviting] = [2]bool{true, true}
	for i := range 2 {
		if r.modes[i] != own {
			s.Entries[i].Notify = ended
		}
	}
	if r.existing {
		s.Users = 1
	}
	return s
}

// next gives every step that may follow to emit.
func (r rules) next(s state, emit func(action, state)) {
	r.tick(s, emit)
	if s.Air.On {
		r.land(s, action{Worker: -1, Way: arrives, Mails: s.Air.Mail}, s.Air.Mail, func(a action, n state) { n.Air = request{}; emit(a, n) })
	}
	for k := range s.Ready {
		for i := range s.Ready[k] {
			r.message(s, kind(k), uint8(i), emit)
		}
	}
	for w := range s.Workers {
		if s.Workers[w].At != idle {
			r.faultsOf(s, int8(w), emit)
			r.act(s, int8(w), emit)
		}
	}
}

// fail spends one of the faults that may happen.
func (s state) fail(f fault, a action, emit func(action, state)) {
	if s.May[f] > 0 && s.MayTotal > 0 {
		s.May[f]--
		s.MayTotal--
		a.Fault, a.Faulty = f, true
		emit(a, s)
	}
}

func (r rules) message(s state, k kind, i uint8, emit func(action, state)) {
	a := action{Worker: -1, Kind: k, Import: i}
	known := k == inviting || s.Entries[i].Notify != planned && r.modes[i] == own
	if !s.Ready[k][i] {
		if known {
			n := s
			n.Ready[k][i] = true
			a.Way = copied
			n.fail(twice, a, emit)
		}
		return
	}
	for w := range s.Workers {
		if s.Workers[w].At == idle {
			n := s
			n.Ready[k][i] = false
			n.Workers[w] = worker{Kind: k, Import: i}
			r.look(&n, &n.Workers[w])
			a.Worker, a.Way = int8(w), taken
			emit(a, n)
			return // the workers are alike
		}
	}
}

// faultsOf are a crash, and standing still where time presses.
func (r rules) faultsOf(s state, w int8, emit func(action, state)) {
	me := s.Workers[w]
	a := action{Worker: w, Op: me.At, Way: died, Kind: me.Kind, Import: me.Import}
	n := s
	if me.Kind == notifying && me.At == release && me.Mine.Mail != mailNone {
		n.Doubts++ // whatever the server answered dies with the worker
	}
	n.back(w)
	n.fail(crash, a, emit)
	if me.Acting && me.Timer == 0 && !me.Stalled {
		n, a := s, a
		a.Way = stood
		n.Workers[w].Stalled, n.Workers[w].Timer = true, still
		if r.longStill {
			n.Workers[w].Timer = bound + 1
		}
		if me.Kind == notifying {
			n.Doubts++ // others cannot know what becomes of it
		}
		n.fail(stall, a, emit)
	}
}

// back ends a delivery and gives the message back to the broker.
func (s *state) back(w int8) {
	s.Ready[s.Workers[w].Kind][s.Workers[w].Import] = true
	s.Workers[w] = worker{}
}

// tick lets time pass, unless somebody has to act first.
func (r rules) tick(s state, emit func(action, state)) {
	if s.Air.On && s.Air.Timer == 0 {
		return
	}
	for _, w := range s.Workers {
		if w.Acting && w.Timer == 0 {
			return
		}
	}
	n := s
	older(&n.Row)
	down(&n.Hidden)
	down(&n.Air.Timer)
	for i := range n.Workers {
		w := &n.Workers[i]
		older(&w.Mine)
		older(&w.Before)
		if w.Acting {
			down(&w.Timer)
		}
	}
	if n != s {
		emit(action{Worker: -1, Way: tick}, n)
	}
}

func older(g *row) {
	down(&g.Left)
	if g.Invite == posting {
		g.Age = min(g.Age+1, bound)
	}
}

func down(n *uint8) {
	if *n > 0 {
		*n--
	}
}

// land makes the invitation in the directory: at once visible, or hidden for a while.
func (r rules) land(s state, a action, mails bool, emit func(action, state)) {
	if mails {
		s.ByMicrosoft = min(s.ByMicrosoft+1, 2)
	}
	isNew := s.Users == 0
	if r.existing {
		s.Broken = postedExisting
	}
	if isNew || r.secondUser && s.Hidden > 0 {
		s.Users = min(s.Users+1, 2)
	}
	emit(a, s)
	if isNew {
		s.Hidden = lag
		if r.longLag {
			s.Hidden = bound + 1
		}
		a.Slow = true
		emit(a, s)
	}
}
