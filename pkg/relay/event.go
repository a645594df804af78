package relay

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"guestlist/pkg/message"
)

// delivery is what one invocation brings: a single part, or one per SQS message.
type delivery struct {
	queued bool
	parts  []part
}

// part is what succeeds or is tried again as one.
type part struct {
	id      string // of the SQS message
	body    json.RawMessage
	records []record
	err     error // the body cannot be read at all
}

// record is one S3 event, or why it is none that can be acted on.
type record struct {
	object Object
	body   json.RawMessage // an event with this record alone; nil where that is the part's
	err    error
}

// envelope is the union of what can arrive. Field names match in any case.
type envelope struct {
	Records []json.RawMessage `json:"Records"`

	Event string `json:"Event"` // s3:TestEvent, when a notification is configured

	Type    string  `json:"Type"` // Notification: from SNS, by way of SQS
	Message *string `json:"Message"`

	DetailType string          `json:"detail-type"` // EventBridge
	Source     string          `json:"source"`
	Detail     json.RawMessage `json:"detail"`
	Time       time.Time       `json:"time"`
}

const testEvent = "s3:TestEvent"

// parse reads an invocation's payload. It never fails as a whole: what cannot be read is a part with an error.
func parse(payload []byte) delivery {
	var e envelope
	var first struct {
		EventSource string `json:"eventSource"`
	}
	if json.Unmarshal(payload, &e) == nil && len(e.Records) > 0 {
		_ = json.Unmarshal(e.Records[0], &first) // what is no object is refused below
	}
	if first.EventSource != "aws:sqs" {
		p := part{body: payload}
		p.records, p.err = records(payload, 0)
		return delivery{parts: []part{p}}
	}
	d := delivery{queued: true}
	for _, raw := range e.Records {
		d.parts = append(d.parts, queuedPart(raw))
	}
	return d
}

// queuedPart reads one SQS message.
func queuedPart(raw json.RawMessage) part {
	var m struct {
		MessageID   string `json:"messageId"`
		Body        string `json:"body"`
		EventSource string `json:"eventSource"`
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.EventSource != "aws:sqs" {
		return part{body: raw, err: unreadable("a record among SQS messages is none")}
	}
	p := part{id: m.MessageID, body: json.RawMessage(m.Body)}
	p.records, p.err = records(p.body, 0)
	return p
}

// depth is how many envelopes may lie around an event: SNS puts an S3 event into a notification.
const depth = 2

// records reads the S3 events in a body. None and no error is a test event.
func records(body []byte, level int) ([]record, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, unreadable("it is not the JSON of an event: " + err.Error())
	}
	switch {
	case level > depth:
		return nil, unreadable("too many envelopes lie around it")
	case e.Event == testEvent:
		return nil, nil
	case e.DetailType != "":
		return []record{bridged(e)}, nil
	case e.Type == "Notification" && e.Message != nil:
		return records([]byte(*e.Message), level+1)
	case len(e.Records) == 0:
		return nil, message.Never("event.unsupported", "the event has no records; send ObjectCreated events of S3, directly, through SQS, SNS or EventBridge")
	}
	var all []record
	for _, raw := range e.Records {
		rs, err := one(raw, level)
		if err != nil {
			alone, _ := json.Marshal(map[string][]json.RawMessage{"Records": {raw}}) // what was parsed has JSON
			rs = []record{{body: alone, err: err}}
		}
		all = append(all, rs...)
	}
	return all, nil
}

// one reads one record: an S3 event, or an SNS notification with an event in it.
func one(raw json.RawMessage, level int) ([]record, error) {
	var r struct {
		EventSource string    `json:"eventSource"`
		EventName   string    `json:"eventName"`
		EventTime   time.Time `json:"eventTime"`
		SNS         struct {
			Message string `json:"Message"`
		} `json:"Sns"`
		S3 struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object struct {
				Key       string `json:"key"`
				Size      int64  `json:"size"`
				ETag      string `json:"eTag"`
				VersionID string `json:"versionId"`
				Sequencer string `json:"sequencer"`
			} `json:"object"`
		} `json:"s3"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, unreadable("a record is not as S3 writes it: " + err.Error())
	}
	switch r.EventSource {
	case "aws:sns":
		return records([]byte(r.SNS.Message), level+1)
	case "aws:s3":
	default:
		return nil, message.Never("event.unsupported", fmt.Sprintf("a record comes from %q: only events of S3 are relayed", r.EventSource))
	}
	if !strings.HasPrefix(strings.TrimPrefix(r.EventName, "s3:"), "ObjectCreated:") {
		return nil, message.Never("event.unsupported", fmt.Sprintf("the event is %q: only ObjectCreated brings a file. Configure the notification for s3:ObjectCreated:* alone.", r.EventName))
	}
	key, err := url.QueryUnescape(r.S3.Object.Key) // S3 encodes keys in events as forms do
	if err != nil {
		return nil, unreadable("its key is not encoded as S3 does it: " + err.Error())
	}
	o := Object{Bucket: r.S3.Bucket.Name, Key: key, Version: r.S3.Object.VersionID, ETag: strings.Trim(r.S3.Object.ETag, `"`),
		Sequencer: r.S3.Object.Sequencer, Size: r.S3.Object.Size, Time: r.EventTime}
	return []record{{object: o, err: o.complete()}}, nil
}

// bridged reads an EventBridge event, whose keys are not encoded.
func bridged(e envelope) record {
	var d struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      int64  `json:"size"`
			ETag      string `json:"etag"`
			VersionID string `json:"version-id"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	}
	if e.Source != "aws.s3" || e.DetailType != "Object Created" {
		return record{err: message.Never("event.unsupported", fmt.Sprintf("the event is %q of %q: only \"Object Created\" of aws.s3 brings a file", e.DetailType, e.Source))}
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return record{err: unreadable("its detail is not as S3 writes it: " + err.Error())}
	}
	o := Object{Bucket: d.Bucket.Name, Key: d.Object.Key, Version: d.Object.VersionID, ETag: strings.Trim(d.Object.ETag, `"`),
		Sequencer: d.Object.Sequencer, Size: d.Object.Size, Time: e.Time}
	return record{object: o, err: o.complete()}
}

// complete checks that the event says what is needed to order it and to read the right version.
func (o Object) complete() error {
	var lacks []string
	for _, f := range []struct{ name, value string }{{"bucket name", o.Bucket}, {"key", o.Key}, {"eTag", o.ETag}, {"sequencer", o.Sequencer}} {
		if f.value == "" {
			lacks = append(lacks, f.name)
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return message.Never("event.incomplete", fmt.Sprintf("the event has no %s, so its version of the file cannot be told from others. Send an event as S3 writes it.", strings.Join(lacks, " and no ")))
}

func unreadable(why string) error {
	return message.Never("event.unreadable", "the event cannot be read: "+why)
}
