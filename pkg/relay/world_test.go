package relay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/message"
	"guestlist/pkg/relay"
)

// clock is when everything happens.
var clock = time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)

// bucket is S3: it has whatever is asked for, except for keys that say what is wrong with them.
type bucket struct {
	mu    sync.Mutex
	opens int
	body  func(key, etag string) string
}

func (b *bucket) Open(ctx context.Context, in, key, version, etag string) (io.ReadCloser, blobstore.Info, blobstore.Properties, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opens++
	switch {
	case strings.Contains(key, "busy"):
		return nil, blobstore.Info{}, blobstore.Properties{}, errors.New("read s3://" + in + "/" + key + ": SlowDown (status 503)")
	case strings.Contains(key, "deleted"):
		return nil, blobstore.Info{}, blobstore.Properties{}, blobstore.ErrNotFound
	case strings.Contains(key, "replaced"):
		return nil, blobstore.Info{}, blobstore.Properties{}, blobstore.ErrChanged
	case strings.Contains(key, "archived"):
		return nil, blobstore.Info{}, blobstore.Properties{}, message.Never("file.archived", "it is archived")
	}
	body := "Email\n" + key + "@partner.example\n"
	if b.body != nil {
		body = b.body(key, etag)
	}
	return io.NopCloser(struct{ io.Reader }{strings.NewReader(body)}), blobstore.Info{Size: int64(len(body))}, // read in pieces
		blobstore.Properties{ContentType: "text/csv", Metadata: map[string]string{"checksum": "CRC32:AAAAAA=="}}, nil
}

// letters keeps what was reported.
type letters struct {
	kept []relay.Failure
	err  error
}

func (l *letters) Report(_ context.Context, f relay.Failure) error {
	if l.err == nil {
		l.kept = append(l.kept, f)
	}
	return l.err
}

type world struct {
	*relay.Relay
	blobs   *memblob.Store
	s3      *bucket
	letters *letters
	log     *bytes.Buffer
}

const rules = `[
	{"bucket":"acme-drop","prefix":"users/","source":"acme"},
	{"bucket":"acme-drop","prefix":"users/vip/","source":"acme-vip","maxBytes":5000000000}]`

func newWorld(t *testing.T) *world {
	t.Helper()
	rs, err := relay.ParseRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{blobs: memblob.New("account", func() time.Time { return clock }), s3: &bucket{}, letters: &letters{}, log: &bytes.Buffer{}}
	for _, source := range []string{"acme", "acme-vip"} {
		if err := w.blobs.CreateContainer(t.Context(), "inbox-"+source); err != nil {
			t.Fatal(err)
		}
	}
	w.Relay = &relay.Relay{Rules: rs, Source: w.s3, Inbox: w.blobs, Failures: w.letters,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Now: func() time.Time { return clock }}
	return w
}

// event is an S3 event of one object.
func event(key, etag, version, sequencer string) []byte {
	return []byte(`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","eventTime":"2026-11-26T07:30:00Z","s3":{"bucket":{"name":"acme-drop"},"object":{"key":"` +
		key + `","size":9,"eTag":"` + etag + `","versionId":"` + version + `","sequencer":"` + sequencer + `"}}}]}`)
}

// handle delivers an event that must succeed.
func (w *world) handle(t *testing.T, payload []byte) {
	t.Helper()
	if _, err := w.Handle(t.Context(), payload); err != nil {
		t.Fatalf("%v\n%s", err, w.log)
	}
}

func (w *world) look(t *testing.T, path string) (blobstore.Info, blobstore.Properties) {
	t.Helper()
	info, p, err := w.blobs.Look(t.Context(), "inbox-acme", path)
	if err != nil {
		t.Fatal(err)
	}
	return info, p
}
