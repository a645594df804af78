package eventgrid_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/child"
	"guestlist/pkg/local/eventgrid"
	"guestlist/pkg/local/servicebus"
)

// setMetadataLater sets metadata once the server's clock shows another second than at the upload: listings have whole
// seconds, and in the same second metadata cannot be told from content.
func (w *world) setMetadataLater(container, path string) {
	w.t.Helper()
	client := w.blobs.ServiceClient().NewContainerClient(container).NewBlobClient(path)
	for {
		props, err := client.GetProperties(w.t.Context(), nil)
		if err != nil {
			w.t.Fatal(err)
		}
		if props.Date.After(*props.CreationTime) {
			break
		}
	}
	if _, err := client.SetMetadata(w.t.Context(), map[string]*string{"seen": to.Ptr("yes")}, nil); err != nil {
		w.t.Fatal(err)
	}
}

func TestNoEventIsLostWhenConnectionsBreak(t *testing.T) {
	w := setup(t)
	box := w.inbox()
	w.watch(nil)
	var want []string
	for i := range 20 {
		want = append(want, w.put(box, fmt.Sprintf("%02d.csv", i), "1"))
		w.bus.DropConnections()
	}
	// At least once: what was accepted unheard comes again, with the same id.
	got := map[string]string{}
	for len(got) < len(want) {
		for _, e := range w.receive(1) {
			if id := got[e.Data.ETag]; id != "" && id != e.messageID {
				t.Errorf("one version, two ids: %s, %s", id, e.messageID)
			}
			got[e.Data.ETag] = e.messageID
		}
	}
	for _, etag := range want {
		if got[etag] == "" {
			t.Errorf("no event of %s", etag)
		}
	}
}

// TestAnEventAcceptedUnheardIsSentAgain cuts the connection between the broker's acceptance and the watcher's knowledge.
func TestAnEventAcceptedUnheardIsSentAgain(t *testing.T) {
	w := setup(t)
	box := w.inbox()
	address := w.deafOnce()
	w.watch(func(c *eventgrid.Config) {
		c.ServiceBus = strings.ReplaceAll(c.ServiceBus, w.bus.Addr(), address)
	})
	w.put(box, "a.csv", "1")
	got := w.receive(2)
	if got[0].messageID != got[1].messageID || got[0].Data.ETag != got[1].Data.ETag {
		t.Errorf("two events: %+v", got)
	}
}

func TestEventsWaitForABrokerThatIsAway(t *testing.T) {
	w := setup(t)
	box := w.inbox()
	port, err := child.QuietPort()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	lines := make(logged, 1000)
	w.watch(func(c *eventgrid.Config) {
		c.Log = slog.New(slog.NewTextHandler(lines, nil))
		c.ServiceBus = "Endpoint=sb://" + address + ";SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true"
	})
	first := w.put(box, "a.csv", "1")
	second := w.put(box, "b.csv", "2")
	for range 3 {
		lines.await(t, "event was not delivered")
	}
	bus, err := servicebus.Serve(servicebus.Config{Listen: address, Queues: []servicebus.Queue{{Name: "uploads"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	w.bus = bus
	if diff := cmp.Diff([]string{first, second}, etags(w.receive(2))); diff != "" {
		t.Error(diff)
	}
}

// logged hands on what a log handler writes, line by line. Lines beyond its capacity are dropped.
type logged chan string

func (l logged) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default:
	}
	return len(line), nil
}

func (l logged) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return
			}
		case <-late:
			t.Fatalf("the log never said %q", text)
		}
	}
}

// flaky stands before Azurite and answers 500 to what fails says.
func (w *world) flaky(fails func(*http.Request) bool) (connection string) {
	target, err := url.Parse(w.azurite.BlobURL())
	if err != nil {
		w.t.Fatal(err)
	}
	target.Path = ""
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if fails(r) {
			http.Error(rw, "down", http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(server.Close)
	return strings.ReplaceAll(w.azurite.ConnectionString(), target.String(), server.URL)
}

func TestNothingIsSeenBeforeItIsReadInFull(t *testing.T) {
	w := setup(t)
	boxA, boxB := w.inbox(), w.inbox()
	var left atomic.Int32
	w.watch(func(c *eventgrid.Config) {
		c.Storage = w.flaky(func(r *http.Request) bool {
			return r.URL.Query().Get("comp") == "blocklist" && strings.Contains(r.URL.Path, boxA) && left.Add(-1) >= 0
		})
	})
	left.Store(5)
	a := w.put(boxA, "a.csv", "1")
	b := w.put(boxB, "b.csv", "1")
	got := etags(w.receive(2))
	slices.Sort(got)
	want := []string{a, b}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if left.Load() >= 0 {
		t.Error("the fault was not met")
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const account = "AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:1/a;"
	const namespace = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true"
	cases := map[string]struct {
		config eventgrid.Config
		want   string
	}{
		"no storage":      {eventgrid.Config{ServiceBus: namespace}, "storage connection string"},
		"no service bus":  {eventgrid.Config{Storage: account}, "service bus connection string"},
		"silent account":  {eventgrid.Config{Storage: account, ServiceBus: namespace}, "list containers"},
		"no account name": {eventgrid.Config{Storage: "BlobEndpoint=http://127.0.0.1:1/a;SharedAccessSignature=x", ServiceBus: namespace}, "AccountName"},
	}
	for name, c := range cases {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			_, err := eventgrid.Start(t.Context(), c.config)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %q", err, c.want)
			}
		})
	}
}
