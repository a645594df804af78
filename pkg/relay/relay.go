// Package relay brings CSV files from S3 to the inbox of their source. AWS Lambda gives it events; call [Relay.Handle].
//
// An object becomes the blob <bucket>/<key> of container inbox-<source>, with its origin in the metadata. One event is one
// blob version and so one import, however often it is delivered: before and at the commit the relay compares the object
// with what is there, by the sequencer that S3 gives the events of a key. The same version again does nothing, and an older
// one never replaces a newer one. Nothing is visible before all bytes were read, in the version that the event names, and
// their sum was right. The order is look, copy, commit on the condition that nothing has changed; a crash anywhere leaves
// either nothing or the whole file, and the next delivery finds out which.
//
// What may succeed later is an error for Lambda, which delivers again. What never can goes to [Failures], with a reason.
// The package leaves out AWS and Azure: pkg/relay/s3source reads S3, pkg/blobstore/azblobstore writes.
package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/message"
)

// Source reads objects of S3.
type Source interface {
	// Open streams the version of an object that has the given ETag; version may be empty. The metadata are of the content:
	// checksum and the like. Read fails where the bytes do not have the sum that S3 keeps. blobstore.ErrChanged means that
	// another version is there, blobstore.ErrNotFound that none is; a message.Failure is for good. The caller closes.
	Open(ctx context.Context, bucket, key, version, etag string) (io.ReadCloser, blobstore.Info, blobstore.Properties, error)
}

// margin is how long before the end of its invocation the relay stops, to be able to say so; in a short one a fifth of it.
const margin = 5 * time.Second

// Relay is the step. Its fields are read only; Handle may be called from many goroutines.
type Relay struct {
	Rules  Rules
	Source Source
	Inbox  blobstore.Versions
	// Failures may be nil: then what never can succeed is an error too, and Lambda's retries end where they are set to end.
	Failures Failures
	Log      *slog.Logger
	Now      func() time.Time
}

// response is what Lambda expects of a function that SQS invokes: the messages to deliver again.
type response struct {
	Failures []failedItem `json:"batchItemFailures"`
}

type failedItem struct {
	ID string `json:"itemIdentifier"`
}

// Handle acts on one invocation. For an event of SQS the answer names the messages to deliver again; for others an error
// asks for the whole event again, which is harmless for the files of it that were relayed.
func (r *Relay) Handle(ctx context.Context, payload []byte) ([]byte, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, end.Add(-min(margin, time.Until(end)/5)), errOutOfTime)
		defer cancel()
	}
	d := parse(payload)
	answer := response{Failures: []failedItem{}}
	for _, p := range d.parts {
		err := r.part(ctx, p)
		switch {
		case err == nil:
		case !d.queued:
			return nil, err
		default:
			r.Log.ErrorContext(ctx, "message will be delivered again", "sqs_message", p.id, "error", err.Error())
			answer.Failures = append(answer.Failures, failedItem{p.id})
		}
	}
	if !d.queued {
		return []byte("{}"), nil
	}
	return json.Marshal(answer)
}

var errOutOfTime = errors.New("the time of this invocation ran out")

// part relays the files of one message. Permanent failures are reported when all else is done, so that a redelivery for
// another file's sake does not report them twice.
func (r *Relay) part(ctx context.Context, p part) error {
	if p.err != nil {
		return r.refuse(ctx, p.body, p.err)
	}
	var again error
	var refused []record
	for _, rec := range p.records {
		if rec.err == nil {
			rec.err = r.object(ctx, rec.object)
		}
		switch {
		case errors.Is(rec.err, message.ErrNever):
			refused = append(refused, rec)
		case rec.err != nil:
			again = errors.Join(again, rec.err)
		}
	}
	if again != nil {
		return again
	}
	for _, rec := range refused {
		body := rec.body
		switch {
		case rec.object.Key != "":
			body = rec.object.event()
		case body == nil:
			body = p.body
		}
		if err := r.refuse(ctx, body, rec.err); err != nil {
			return err
		}
	}
	return nil
}

// refuse hands a permanent failure to where people look.
func (r *Relay) refuse(ctx context.Context, body json.RawMessage, err error) error {
	f := message.AsFailure(err, "event.unreadable")
	r.Log.ErrorContext(ctx, "file refused", "code", f.Code, "error", f.Text)
	if r.Failures == nil {
		return f
	}
	if err := r.Failures.Report(ctx, newFailure(r.Now(), body, f)); err != nil {
		return fmt.Errorf("report %s: %w", f.Code, err)
	}
	return nil
}
