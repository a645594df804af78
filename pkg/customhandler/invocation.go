package customhandler

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Invocation is one request of the host to run a function. The accessors accept every form in which hosts of the last
// years have sent a value, and return the zero value for one that is missing or makes no sense.
type Invocation struct {
	ID       string // new for every delivery, so it is no key for idempotency
	Function string

	data     map[string]json.RawMessage
	metadata map[string]json.RawMessage
}

// ParseInvocation reads the body of the host's request.
func ParseInvocation(body []byte) (Invocation, error) {
	var wire struct{ Data, Metadata map[string]json.RawMessage }
	if err := json.Unmarshal(body, &wire); err != nil {
		return Invocation{}, fmt.Errorf("read the invocation: %w", err)
	}
	return Invocation{data: wire.Data, metadata: wire.Metadata}, nil
}

// Body returns the body of the message that triggered the function: the only value in Data. It expects a trigger with
// "dataType": "binary", whose value is base64 in one layer, and falls back for one without, whose value is a JSON string
// in a JSON string. No further layer is taken off: it would belong to the message.
func (i Invocation) Body() ([]byte, error) {
	if len(i.data) != 1 {
		return nil, fmt.Errorf("the invocation has %d data values instead of one", len(i.data))
	}
	var raw json.RawMessage
	for _, v := range i.data {
		raw = v
	}
	s, isString := unquote(raw)
	if !isString {
		return raw, nil
	}
	if s == "" {
		return nil, errors.New("the message has no body")
	}
	if b, err := base64.StdEncoding.DecodeString(s); err == nil {
		return b, nil
	}
	if text, ok := unquote([]byte(s)); ok {
		return []byte(text), nil
	}
	return []byte(s), nil
}

// LockToken is the token by which another client may settle the message, a GUID as text.
func (i Invocation) LockToken() string { return i.text("LockToken") }

// MessageID is the id that the sender gave the message.
func (i Invocation) MessageID() string { return i.text("MessageId") }

// CorrelationID is Guestlist's import id.
func (i Invocation) CorrelationID() string { return i.text("CorrelationId") }

// Subject is Guestlist's kind of message.
func (i Invocation) Subject() string { return i.text("Subject", "Label") }

// DeliveryCount is how often the message was delivered, this time included: 1 at first.
func (i Invocation) DeliveryCount() int {
	n, err := strconv.Atoi(i.text("DeliveryCount"))
	if err != nil {
		return 1
	}
	return max(1, n)
}

// EnqueuedTime is when the broker made the message available. A time without zone is UTC.
func (i Invocation) EnqueuedTime() time.Time {
	s := i.text("EnqueuedTimeUtc", "EnqueuedTime")
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// ApplicationProperties are the properties that travelled beside the body; numbers are json.Number.
func (i Invocation) ApplicationProperties() map[string]any {
	for _, key := range []string{"ApplicationProperties", "UserProperties"} {
		dec := json.NewDecoder(bytes.NewReader(unwrap(i.metadata[key])))
		dec.UseNumber()
		var p map[string]any
		if dec.Decode(&p) == nil && p != nil {
			return p
		}
	}
	return nil
}

// text returns the first of the named metadata values that is there, without its quotes.
func (i Invocation) text(keys ...string) string {
	for _, key := range keys {
		if v := unwrap(i.metadata[key]); len(v) > 0 && string(v) != "null" {
			return string(v)
		}
	}
	return ""
}

// unwrap takes off layer after layer of JSON string: a string is encoded twice by present hosts, objects were by older
// ones, and numbers and booleans travel as strings.
func unwrap(v []byte) []byte {
	for {
		s, ok := unquote(v)
		if !ok {
			return v
		}
		v = []byte(s)
	}
}

// unquote decodes v if it is a JSON string.
func unquote(v []byte) (string, bool) {
	v = bytes.TrimSpace(v)
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return "", false
	}
	return s, true
}
