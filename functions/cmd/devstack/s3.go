package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/local/lambda"
	"guestlist/pkg/local/s3"
	"guestlist/pkg/policy"
)

// dropBucket is where -s3 puts files, below a folder of the source's name.
const dropBucket = "partner-drop"

// aws is the way of a file from S3 into an inbox: a bucket, its notifications in a queue, and the relay in AWS Lambda.
type aws struct {
	s3       *s3.Server
	function *lambda.Function
	queue    *lambda.Queue
	failures *lambda.SendOnly
}

func (s *stack) startAWS(ctx context.Context, log io.Writer) (err error) {
	if s.relay == "" {
		return nil
	}
	a := &aws{}
	if a.failures, err = lambda.ServeQueue(); err != nil {
		return err
	}
	s.onClose(a.failures.Close)
	events := make(chan []byte, 100)
	if a.s3, err = s3.Start(ctx, s3.Config{Notify: func(event []byte) { events <- event }}); err != nil {
		return fmt.Errorf("start S3: %w", err)
	}
	s.onClose(func() { a.s3.Close() })
	bootstrap, err := filepath.Abs(s.relay)
	if err != nil {
		return err
	}
	a.function = lambda.New(lambda.Config{Bootstrap: bootstrap, Timeout: time.Minute, Output: log, Environment: append(a.s3.Environment(),
		"AWS_ENDPOINT_URL_SQS="+a.failures.Endpoint(), "FAILURES_QUEUE_URL="+a.failures.URL(), "Storage="+s.azurite.ConnectionString(),
		fmt.Sprintf(`SOURCES=[{"bucket":%q,"prefix":%q,"source":%q}]`, dropBucket, s.source+"/", s.source))})
	a.queue = lambda.NewQueue(a.function, lambda.QueueConfig{Visibility: 2 * time.Second, Deliver: 2}) // SQS may deliver twice
	s.onClose(a.queue.Close)
	go func() {
		for e := range events { // as long as the process lives: S3 tells nothing after its end
			a.queue.Send(string(e))
		}
	}()
	s.aws = a
	return a.s3.CreateBucket(ctx, dropBucket, true)
}

// relayed puts a file into the bucket and waits until it is in the inbox. It returns the blob.
func (s *stack) relayed(ctx context.Context, file, name string) (blobstore.Info, error) {
	key := s.source + "/" + name
	if err := s.aws.s3.PutFile(ctx, dropBucket, key, file); err != nil {
		return blobstore.Info{}, err
	}
	s.console.say("put %s into the bucket as s3://%s/%s", file, dropBucket, key)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := s.services.Blobs.Stat(ctx, policy.Container(s.source), dropBucket+"/"+key)
		if !errors.Is(err, blobstore.ErrNotFound) {
			return b, err
		}
		if lost := s.aws.lost(); lost != nil {
			return b, lost
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-tick.C:
		}
	}
}

// lost says what the relay gave up.
func (a *aws) lost() error {
	for _, f := range a.failures.Bodies() {
		return fmt.Errorf("the relay refused a file: %s", f)
	}
	for _, m := range a.queue.Dead() {
		return fmt.Errorf("the relay failed %d times; the log beside the settings file says why: %s", m.Receives, m.Body)
	}
	return nil
}
