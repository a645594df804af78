package relay

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"guestlist/pkg/message"
)

// Failures takes what can never succeed, for people to look at. It has what a destination for failed invocations of AWS
// Lambda has, in the same form, so that one queue can serve both.
type Failures interface {
	// Report keeps a failure; an error means that it may not be kept. It may be repeated: then it is kept twice.
	Report(ctx context.Context, f Failure) error
}

// Failure is one file, or one event without a readable file, that cannot be relayed. It has the form of what Lambda sends to
// a destination on failure.
type Failure struct {
	Version   string    `json:"version"`
	Timestamp time.Time `json:"timestamp"`
	Context   struct {
		RequestID string `json:"requestId,omitempty"`
		Function  string `json:"functionArn,omitempty"`
		Condition string `json:"condition"`
	} `json:"requestContext"`
	// Request can be sent to the function again once the cause is mended.
	Request  json.RawMessage `json:"requestPayload"`
	Response Reason          `json:"responsePayload"`
}

// Reason is what Lambda shows of a function's error.
type Reason struct {
	Code string `json:"errorType"`
	Text string `json:"errorMessage"`
}

// Permanent is the condition of a Failure, where Lambda's own has RetriesExhausted.
const Permanent = "Permanent"

// mostPayload bounds what a failure quotes: a message of SQS holds 256 KiB in every account.
const mostPayload = 128 << 10

func newFailure(now time.Time, request json.RawMessage, f *message.Failure) Failure {
	switch {
	case len(request) > mostPayload:
		request = json.RawMessage(`"left out: it is too large"`)
	case !json.Valid(request):
		request, _ = json.Marshal(string(request)) // as a string, so that it can be shown; a string has JSON
	}
	out := Failure{Version: "1.0", Timestamp: now.UTC(), Request: request, Response: Reason{Code: f.Code, Text: f.Text}}
	out.Context.Condition = Permanent
	return out
}

// event returns an S3 event with the object alone.
func (o Object) event() json.RawMessage {
	type object struct {
		Key       string `json:"key"`
		Size      int64  `json:"size"`
		ETag      string `json:"eTag"`
		Version   string `json:"versionId,omitempty"`
		Sequencer string `json:"sequencer"`
	}
	type bucket struct {
		Name string `json:"name"`
	}
	type s3 struct {
		Bucket bucket `json:"bucket"`
		Object object `json:"object"`
	}
	type s3Record struct {
		Source string    `json:"eventSource"`
		Name   string    `json:"eventName"`
		Time   time.Time `json:"eventTime"`
		S3     s3        `json:"s3"`
	}
	raw, err := json.Marshal(map[string][]s3Record{"Records": {{Source: "aws:s3", Name: "ObjectCreated:Put", Time: o.Time,
		S3: s3{bucket{o.Bucket}, object{url.QueryEscape(o.Key), o.Size, o.ETag, o.Version, o.Sequencer}}}}})
	if err != nil {
		panic(err) // strings, a number and a time that JSON gave us
	}
	return raw
}
