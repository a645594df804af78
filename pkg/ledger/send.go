package ledger

import "guestlist/pkg/message"

// Message returns the message that moves the import on: stage, plan, or report.
func (i Import) Message() message.Message {
	m := message.Message{Import: i.ID, Source: i.Source}
	switch i.State {
	case Staging, Held:
		m.Kind, m.Generation = message.Stage, i.Stage.Generation
	case Planning:
		m.Kind, m.Generation = message.Plan, i.Plan.Generation
	default:
		return message.NewReport(m)
	}
	return m
}

// Messages returns the messages of those steps of an entry that pick picks, with the attempt that each step is at.
func (i Import) Messages(e *Entry, pick func(*Step) bool) []message.Message {
	var out []message.Message
	add := func(k message.Kind, target int, s *Step) {
		if pick(s) {
			out = append(out, message.Message{Kind: k, Import: e.Import, Guest: e.Guest, Target: target,
				Attempt: s.Attempt, Generation: s.Generation, Source: i.Source})
		}
	}
	add(message.Invite, 0, &e.Invite)
	for t := range e.Targets {
		add(message.Assign, t, &e.Targets[t].Step)
	}
	add(message.Notify, 0, &e.Notify)
	return out
}
