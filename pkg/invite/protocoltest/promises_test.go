package protocoltest_test

import "math/bits"

// vow is a promise: a sentence, and what tells a state that breaks it.
type vow struct {
	says   string
	broken func(rules, state) bool
}

// always are the promises that hold in every state.
var always = []vow{
	{"an address has at most one user", func(_ rules, s state) bool { return s.Users > 1 }},
	{"Microsoft mails a guest at most once", func(_ rules, s state) bool { return s.ByMicrosoft > 1 }},
	{"a guest is mailed by Microsoft or by us, never by both", func(_ rules, s state) bool { return s.ByMicrosoft > 0 && s.Ours > 0 }},
	{"all mails of an invitation have one Message-ID", func(_ rules, s state) bool { return bits.OnesCount8(s.IDs) > 1 }},
	{"our mail repeats only where nobody could know whether it had been taken", func(_ rules, s state) bool { return s.Ours > 1+s.Doubts }},
	{"a row that says sent is never mailed again", func(_ rules, s state) bool { return s.Broken == mailedAgain }},
	{"a guest of the directory is never invited", func(_ rules, s state) bool { return s.Broken == postedExisting }},
	{"no import ends its invitation without the user id", func(_ rules, s state) bool {
		return s.Entries[0].Ended && !s.Entries[0].User || s.Entries[1].Ended && !s.Entries[1].User
	}},
	{"a row with a live link belongs to an invitation whose mail has not gone", func(_ rules, s state) bool {
		return s.Row.URL && (s.Row.Mail == sent || s.Row.Invite != invited)
	}},
}

// finally are the promises that hold when no message is left.
var finally = []vow{
	{"no guest is left open", func(_ rules, s state) bool {
		a, b := s.Entries[0], s.Entries[1]
		return !a.Ended || !b.Ended || a.Notify != ended || b.Notify != ended
	}},
	{"whoever was missing ends as invited, with a user", func(r rules, s state) bool {
		return !r.existing && (s.Row.Invite != invited || !s.Row.User || s.Users != 1)
	}},
	{"one import brought the guest and says so; the other found the guest there", func(r rules, s state) bool {
		return !r.existing && !(s.of(done) == 1 && s.of(already) == 1)
	}},
	{"a guest of the directory is found by both imports and mailed by nobody", func(r rules, s state) bool {
		return r.existing && (s.of(already) != 2 || s.Row.Invite != inviteNone || s.ByMicrosoft+s.Ours > 0)
	}},
	{"whoever was missing is mailed if an import asks for it", func(r rules, s state) bool {
		asks := r.modes[0] == own || r.modes[1] == own || r.modes == [2]mode{microsoft, microsoft}
		return !r.existing && asks && s.ByMicrosoft+s.Ours == 0
	}},
	{"our mail is reported by one import; a repeat is counted and reported", func(_ rules, s state) bool {
		plain, doubtful := s.mailed(ours), s.mailed(uncertain)
		return s.Ours > 0 && plain+doubtful != 1 || s.Ours > 1 && (doubtful != 1 || s.Row.Repeats+1 < s.Ours)
	}},
}

func (s state) of(o outcome) (n int) {
	for _, e := range s.Entries {
		if e.Outcome == o {
			n++
		}
	}
	return n
}

func (s state) mailed(l letter) (n int) {
	for _, e := range s.Entries {
		if e.Mailed == l {
			n++
		}
	}
	return n
}

// over reports whether nothing is left to be done.
func (s state) over() bool {
	return s.Workers == [2]worker{} && s.Ready == [2][2]bool{} && !s.Air.On
}

// breaks returns the promise that s breaks; "" if it keeps all.
func (r rules) breaks(s state) string {
	all := always
	if s.over() {
		all = append(all[:len(all):len(all)], finally...)
	}
	for _, v := range all {
		if v.broken(r, s) {
			return v.says
		}
	}
	return ""
}
