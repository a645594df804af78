// Package blobstoretest is the suite that every adapter of pkg/blobstore passes: the contract's sentences as tests. An
// adapter's own test calls [Run] with a function that opens a store; containers are made under new names, so a store may
// be shared.
package blobstoretest

import (
	"crypto/rand"
	"io"
	"iter"
	"strings"
	"testing"

	"guestlist/pkg/blobstore"
)

// Run runs the suite, each promise in parallel in a container of its own. The store must be a blobstore.Versions too.
func Run(t *testing.T, open func(t *testing.T) blobstore.Store) {
	for _, tc := range []struct {
		name string
		run  func(*testing.T, fixture)
	}{
		{"WrittenBytesAreRead", roundTrip},
		{"LargeBlobIsStreamedWhole", large},
		{"AnyPathIsKept", paths},
		{"MissingBlobIsNotFound", missing},
		{"NothingIsVisibleBeforeClose", invisible},
		{"AbortLeavesTheFormerVersion", abort},
		{"SpentWriterRefuses", spent},
		{"NewVersionHasAnotherETag", versions},
		{"ETagsAreUnquotedAndTheSameEverywhere", etags},
		{"OpenRefusesAnotherVersion", openStale},
		{"ChangeWhileReadingIsTold", changeWhileReading},
		{"DeletionWhileReadingIsTold", deleteWhileReading},
		{"ReadingWithoutAVersionIsNeverAMixture", noMixture},
		{"ListIsInOrderOfPathAndByPrefix", list},
		{"ListOfAMissingContainerIsEmpty", listMissing},
		{"DeleteMayBeRepeated", remove},
		{"ContainerMayBeCreatedAgain", createContainer},
		{"PropertiesAreOneCommitWithTheBytes", replaceProperties},
		{"ReplaceKeepsToItsCondition", replaceCondition},
		{"ReplaceTellsWhoWasFirst", replaceRace},
		{"ReplaceIsInvisibleBeforeClose", replaceInvisible},
		{"ReplaceMakesNoContainer", replaceNoContainer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(t, fixture{store: open(t), container: "c" + strings.ToLower(rand.Text())})
		})
	}
}

// fixture is a store and the name of a container that does not exist yet.
type fixture struct {
	store     blobstore.Store
	container string
}

func (f fixture) write(t *testing.T, path, data string) {
	t.Helper()
	w := f.store.Create(t.Context(), f.container, path)
	_, err := io.WriteString(w, data)
	must(t, err)
	must(t, w.Close())
}

func (f fixture) read(t *testing.T, path, etag string) (string, blobstore.Info) {
	t.Helper()
	r, info, err := f.store.Open(t.Context(), f.container, path, etag)
	must(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	must(t, err)
	return string(data), info
}

func (f fixture) stat(t *testing.T, path string) blobstore.Info {
	t.Helper()
	info, err := f.store.Stat(t.Context(), f.container, path)
	must(t, err)
	return info
}

func collect[T any](t *testing.T, all iter.Seq2[T, error]) []T {
	t.Helper()
	var found []T
	for v, err := range all {
		must(t, err)
		found = append(found, v)
	}
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
