package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
)

// TestOutageIsToldInAPersonsWords: a command that meets a service that is away says so in a few lines, and what to look at.
func TestOutageIsToldInAPersonsWords(t *testing.T) {
	t.Parallel()
	away := map[string]string{
		"Storage":    "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a;TableEndpoint=http://127.0.0.1:1/a;",
		"ServiceBus": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=k;UseDevelopmentEmulator=true",
	}
	for _, command := range []string{"status", "status abc", "guest ana@partner.example", "drop testdata/good.json -source partners", "source list",
		"cancel abc -yes", "deadletters list", "deadletters replay abc -yes", "breaker show", "breaker close -reason x -yes", "rate show"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, env: away}
			start := time.Now()
			r := w.run("", strings.Fields(command)...)
			if r.code != exitFailed || !strings.HasPrefix(r.err, "guestlist: No connection. ") || strings.Count(r.err, "\n") > 4 || len(r.err) > 500 || r.out != "" {
				t.Errorf("exit %d after %s\n%s%s", r.code, time.Since(start), r.out, r.err)
			}
			for _, noise := range []string{"github.com/", "goroutine", "RESPONSE", "ResponseError", "*Error{", "AccountKey", "127.0.0.1:1/a"} {
				if strings.Contains(r.err, noise) {
					t.Errorf("%q in:\n%s", noise, r.err)
				}
			}
		})
	}
}

// TestOutageOfServiceBusInTheMidstOfAReplay: what was reopened in the ledger is said to go on by itself, and the sweep makes that true.
func TestOutageOfServiceBusInTheMidstOfAReplay(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(w *world){
		"busy": func(w *world) { w.must(w.queues.SetFaults(1, servicebus.Fault{Kind: servicebus.ServerBusy})) },
		"full": func(w *world) {
			for _, queue := range []string{message.Invitations, message.Assignments} {
				info, _ := w.queues.Queue(queue)
				info.Queue.MaxSizeMegabytes = 1
				_, err := w.queues.UpdateQueue(info.Queue)
				w.must(err)
				w.fill(queue)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := map[string]string{"busy": "99e10000000000000001", "full": "99e20000000000000002"}[name]
			w.failures(id, "outage-"+name)
			breaks(w)
			r := w.run("", "deadletters", "replay", id, "-yes")
			said := strings.Join(strings.Fields(r.err), " ")
			if r.code != exitFailed || !strings.Contains(said, "Service Bus takes no messages now") || !strings.Contains(said, "goes on by itself") ||
				strings.Contains(said, "*Error{") || strings.Count(r.err, "\n") > 8 {
				t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
			}
			t.Log(r.err)
			reopened := 0
			for _, p := range people() {
				e, err := w.services.Ledger.Entry(t.Context(), id, message.GuestKey(p.Address))
				w.must(err)
				for _, s := range e.Steps() {
					if s.State == ledger.Sent && !s.Due.IsZero() {
						reopened++
					}
				}
			}
			if reopened == 0 {
				t.Error("nothing waits for the sweep")
			}
		})
	}
}

// fill uses up a queue's quota of one megabyte, with messages for tomorrow.
func (w *world) fill(queue string) {
	w.t.Helper()
	client, err := azservicebus.NewClientFromConnectionString(w.queues.ConnectionString(), nil)
	w.must(err)
	defer client.Close(context.Background())
	sender, err := client.NewSender(queue, nil)
	w.must(err)
	for range 6 {
		_, err := sender.ScheduleMessages(w.t.Context(), []*azservicebus.Message{{Body: make([]byte, 200<<10)}}, time.Now().Add(24*time.Hour), nil)
		w.must(err)
	}
}

// TestOutageIsShownByStatus as work that is late, with where to look.
func TestOutageIsShownByStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "99e30000000000000001"
	all := people()
	all[0].Targets[0].Step = ledger.Step{Generation: 1, State: ledger.Sent, Due: time.Now().Add(-20 * time.Minute)}
	w.imports(ledger.Import{ID: id, Source: "late", Path: "a.csv", Rows: 3}, all...)
	r := w.run("", "status", id)
	if !strings.Contains(strings.Join(strings.Fields(r.out), " "), "Late 1 guest should have been worked on more than 15 minutes ago. Nothing is lost: it waits.") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	t.Log(r.out)
}
