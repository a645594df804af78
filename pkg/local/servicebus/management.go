package servicebus

import (
	"fmt"
	"slices"
	"strings"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// operations are what $management answers, by name without "com.microsoft:", with the right that they need.
var operations = map[string]struct {
	need Right
	do   func(*broker.Queue, amqp.Map) response
}{
	"renew-lock":                 {Listen, renewLocks},
	"update-disposition":         {Listen, updateDisposition},
	"peek-message":               {Listen, peek},
	"receive-by-sequence-number": {Listen, receiveDeferred},
	"schedule-message":           {Send, schedule},
	"cancel-scheduled-message":   {Send, cancelScheduled},
}

// manage answers a request about a queue.
func (n node) manage(c *conn, r request) response {
	name, _ := strings.CutPrefix(r.operation, "com.microsoft:")
	operation, known := operations[name]
	body, isMap := r.value.(amqp.Map)
	switch {
	case strings.Contains(name, "session"):
		return failure(501, "amqp:not-implemented", fmt.Sprintf("%s: sessions are not served by this emulator", r.operation))
	case !known:
		return failure(501, "amqp:not-implemented", fmt.Sprintf("operation %q", r.operation))
	case !isMap:
		return badRequest("the body must be a map")
	case !c.allows(n.path+managementSuffix, operation.need):
		e := unauthorized(operation.need, n.path)
		return failure(401, e.Condition, e.Description)
	}
	return operation.do(n.queue, body)
}

func renewLocks(q *broker.Queue, body amqp.Map) response {
	tokens, fine := amqp.Elements[amqp.UUID](body.Get("lock-tokens"))
	if !fine {
		return badRequest("lock-tokens must be an array of uuid")
	}
	ends := make([]amqp.Timestamp, len(tokens))
	for i, t := range tokens {
		until, err := q.Renew(t)
		if err != nil {
			return failed(err)
		}
		ends[i] = amqp.TimestampOf(until)
	}
	return ok("expirations", amqp.ArrayOf(ends))
}

// dispositions are the words for outcomes; "defered" is how clients spell it.
var dispositions = map[string]broker.Outcome{
	"completed": broker.Complete,
	"abandoned": broker.Abandon,
	"defered":   broker.Defer,
	"suspended": broker.DeadLetter,
}

func updateDisposition(q *broker.Queue, body amqp.Map) response {
	tokens, fine := amqp.Elements[amqp.UUID](body.Get("lock-tokens"))
	word, _ := body.Get("disposition-status").(string)
	outcome, known := dispositions[word]
	if !fine || !known {
		return badRequest("lock-tokens must be an array of uuid, disposition-status completed, abandoned, defered or suspended")
	}
	s := broker.Settlement{Outcome: outcome}
	s.Reason, _ = body.Get("deadletter-reason").(string)
	s.Description, _ = body.Get("deadletter-description").(string)
	modify, _ := body.Get("properties-to-modify").(amqp.Map)
	s.Modify = asText(modify)
	for _, t := range tokens {
		if err := q.Settle(t, s); err != nil {
			return failed(err)
		}
	}
	return response{status: 200, text: "OK"}
}

func peek(q *broker.Queue, body amqp.Map) response {
	from, fine := body.Get("from-sequence-number").(int64)
	n, fine2 := body.Get("message-count").(int32)
	if !fine || !fine2 {
		return badRequest("from-sequence-number must be a long, message-count an int")
	}
	found := q.Peek(from, min(int(n), maxPeek))
	if len(found) == 0 {
		return response{status: 204, text: "No Content"}
	}
	for i := range found {
		found[i].Token = broker.Token{} // only the holder of a lock may know it
	}
	return ok("messages", encodeAll(found))
}

func receiveDeferred(q *broker.Queue, body amqp.Map) response {
	numbers, fine := amqp.Elements[int64](body.Get("sequence-numbers"))
	mode, fine2 := body.Get("receiver-settle-mode").(uint32)
	if !fine || !fine2 {
		return badRequest("sequence-numbers must be an array of long, receiver-settle-mode a uint")
	}
	found, err := q.ReceiveDeferred(numbers, mode == 0)
	if err != nil {
		return failed(err)
	}
	list := make(amqp.List, 0, len(found))
	for _, m := range found {
		list = append(list, encodeAll([]broker.Message{m})...) // all are locked now, so none may be left out
	}
	return ok("messages", list)
}

func schedule(q *broker.Queue, body amqp.Map) response {
	entries, fine := amqp.Elements[amqp.Map](body.Get("messages"))
	if !fine {
		return badRequest("messages must be a list of maps")
	}
	var messages []*amqp.Message
	for _, e := range entries {
		b, _ := e.Get("message").([]byte)
		decoded, err := messagesOf(nil, b)
		if err != nil {
			return badRequest(err.Error())
		}
		messages = append(messages, decoded...)
	}
	numbers, err := q.Send(messages...)
	if err != nil {
		return failed(err)
	}
	return ok("sequence-numbers", amqp.ArrayOf(numbers))
}

func cancelScheduled(q *broker.Queue, body amqp.Map) response {
	numbers, fine := amqp.Elements[int64](body.Get("sequence-numbers"))
	if !fine {
		return badRequest("sequence-numbers must be an array of long")
	}
	if err := q.Cancel(numbers); err != nil {
		return failed(err)
	}
	return response{status: 200, text: "OK"}
}

// encodeAll encodes messages for an answer, up to a size that clients can take at once, but one at least.
func encodeAll(messages []broker.Message) amqp.List {
	var list amqp.List
	size := 0
	for _, m := range messages {
		b := appendMessage(nil, m)
		if size += len(b); size > maxAnswer && len(list) > 0 {
			break
		}
		entry := amqp.Map{{Key: "message", Value: b}}
		if m.Token != (broker.Token{}) {
			entry = append(entry, amqp.Pair{Key: "lock-token", Value: m.Token})
		}
		list = append(list, entry)
	}
	return slices.Clip(list)
}

// What bounds the messages in one answer, in bytes and in number; clients page through the rest.
const (
	maxAnswer = 1 << 20
	maxPeek   = 1000
)
