package protocoltest_test

import "testing"

// mutations take away one rule or assumption each, in a setting where it matters. wants is the promise that breaks.
var mutations = map[string]struct {
	in    string
	with  []fault // that it takes to see it, once each
	take  func(*rules)
	wants string
}{
	"the posting mark is skipped": {"Microsoft's mail", []fault{crash}, func(r *rules) { r.noMark = true },
		"Microsoft mails a guest at most once"},
	"UNCERTAIN_WAIT is ignored": {"Microsoft's mail", []fault{crash}, func(r *rules) { r.noWait = true },
		"Microsoft mails a guest at most once"},
	"Microsoft's POST does not wait for an uncertain one in own mode": {"own mail, then Microsoft's", []fault{crash, lost}, func(r *rules) { r.waitForOwnKind = true },
		"whoever was missing is mailed if an import asks for it"},
	"a live lease is ignored": {"own mail", nil, func(r *rules) { r.noLease = true },
		"our mail repeats only where nobody could know whether it had been taken"},
	"an act starts with less than half of the lease": {"own mail", nil, func(r *rules) { r.shortLease = true },
		"our mail repeats only where nobody could know whether it had been taken"},
	"the row's version is ignored": {"Microsoft's mail", nil, func(r *rules) { r.noVersion = true },
		"a row that says sent is never mailed again"},
	"the sending mark is skipped": {"own mail", []fault{crash}, func(r *rules) { r.noPromise = true },
		"our mail is reported by one import; a repeat is counted and reported"},
	"a refusal wipes out an earlier POST": {"own mail", []fault{lost, refused}, func(r *rules) { r.forgetOnRefusal = true },
		"whoever was missing ends as invited, with a user"},
	"our own POST is taken for an existing guest": {"Microsoft's mail", []fault{crash}, func(r *rules) { r.foundIsExisting = true },
		"whoever was missing ends as invited, with a user"},
	"each import makes its own Message-ID": {"own mail", []fault{lost}, func(r *rules) { r.ownID = true },
		"all mails of an invitation have one Message-ID"},
	"what follows a record is not sent again": {"own mail", []fault{crash}, func(r *rules) { r.noFollow = true },
		"no guest is left open"},
	"the wait is measured after the look-up": {"Microsoft's mail", []fault{lost, stall}, func(r *rules) { r.clockAfterFind = true },
		"Microsoft mails a guest at most once"},
	"assumption: the directory hides a user beyond UNCERTAIN_WAIT": {"Microsoft's mail", []fault{crash}, func(r *rules) { r.longLag = true },
		"Microsoft mails a guest at most once"},
	"assumption: a worker stands still beyond UNCERTAIN_WAIT": {"Microsoft's mail", []fault{stall}, func(r *rules) { r.longStill = true },
		"Microsoft mails a guest at most once"},
	"assumption: a second POST makes a second user": {"own mail", []fault{lost}, func(r *rules) { r.secondUser = true },
		"an address has at most one user"},
}

func TestEveryMutationBreaksAPromise(t *testing.T) {
	t.Parallel()
	for name, m := range mutations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := settings[m.in]
			for _, f := range m.with {
				r.may[f] = 1
				r.mayTotal++
			}
			m.take(&r)
			f := r.search(r.start(), nil)
			if f.broken != m.wants {
				t.Errorf("%d states searched; broken: %q, want %q", len(f.states), f.broken, m.wants)
			}
			t.Logf("%s, after %d states: %s\n%s", m.in, len(f.states), f.broken, written(f.trace()))
		})
	}
}
