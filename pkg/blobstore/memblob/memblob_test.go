package memblob_test

import (
	"testing"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/blobstoretest"
	"guestlist/pkg/blobstore/memblob"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	blobstoretest.Run(t, func(*testing.T) blobstore.Store { return memblob.New("account", time.Now) })
}
