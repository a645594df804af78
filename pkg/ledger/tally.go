package ledger

// Tally counts the entries of an import or of one partition of it. It changes in the transaction that changes the entry.
type Tally struct {
	Guests        int             `json:"guests"`
	InvitePlanned int             `json:"invitePlanned,omitempty"`
	InviteSent    int             `json:"inviteSent,omitempty"`
	InviteWaiting map[string]int  `json:"inviteWaiting,omitempty"` // by reason
	Waiting       map[string]int  `json:"waiting,omitempty"`       // guests with a step that waits, by reason
	Invited       int             `json:"invited,omitempty"`       // user id known
	TargetsSent   int             `json:"targetsSent,omitempty"`
	Open          int             `json:"open"`            // guests with an open step
	Ended         map[Outcome]int `json:"ended,omitempty"` // guests by outcome
}

// Count returns the tally of one entry.
func Count(e *Entry) Tally {
	t := Tally{Guests: 1}
	switch e.Invite.State {
	case Planned:
		t.InvitePlanned = 1
	case Sent:
		t.InviteSent = 1
	case Waiting:
		t.InviteWaiting = map[string]int{e.Invite.Wait: 1}
	}
	for _, s := range e.Steps() {
		if s.State == Waiting {
			if t.Waiting == nil {
				t.Waiting = map[string]int{}
			}
			t.Waiting[s.Wait] = 1
		}
	}
	if e.UserID != "" {
		t.Invited = 1
	}
	for i := range e.Targets {
		if e.Targets[i].State == Sent {
			t.TargetsSent++
		}
	}
	if e.Ended() {
		t.Ended = map[Outcome]int{e.Outcome(): 1}
	} else {
		t.Open = 1
	}
	return t
}

// Plus returns t + n*u, leaving out zero counts. Neither operand is changed.
func (t Tally) Plus(n int, u Tally) Tally {
	t.Guests += n * u.Guests
	t.InvitePlanned += n * u.InvitePlanned
	t.InviteSent += n * u.InviteSent
	t.Invited += n * u.Invited
	t.TargetsSent += n * u.TargetsSent
	t.Open += n * u.Open
	t.InviteWaiting = plus(t.InviteWaiting, n, u.InviteWaiting)
	t.Waiting = plus(t.Waiting, n, u.Waiting)
	t.Ended = plus(t.Ended, n, u.Ended)
	return t
}

func plus[K comparable](a map[K]int, n int, b map[K]int) map[K]int {
	sum := make(map[K]int, len(a)+len(b))
	for k, v := range a {
		sum[k] = v
	}
	for k, v := range b {
		if sum[k] += n * v; sum[k] == 0 {
			delete(sum, k)
		}
	}
	if len(sum) == 0 {
		return nil
	}
	return sum
}
