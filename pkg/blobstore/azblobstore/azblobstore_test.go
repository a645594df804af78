package azblobstore_test

import (
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
