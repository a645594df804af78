package eventgrid_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"guestlist/pkg/local/azurite"
	"guestlist/pkg/local/azurite/azuritetest"
	"guestlist/pkg/local/eventgrid"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/servicebustest"
)

// patience bounds every wait: much longer than anything takes on a loaded machine.
const patience = time.Minute

// world is a namespace of one test, and an account that tests share: Azurite takes seconds to start. Watchers see every
// inbox of the account, so each test has containers of its own and reads only their events.
type world struct {
	t       *testing.T
	id      string
	azurite *azurite.Server
	bus     *servicebus.Server
	blobs   *azblob.Client
}

func setup(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	account := azuritetest.Shared(t)
	blobs, err := azblob.NewClientFromConnectionString(account.ConnectionString(), nil)
	if err != nil {
		t.Fatal(err)
	}
	bus := servicebustest.Start(t, servicebus.Queue{Name: "uploads"})
	return &world{t: t, id: strings.ToLower(rand.Text()[:8]), azurite: account, bus: bus, blobs: blobs}
}

// watch starts a watcher of w with what change sets.
func (w *world) watch(change func(*eventgrid.Config)) *eventgrid.Watcher {
	w.t.Helper()
	c := eventgrid.Config{
		Storage: w.azurite.ConnectionString(), ServiceBus: w.bus.ConnectionString(), Interval: 20 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
	}
	if change != nil {
		change(&c)
	}
	watcher, err := eventgrid.Start(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(watcher.Close)
	return watcher
}

// inbox makes a container that is watched and returns its name.
func (w *world) inbox() string {
	return w.container("inbox-" + w.id + "-" + strings.ToLower(rand.Text()[:4]))
}

func (w *world) container(name string) string {
	w.t.Helper()
	if _, err := w.blobs.CreateContainer(w.t.Context(), name, nil); err != nil {
		w.t.Fatal(err)
	}
	return name
}

// put writes a blob in one piece and returns its ETag without quotes.
func (w *world) put(container, path, text string) string {
	w.t.Helper()
	res, err := w.blobs.UploadBuffer(w.t.Context(), container, path, []byte(text), &azblob.UploadBufferOptions{
		HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr("text/csv")},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Trim(string(*res.ETag), `"`)
}

// putBlocks writes a blob as one block and a block list.
func (w *world) putBlocks(container, path, text string) string {
	w.t.Helper()
	client := w.blobs.ServiceClient().NewContainerClient(container).NewBlockBlobClient(path)
	if _, err := client.StageBlock(w.t.Context(), "MDAwMQ==", body{strings.NewReader(text)}, nil); err != nil {
		w.t.Fatal(err)
	}
	res, err := client.CommitBlockList(w.t.Context(), []string{"MDAwMQ=="}, &blockblob.CommitBlockListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Trim(string(*res.ETag), `"`)
}

type body struct{ *strings.Reader }

func (body) Close() error { return nil }

// event is what the tests read of a delivered message; it shares no code with the writer.
type event struct {
	Topic, Source, Subject, EventType, Type, ID string
	Data                                        struct {
		API, ETag, ContentType, BlobType, URL, Sequencer string
		ContentLength                                    int
	}
	messageID, contentType, attempt string
}

// receive takes events from the queue until n of them are this test's.
func (w *world) receive(n int) []event {
	w.t.Helper()
	t := w.t
	client, err := azservicebus.NewClientFromConnectionString(w.bus.ConnectionString(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(context.Background())
	receiver, err := client.NewReceiverForQueue("uploads", &azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var events []event
	for len(events) < n {
		messages, err := receiver.ReceiveMessages(ctx, 1, nil)
		if err != nil {
			t.Fatalf("%d of %d events came: %v", len(events), n, err)
		}
		for _, m := range messages {
			if e := parse(t, m); strings.Contains(e.Subject, w.id) {
				events = append(events, e)
			}
		}
	}
	return events
}

func parse(t *testing.T, m *azservicebus.ReceivedMessage) event {
	t.Helper()
	var e event
	if err := json.Unmarshal(m.Body, &e); err != nil {
		t.Fatalf("%v: %s", err, m.Body)
	}
	e.messageID, e.contentType = m.MessageID, *m.ContentType
	e.attempt, _ = m.ApplicationProperties["aeg-delivery-count"].(string)
	return e
}

// paths returns what the events are about, by their subjects.
func paths(events []event) (all []string) {
	for _, e := range events {
		_, path, _ := strings.Cut(e.Subject, "/blobs/")
		all = append(all, path)
	}
	return all
}

func etags(events []event) (all []string) {
	for _, e := range events {
		all = append(all, e.Data.ETag)
	}
	return all
}

func TestMain(m *testing.M) { os.Exit(azuritetest.Main(m)) }
