package azblobstore_test

import (
	"errors"
	"net/http"
	"os"
	"testing"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/azblobstore"
	"guestlist/pkg/blobstore/blobstoretest"
	"guestlist/pkg/local/azurite/azuritetest"
)

func TestMain(m *testing.M) { os.Exit(azuritetest.Main(m)) }

func open(t *testing.T) blobstore.Store {
	t.Helper()
	s, err := azblobstore.New(azblobstore.Config{ConnectionString: azuritetest.Shared(t).ConnectionString()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBlobServiceKeepsTheContract(t *testing.T) {
	t.Parallel()
	blobstoretest.Run(t, open)
}

func TestDevelopmentStorageIsTheEmulatorOnThisMachine(t *testing.T) {
	t.Parallel()
	var asked string
	s, err := azblobstore.New(azblobstore.Config{ConnectionString: "UseDevelopmentStorage=true",
		Client: &http.Client{Transport: tripper(func(req *http.Request) (*http.Response, error) {
			asked = req.URL.Host + req.URL.Path
			return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		})}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Stat(t.Context(), "inbox", "a")
	if !errors.Is(err, blobstore.ErrNotFound) || asked != "127.0.0.1:10000/devstoreaccount1/inbox/a" || s.Account() != "devstoreaccount1" {
		t.Errorf("asked %s of account %s: %v", asked, s.Account(), err)
	}
}

// tripper is a transport made of a function.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
