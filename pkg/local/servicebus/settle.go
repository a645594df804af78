package servicebus

import (
	"fmt"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// apply does to a message what a delivery state says, and returns the state to answer with. A dead-lettered message is
// answered with accepted: clients take an error in the answer for their own. again is a fault: the message is given back
// although the client is told otherwise.
func (u unsettled) apply(state any, again bool) any {
	settlement, err := settlementOf(state)
	if again {
		settlement.Outcome = broker.Abandon
	}
	if err == nil && u.link.queue.Settle(u.token, settlement) != nil {
		err = &amqp.Error{Condition: "com.microsoft:message-lock-lost", Description: lockLost}
	}
	return stateOf(err)
}

// stateOf is the state that tells of an error, or of none.
func stateOf(err *amqp.Error) any {
	if err != nil {
		return &amqp.Rejected{Error: err}
	}
	return &amqp.Accepted{}
}

func settlementOf(state any) (broker.Settlement, *amqp.Error) {
	switch state := state.(type) {
	case *amqp.Accepted:
		return broker.Settlement{Outcome: broker.Complete}, nil
	case *amqp.Released:
		return broker.Settlement{Outcome: broker.Release}, nil
	case *amqp.Modified:
		s := broker.Settlement{Outcome: broker.Abandon, Modify: asText(state.Annotations)}
		if state.UndeliverableHere {
			s.Outcome = broker.Defer
		}
		return s, nil
	case *amqp.Rejected:
		return deadLetterOf(state.Error), nil
	}
	return broker.Settlement{}, &amqp.Error{Condition: "amqp:not-implemented", Description: fmt.Sprintf("delivery state %T", state)}
}

// deadLetterOf reads reason and description from the error's info; what else is there are properties to modify.
func deadLetterOf(e *amqp.Error) broker.Settlement {
	s := broker.Settlement{Outcome: broker.DeadLetter}
	if e == nil {
		return s
	}
	if e.Condition != "com.microsoft:dead-letter" {
		s.Reason = string(e.Condition)
	}
	s.Description = e.Description
	for _, p := range asText(e.Info) {
		text, _ := p.Value.(string)
		switch p.Key {
		case broker.ReasonProperty:
			s.Reason = text
		case broker.DescriptionProperty:
			s.Description = text
		default:
			s.Modify = append(s.Modify, p)
		}
	}
	return s
}

// asText makes the keys of a map strings, as application properties have them.
func asText(m amqp.Map) amqp.Map {
	var out amqp.Map
	for _, p := range m {
		switch k := p.Key.(type) {
		case amqp.Symbol:
			out = append(out, amqp.Pair{Key: string(k), Value: p.Value})
		case string:
			out = append(out, p)
		}
	}
	return out
}
