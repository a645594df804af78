package azblobstore_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/azblobstore"
)

// copied serves one blob, the target of a copy with a status. Azurite copies at once and knows no other than success.
func copied(t *testing.T, status string) blobstore.Store {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("ETag", `"0x8D"`)
		h.Set("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT")
		h.Set("x-ms-blob-type", "BlockBlob")
		if status != "" {
			h.Set("x-ms-copy-id", "0c1f3a52-0000-4000-8000-000000000001")
			h.Set("x-ms-copy-status", status)
			h.Set("x-ms-copy-progress", "3/10")
		}
		h.Set("Content-Length", "3")
		_, _ = io.WriteString(w, "abc")
	}))
	t.Cleanup(server.Close)
	s, err := azblobstore.New(azblobstore.Config{ConnectionString: "AccountName=a;AccountKey=YQ==;BlobEndpoint=" + server.URL + "/a;"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBlobThatIsStillCopiedIsPending(t *testing.T) {
	t.Parallel()
	s := copied(t, "pending")
	if info, err := s.Stat(t.Context(), "inbox", "a.csv"); !errors.Is(err, blobstore.ErrPending) {
		t.Errorf("stat %+v, %v", info, err)
	}
	for _, etag := range []string{"", "0x8D"} {
		r, _, err := s.Open(t.Context(), "inbox", "a.csv", etag)
		if !errors.Is(err, blobstore.ErrPending) || errors.Is(err, blobstore.ErrNotFound) || r != nil {
			t.Errorf("open with etag %q: %v", etag, err)
		}
	}
}

func TestBlobWhoseCopyHasEndedIsRead(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"", "success", "failed", "aborted"} {
		s := copied(t, status)
		if info, err := s.Stat(t.Context(), "inbox", "a.csv"); err != nil || info.ETag != "0x8D" || info.Size != 3 {
			t.Errorf("%q: stat %+v, %v", status, info, err)
		}
		r, _, err := s.Open(t.Context(), "inbox", "a.csv", "0x8D")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); string(got) != "abc" || err != nil {
			t.Errorf("%q: read %q, %v", status, got, err)
		}
		_ = r.Close()
	}
}
