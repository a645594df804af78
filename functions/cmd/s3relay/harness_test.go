package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/azblobstore"
	"guestlist/pkg/local/azurite"
	"guestlist/pkg/local/azurite/azuritetest"
	"guestlist/pkg/local/lambda"
	locals3 "guestlist/pkg/local/s3"
)

// binary builds the function once per test process, as "make package" does.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "guestlist-s3relay-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", "lambda.norpc", "-o", file, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the function: %w\n%s", err, out)
	}
	return file, nil
})

// notices are the worlds by their bucket: one S3 server serves all tests of the process.
var notices sync.Map

var server = sync.OnceValues(func() (*locals3.Server, error) {
	return locals3.Start(context.Background(), locals3.Config{Notify: func(raw []byte) {
		var e struct {
			Records []struct {
				S3 struct{ Bucket struct{ Name string } }
			}
		}
		if json.Unmarshal(raw, &e) != nil || len(e.Records) == 0 {
			return
		}
		if w, ok := notices.Load(e.Records[0].S3.Bucket.Name); ok {
			w.(*world).told <- raw
		}
	}})
})

func TestMain(m *testing.M) {
	code := azuritetest.Main(m)
	if s, err := server(); err == nil {
		_ = s.Close() // what is left lies in the temporary folder
	}
	if file, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(file))
	}
	os.Exit(code)
}

// output is what the function writes, shown if the test fails.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// world is a bucket, an inbox, and the function between them: the built binary, S3 by HTTP, Azurite behind a gate.
type world struct {
	t              testing.TB
	s3             *locals3.Server
	bucket, source string
	told           chan []byte // events of S3
	gate           *gate
	blobs          *azblobstore.Store
	function       *lambda.Function
	failures       *lambda.SendOnly
	output         *output
	bootstrap      string // the binary
}

func newWorld(t testing.TB, versions bool, change func(*lambda.Config)) *world {
	t.Helper()
	w := &world{t: t, bucket: "drop-" + strings.ToLower(rand.Text()[:10]), source: "s" + strings.ToLower(rand.Text()[:10]), told: make(chan []byte, 100), output: &output{}}
	file, err := binary()
	w.must(err)
	w.bootstrap = file
	w.s3, err = server()
	w.must(err)
	w.must(w.s3.CreateBucket(t.Context(), w.bucket, versions))
	notices.Store(w.bucket, w)
	a := azuritetest.Shared(t)
	w.gate = newGate(t, a.BlobURL())
	w.blobs, err = azblobstore.New(azblobstore.Config{ConnectionString: a.ConnectionString()})
	w.must(err)
	w.must(w.blobs.CreateContainer(t.Context(), w.container()))
	w.failures, err = lambda.ServeQueue()
	w.must(err)
	t.Cleanup(w.failures.Close)
	c := lambda.Config{Bootstrap: file, Timeout: time.Minute, Output: w.output, Environment: append(w.s3.Environment(),
		"AWS_ENDPOINT_URL_SQS="+w.failures.Endpoint(), "FAILURES_QUEUE_URL="+w.failures.URL(),
		fmt.Sprintf(`SOURCES=[{"bucket":%q,"prefix":"users/","source":%q}]`, w.bucket, w.source),
		fmt.Sprintf("Storage=DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=%s;", azurite.Account, azurite.Key, w.gate.url))}
	if change != nil {
		change(&c)
	}
	w.function = lambda.New(c)
	t.Cleanup(w.function.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.output)
		}
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) container() string { return "inbox-" + w.source }

// queue puts a queue in front of the function, which gets what S3 tells.
func (w *world) queue(c lambda.QueueConfig) *lambda.Queue {
	q := lambda.NewQueue(w.function, c)
	w.t.Cleanup(q.Close)
	return q
}

// put uploads an object and returns the event that S3 sends.
func (w *world) put(key string, body []byte) []byte {
	w.t.Helper()
	_, err := w.s3.Client().PutObject(w.t.Context(), &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("text/csv")})
	w.must(err)
	return w.event()
}

func (w *world) event() []byte {
	w.t.Helper()
	select {
	case raw := <-w.told:
		return raw
	case <-time.After(time.Minute):
		w.t.Fatal("S3 told of nothing")
		return nil
	}
}

// drained waits until the queue has nothing more to deliver.
func (w *world) drained(q *lambda.Queue) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	if err := q.WaitIdle(ctx); err != nil {
		w.t.Fatalf("the queue does not run empty: %v", err)
	}
}

func (w *world) invoke(payload []byte) lambda.Result {
	w.t.Helper()
	r, err := w.function.Invoke(w.t.Context(), payload)
	w.must(err)
	return r
}

// blob reads what became of a key.
func (w *world) blob(key string) ([]byte, blobstore.Info, blobstore.Properties) {
	w.t.Helper()
	path := w.bucket + "/" + key
	info, p, err := w.blobs.Look(w.t.Context(), w.container(), path)
	w.must(err)
	r, _, err := w.blobs.Open(w.t.Context(), w.container(), path, info.ETag)
	w.must(err)
	defer r.Close()
	data, err := io.ReadAll(r)
	w.must(err)
	return data, info, p
}
