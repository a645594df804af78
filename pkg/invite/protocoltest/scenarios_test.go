package protocoltest_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// calm is a state in which nothing goes wrong any more.
func (s state) calm() state {
	s.May, s.MayTotal = [faults]uint8{}, 0
	return s
}

// scenarios are the ways through the model that are worth a name: a shortest one to the step that is, and from there to
// the end.
var scenarios = map[string]struct {
	in   string
	goal func(s state, a action, n state) bool
}{
	"killed after the POST, before the record, Microsoft's mail": {"Microsoft's mail", killed(inviting, release, func(s state) bool { return s.Hidden > 0 })},
	"killed after the POST, before the record, own mail":         {"own mail", killed(inviting, release, func(s state) bool { return s.Hidden > 0 })},
	"killed between the posting mark and the POST":               {"Microsoft's mail", killed(inviting, post, func(state) bool { return true })},
	"killed between the sending mark and the mail":               {"own mail", killed(notifying, mail, func(state) bool { return true })},
	"killed after the mail, before the record":                   {"own mail", killed(notifying, release, func(s state) bool { return s.Ours > 0 && s.Row.Mail == sending })},
	"killed after the record, before what follows":               {"own mail", killed(inviting, follow, func(s state) bool { return s.Entries[0].Notify == asked })},
	"the other import looks up while the user is hidden": {"Microsoft's mail", func(s state, a action, n state) bool {
		return a.Op == find && a.Way == normal && s.Hidden > 0 && s.Row.Invite == posting && s.Row.By != who(a.Import+1)
	}},
	"the lease ends during the POST": {"Microsoft's mail", func(s state, a action, n state) bool {
		return a.Op == claim && a.Way == normal && s.Workers[1-a.Worker].At == post
	}},
	"the lease ends during the mail": {"own mail", func(s state, a action, n state) bool {
		return a.Op == promise && a.Way == normal && s.Workers[1-a.Worker].At == mail
	}},
	"delivered twice, after the record": {"own mail", func(s state, a action, n state) bool {
		return a.Way == copied && a.Kind == inviting && s.Entries[a.Import].Ended
	}},
	"delivered twice, while the first is at work": {"Microsoft's mail", func(s state, a action, n state) bool {
		w := s.Workers
		return a.Way == held && w[0].Import == w[1].Import && w[1-a.Worker].At == post
	}},
	"a POST arrives after its answer was given up": {"Microsoft's mail", func(s state, a action, n state) bool {
		return a.Way == arrives && a.Slow && s.Workers[0].At+s.Workers[1].At > 0
	}},
	"refused after an answer was lost, own mail": {"own mail", func(s state, a action, n state) bool {
		return a.Way == refusedSurely && a.Kind == inviting && s.Users > 0
	}},
	"Microsoft's POST comes after an uncertain one of own mode": {"own mail, then Microsoft's", func(s state, a action, n state) bool {
		return a.Op == find && a.Way == normal && a.Import == 1 && s.Row.Invite == posting && s.Row.Mode == own && s.Users > 0 && s.Hidden > 0
	}},
	"an own link is renewed after an import without mail": {"no mail, then own", func(s state, a action, n state) bool {
		return a.Op == keep && a.Way == normal
	}},
	"a guest of the directory": {"a guest of the directory", func(s state, a action, n state) bool { return n.Entries[1].Ended }},
}

func killed(k kind, at op, when func(state) bool) func(state, action, state) bool {
	return func(s state, a action, _ state) bool { return a.Way == died && a.Kind == k && a.Op == at && when(s) }
}

func TestRealCodeFollowsTheScenarios(t *testing.T) {
	t.Parallel()
	for name, c := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := settings[c.in].faulty(2)
			to := r.search(r.start(), c.goal)
			on := r.search(to.last().calm(), func(_ state, _ action, n state) bool { return n.over() })
			steps := to.trace()
			if last := to.last(); len(steps) == 0 || to.broken != "" || !on.last().over() {
				t.Fatalf("the model does not come there and to its end: %q, %+v", to.broken, last)
			}
			steps = append(steps, on.trace()...)
			e := on.last()
			if broken := r.breaks(e); broken != "" {
				t.Errorf("broken: %s", broken)
			}
			if replay(t, r, steps) {
				t.Logf("%d steps: users %d, mails by Microsoft %d, by us %d, import A %s, import B %s\n%s", len(steps), e.Users, e.ByMicrosoft, e.Ours,
					e.Entries[0].Outcome, e.Entries[1].Outcome, written(steps))
			}
		})
	}
}

// walks is how many random ways through the model the real code follows, in each setting.
const walks = 200

func TestRealCodeFollowsRandomWalks(t *testing.T) {
	t.Parallel()
	for i, name := range slices.Sorted(maps.Keys(settings)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := settings[name].faulty(5)
			steps := 0
			for seed := range uint64(walks) {
				way := r.walk(rand.New(rand.NewPCG(seed, uint64(i))))
				if !replay(t, r, way) {
					t.Fatalf("seed %d", seed)
				}
				steps += len(way)
			}
			t.Logf("%d walks to the end, %d steps", walks, steps)
		})
	}
}

// walk goes a random way to an end. Faults that are possible at few places are made likely there: else crashes and copies
// use up the bound before.
func (r rules) walk(random *rand.Rand) (way []action) {
	for s := r.start(); !s.over(); {
		var actions []action
		var states []state
		r.next(s, func(a action, n state) {
			weight := 20
			if a.Faulty {
				weight = [faults]int{crash: 1, lost: 10, refused: 20, twice: 1, stall: 20}[a.Fault]
			}
			for range weight {
				actions, states = append(actions, a), append(states, n)
			}
		})
		at := random.IntN(len(states))
		way, s = append(way, actions[at]), states[at]
	}
	return way
}
