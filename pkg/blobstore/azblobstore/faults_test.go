package azblobstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/azblobstore"
	"guestlist/pkg/local/azurite/azuritetest"
)

// cutter breaks the connection of each download after so many bytes.
type cutter struct {
	after int64
	cuts  atomic.Int64
}

func (c *cutter) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && req.Method == http.MethodGet && res.ContentLength > c.after {
		c.cuts.Add(1)
		res.Body = cutBody{io.LimitReader(res.Body, c.after), res.Body}
	}
	return res, err
}

// cutBody ends with the error of a broken connection.
type cutBody struct {
	io.Reader
	io.Closer
}

func (b cutBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func cutting(t *testing.T, after int64) (*azblobstore.Store, *cutter) {
	t.Helper()
	c := &cutter{after: after}
	s, err := azblobstore.New(azblobstore.Config{
		ConnectionString: azuritetest.Shared(t).ConnectionString(), Client: &http.Client{Transport: c},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func write(t *testing.T, s blobstore.Store, container, path string, data []byte) string {
	t.Helper()
	w := s.Create(t.Context(), container, path)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := s.Stat(t.Context(), container, path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ETag
}

func TestReadingGoesOnWhereTheConnectionBroke(t *testing.T) {
	t.Parallel()
	s, c := cutting(t, 100_000)
	want := bytes.Repeat([]byte("0123456789"), 50_000)
	etag := write(t, s, "broken", "a", want)
	r, _, err := s.Open(t.Context(), "broken", "a", etag)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d of %d bytes, %v", len(got), len(want), err)
	}
	if n := c.cuts.Load(); n < 4 {
		t.Errorf("%d connections were cut", n)
	}
}

func TestAnotherVersionIsNotReadWhereTheConnectionBroke(t *testing.T) {
	t.Parallel()
	for _, pinned := range []bool{true, false} {
		s, _ := cutting(t, 100_000)
		etag := write(t, s, "replaced", "a", bytes.Repeat([]byte("1"), 300_000))
		if !pinned {
			etag = ""
		}
		r, _, err := s.Open(t.Context(), "replaced", "a", etag)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		write(t, s, "replaced", "a", bytes.Repeat([]byte("2"), 300_000))
		got, err := io.ReadAll(r)
		if !errors.Is(err, blobstore.ErrChanged) || len(got) != 100_000 || bytes.Contains(got, []byte("2")) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
	}
}

func TestFolderEntriesAreNotListed(t *testing.T) {
	t.Parallel()
	s := open(t)
	if err := s.CreateContainer(t.Context(), "folders"); err != nil {
		t.Fatal(err)
	}
	client, err := service.NewClientFromConnectionString(azuritetest.Shared(t).ConnectionString(), nil)
	if err != nil {
		t.Fatal(err)
	}
	folder := client.NewContainerClient("folders").NewBlockBlobClient("incoming")
	_, err = folder.UploadBuffer(t.Context(), nil, &blockblob.UploadBufferOptions{
		Metadata: map[string]*string{"hdi_isfolder": to.Ptr("true")},
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, "folders", "incoming/a.csv", []byte("x"))
	for info, err := range s.List(t.Context(), "folders", "") {
		if err != nil || info.Path != "incoming/a.csv" {
			t.Errorf("listed %+v, %v", info, err)
		}
	}
}

func TestContainerRemovedMeanwhileIsMadeByTheNextTry(t *testing.T) {
	t.Parallel()
	s := open(t)
	write(t, s, "removed", "a", []byte("x"))
	client, err := service.NewClientFromConnectionString(azuritetest.Shared(t).ConnectionString(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteContainer(t.Context(), "removed", nil); err != nil {
		t.Fatal(err)
	}
	w := s.Create(t.Context(), "removed", "a")
	if err := w.Close(); err == nil {
		t.Error("closed without a container")
	}
	write(t, s, "removed", "a", []byte("x"))
}

// noToken stands in for a credential that is never asked.
type noToken struct{}

func (noToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, errors.New("asked for a token")
}

func TestAccountIsTakenFromTheAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://partnerdata.blob.core.windows.net":        "partnerdata",
		"https://partnerdata.blob.core.usgovcloudapi.net/": "partnerdata",
		"http://127.0.0.1:10000/devstoreaccount1":          "devstoreaccount1",
		"http://localhost:10000/devstoreaccount1/":         "devstoreaccount1",
	} {
		s, err := azblobstore.New(azblobstore.Config{Endpoint: address, Credential: noToken{}})
		if err != nil {
			t.Fatal(err)
		}
		if s.Account() != want {
			t.Errorf("%s: account %q", address, s.Account())
		}
	}
}

func TestErrorsNameBlobAndCode(t *testing.T) {
	t.Parallel()
	s := open(t)
	w := s.Create(t.Context(), "No-Capitals", "a.csv")
	err := w.Close()
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "No-Capitals") {
		t.Errorf("error %v", err)
	}
}

func TestMissingCredentialIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := azblobstore.New(azblobstore.Config{Endpoint: "https://a.blob.core.windows.net"}); err == nil {
		t.Error("connected without a credential")
	}
}
