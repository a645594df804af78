package blobstore_test

import (
	"strings"
	"testing"

	"guestlist/pkg/blobstore"
)

func TestDevelopmentStorageIsTheEmulatorOnThisMachine(t *testing.T) {
	t.Parallel()
	for _, short := range []string{
		"UseDevelopmentStorage=true", "UseDevelopmentStorage=true;", " usedevelopmentstorage = True ; ",
		"UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://127.0.0.1",
	} {
		full := blobstore.ConnectionString(short)
		for _, want := range []string{
			"AccountName=devstoreaccount1;", "AccountKey=Eby8",
			";BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;", ";QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;",
			";TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;",
		} {
			if !strings.Contains(full, want) {
				t.Errorf("%q becomes %q, without %q", short, full, want)
			}
		}
	}
}

func TestDevelopmentStorageMayLieOnAnotherMachine(t *testing.T) {
	t.Parallel()
	full := blobstore.ConnectionString("UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite/")
	if !strings.Contains(full, ";TableEndpoint=http://azurite:10002/devstoreaccount1;") {
		t.Errorf("became %q", full)
	}
}

func TestOtherConnectionStringsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "UseDevelopmentStorage=false", "AccountName=usedevelopmentstorage;AccountKey=true==",
		"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=YQ==;EndpointSuffix=core.windows.net",
	} {
		if got := blobstore.ConnectionString(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}
