package eventgrid_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/azurite"
	"guestlist/pkg/local/eventgrid"
)

func TestANewBlobRaisesAnEventAsARealAccountDoes(t *testing.T) {
	w := setup(t)
	box, results := w.inbox(), w.container("results-"+w.id)
	w.watch(nil)
	w.put(results, "not-watched.csv", "x")
	etag := w.put(box, "2026/new guests.csv", "Email\na@b.co\n")

	got := w.receive(1)[0]
	want := event{Subject: "/blobServices/default/containers/" + box + "/blobs/2026/new guests.csv", EventType: "Microsoft.Storage.BlobCreated"}
	want.Topic = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/" + azurite.Account
	want.Data.API, want.Data.ETag, want.Data.ContentType, want.Data.BlobType = "PutBlob", etag, "text/csv", "BlockBlob"
	want.Data.ContentLength = len("Email\na@b.co\n")
	want.Data.URL = w.azurite.BlobURL() + "/" + box + "/2026/new%20guests.csv"
	want.ID, want.messageID, want.Data.Sequencer = got.ID, got.ID, got.Data.Sequencer
	want.contentType, want.attempt = "application/json; charset=utf-8", "0"
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(event{})); diff != "" {
		t.Error(diff)
	}
	if len(got.ID) != 36 || len(got.Data.Sequencer) != 48 {
		t.Errorf("id %q, sequencer %q", got.ID, got.Data.Sequencer)
	}
}

func TestABlockListIsToldFromOnePiece(t *testing.T) {
	w := setup(t)
	box := w.inbox()
	w.watch(nil)
	etag := w.putBlocks(box, "blocks.csv", "Email\n")
	got := w.receive(1)[0]
	if got.Data.API != "PutBlockList" || got.Data.ETag != etag {
		t.Errorf("api %s, ETag %s; want PutBlockList, %s", got.Data.API, got.Data.ETag, etag)
	}
}

func TestEveryVersionRaisesAnEventAndMetadataNone(t *testing.T) {
	w := setup(t)
	box := w.inbox()
	w.watch(nil)
	want := []string{w.put(box, "a.csv", "1")}
	got := w.receive(1)
	w.setMetadataLater(box, "a.csv")
	want = append(want, w.put(box, "b.csv", "1"))
	got = append(got, w.receive(1)...) // b comes after what the metadata of a would have raised
	want = append(want, w.put(box, "a.csv", "1"))
	got = append(got, w.receive(1)...)
	if diff := cmp.Diff(want, etags(got)); diff != "" {
		t.Error(diff)
	}
	for i, e := range got[1:] {
		if e.Data.Sequencer <= got[i].Data.Sequencer {
			t.Errorf("sequencer %s comes after %s", e.Data.Sequencer, got[i].Data.Sequencer)
		}
	}
}

func TestWhatWasThereBeforeRaisesAnEventOnlyIfAsked(t *testing.T) {
	for name, existing := range map[string]bool{"seen": false, "asked_for": true} {
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			box := w.inbox()
			w.put(box, "old.csv", "1")
			w.watch(func(c *eventgrid.Config) { c.Existing = existing })
			w.put(box, "new.csv", "1")
			want := []string{"new.csv"}
			if existing {
				want = []string{"old.csv", "new.csv"}
			}
			if diff := cmp.Diff(want, paths(w.receive(len(want)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestContainersThatComeLaterAreWatched(t *testing.T) {
	w := setup(t)
	w.watch(nil)
	box := w.inbox()
	w.put(box, "a.csv", "1")
	if diff := cmp.Diff([]string{"a.csv"}, paths(w.receive(1))); diff != "" {
		t.Error(diff)
	}
}

func TestAPlaceholderComesFirstIfAsked(t *testing.T) {
	w := setup(t)
	box := w.inbox()
	w.watch(func(c *eventgrid.Config) { c.EmptyFirst = true })
	etag := w.put(box, "a.csv", "12345")
	got := w.receive(2)
	empty, full := got[0], got[1]
	if empty.Data.API != "CreateFile" || empty.Data.ContentLength != 0 || empty.Data.ETag == etag || empty.Data.ETag == "" {
		t.Errorf("first event: %+v", empty.Data)
	}
	if full.Data.API != "PutBlob" || full.Data.ContentLength != 5 || full.Data.ETag != etag {
		t.Errorf("second event: %+v", full.Data)
	}
	if empty.Subject != full.Subject || empty.ID == full.ID || empty.Data.Sequencer >= full.Data.Sequencer {
		t.Errorf("the two do not belong together: %+v, %+v", empty, full)
	}
}

func TestCloudEventsAreDeliveredIfAsked(t *testing.T) {
	w := setup(t)
	box := w.inbox()
	w.watch(func(c *eventgrid.Config) { c.CloudEvents = true })
	w.put(box, "a.csv", "1")
	got := w.receive(1)[0]
	if got.Type != "Microsoft.Storage.BlobCreated" || got.EventType != "" || !strings.HasSuffix(got.Source, "/storageAccounts/"+azurite.Account) ||
		got.contentType != "application/cloudevents+json; charset=utf-8" {
		t.Errorf("not a CloudEvent: %+v", got)
	}
}
