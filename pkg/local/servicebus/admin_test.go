package servicebus_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus/admin"
	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/servicebustest"
)

// toHTTP sends the requests of the administration client, which knows https only, to a server without TLS.
type toHTTP struct{ host string }

func (t toHTTP) Do(r *http.Request) (*http.Response, error) {
	r.URL.Scheme, r.URL.Host = "http", t.host
	return http.DefaultClient.Do(r)
}

// adminURL serves the administration of s by http until the end of the test.
func adminURL(t *testing.T, s *servicebus.Server) string {
	t.Helper()
	h := httptest.NewServer(s.Admin())
	t.Cleanup(h.Close)
	return h.URL
}

// administer returns a client for the administration of s, by http.
func administer(t *testing.T, s *servicebus.Server, connectionString string) *admin.Client {
	t.Helper()
	c, err := admin.NewClientFromConnectionString(connectionString,
		&admin.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: toHTTP{strings.TrimPrefix(adminURL(t, s), "http://")}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func adminOf(t *testing.T, s *servicebus.Server) *admin.Client {
	t.Helper()
	return administer(t, s, s.ConnectionString())
}

// fine takes the answer out of a call that must not fail.
func fine[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks an answer: its status, and words that say what to do.
func refused(t *testing.T, err error, status int, words string) {
	t.Helper()
	e, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok || e.StatusCode != status || !strings.Contains(html.UnescapeString(err.Error()), words) {
		t.Errorf("error %v, want status %d and %q", err, status, words)
	}
}

const forever = "P10675199DT2H48M5.4775807S"

// fresh are the properties of a queue for which nothing was asked.
func fresh() admin.QueueProperties {
	return admin.QueueProperties{LockDuration: new("PT1M"), MaxSizeInMegabytes: new(int32(1024)), RequiresDuplicateDetection: new(false),
		RequiresSession: new(false), DefaultMessageTimeToLive: new(forever), DeadLetteringOnMessageExpiration: new(false),
		DuplicateDetectionHistoryTimeWindow: new("PT10M"), MaxDeliveryCount: new(int32(10)), EnableBatchedOperations: new(true),
		Status: new(admin.EntityStatusActive), AutoDeleteOnIdle: new(forever), EnablePartitioning: new(false),
		MaxMessageSizeInKilobytes: new(int64(256))}
}

func TestAQueueIsCreatedReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	c, ctx := adminOf(t, servicebustest.Start(t)), t.Context()
	created := fine[admin.CreateQueueResponse](t)(c.CreateQueue(ctx, "plain", nil))
	if d := cmp.Diff(fresh(), created.QueueProperties); d != "" {
		t.Error(d)
	}
	want := admin.QueueProperties{LockDuration: new("PT45S"), MaxSizeInMegabytes: new(int32(2048)), RequiresDuplicateDetection: new(true),
		RequiresSession: new(false), DefaultMessageTimeToLive: new("P1DT2H3M4.5S"), DeadLetteringOnMessageExpiration: new(true),
		DuplicateDetectionHistoryTimeWindow: new("PT4H"), MaxDeliveryCount: new(int32(7)), EnableBatchedOperations: new(false),
		Status: new(admin.EntityStatusReceiveDisabled), AutoDeleteOnIdle: new("P14D"), EnablePartitioning: new(false),
		UserMetadata: new("a <note> & more"), MaxMessageSizeInKilobytes: new(int64(100))}
	fine[admin.CreateQueueResponse](t)(c.CreateQueue(ctx, "a/b", &admin.CreateQueueOptions{Properties: &want}))
	got := fine[*admin.GetQueueResponse](t)(c.GetQueue(ctx, "A/B", nil))
	if d := cmp.Diff(want, got.QueueProperties); d != "" {
		t.Error(d)
	}
	again := fine[admin.UpdateQueueResponse](t)(c.UpdateQueue(ctx, "a/b", got.QueueProperties, nil))
	if d := cmp.Diff(want, again.QueueProperties); d != "" {
		t.Error("written back as it was read:", d)
	}
	updated := fine[admin.UpdateQueueResponse](t)(c.UpdateQueue(ctx, "a/b", admin.QueueProperties{MaxDeliveryCount: new(int32(3))}, nil))
	want = fresh() // what is left open is as in a new queue, but for what cannot be changed
	want.MaxDeliveryCount, want.RequiresDuplicateDetection = new(int32(3)), new(true)
	if d := cmp.Diff(want, updated.QueueProperties); d != "" {
		t.Error(d)
	}
	fine[admin.DeleteQueueResponse](t)(c.DeleteQueue(ctx, "a/b", nil))
	if counts := fine[*admin.GetQueueRuntimePropertiesResponse](t)(c.GetQueueRuntimeProperties(ctx, "a/b", nil)); counts != nil {
		t.Errorf("still counted: %+v", counts)
	}
	if gone := fine[*admin.GetQueueResponse](t)(c.GetQueue(ctx, "a/b", nil)); gone != nil {
		t.Errorf("still there: %+v", gone)
	}
}

func TestAPartitionedQueueIsSixteenTimesAsLarge(t *testing.T) {
	t.Parallel()
	c, ctx := adminOf(t, servicebustest.Start(t)), t.Context()
	made := fine[admin.CreateQueueResponse](t)(c.CreateQueue(ctx, "p", &admin.CreateQueueOptions{
		Properties: &admin.QueueProperties{EnablePartitioning: new(true), MaxSizeInMegabytes: new(int32(4096))}}))
	same := fine[admin.UpdateQueueResponse](t)(c.UpdateQueue(ctx, "p", made.QueueProperties, nil))
	for _, p := range []admin.QueueProperties{made.QueueProperties, same.QueueProperties} {
		if *p.MaxSizeInMegabytes != 16*4096 || !*p.EnablePartitioning {
			t.Errorf("%d MB, partitioned %v", *p.MaxSizeInMegabytes, *p.EnablePartitioning)
		}
	}
}

func TestCountsOfAQueue(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	c := adminOf(t, f.server)
	before := fine[*admin.GetQueueRuntimePropertiesResponse](t)(c.GetQueueRuntimeProperties(f.ctx, "q", nil))
	if !before.AccessedAt.IsZero() || time.Since(before.CreatedAt) > time.Minute || before.TotalMessageCount != 0 || before.SizeInBytes != 0 {
		t.Errorf("unused: %+v", before)
	}
	f.send("locked", "dead", "deferred", "waiting")
	fine[[]int64](t)(f.sender.ScheduleMessages(f.ctx, []*azservicebus.Message{{}}, time.Now().Add(time.Hour), nil))
	r := f.receiver(nil)
	for _, m := range f.many(r, 3) {
		switch string(m.Body) {
		case "dead":
			f.must(r.DeadLetterMessage(f.ctx, m, nil))
		case "deferred":
			f.must(r.DeferMessage(f.ctx, m, nil))
		}
	}
	got := fine[*admin.GetQueueRuntimePropertiesResponse](t)(c.GetQueueRuntimeProperties(f.ctx, "q", nil)).QueueRuntimeProperties
	if got.SizeInBytes < 10 || time.Since(got.AccessedAt) > time.Minute || got.UpdatedAt.IsZero() {
		t.Errorf("%+v", got)
	}
	want := admin.QueueRuntimeProperties{TotalMessageCount: 5, ActiveMessageCount: 2, DeadLetterMessageCount: 1, ScheduledMessageCount: 1,
		SizeInBytes: got.SizeInBytes, CreatedAt: got.CreatedAt, UpdatedAt: got.UpdatedAt, AccessedAt: got.AccessedAt}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestQueuesAreListedByPages(t *testing.T) {
	t.Parallel()
	const n = 205
	var queues []servicebus.Queue
	var want []string
	for i := range n {
		queues = append(queues, servicebus.Queue{Name: fmt.Sprintf("q%03d", i)})
		want = append(want, queues[i].Name)
	}
	c, ctx := adminOf(t, servicebustest.Start(t, queues...)), t.Context()
	for _, size := range []int32{0, 1000, 41, 7} {
		var got []string
		pager := c.NewListQueuesPager(&admin.ListQueuesOptions{MaxPageSize: size})
		for pager.More() {
			page := fine[admin.ListQueuesResponse](t)(pager.NextPage(ctx))
			if size > 0 && len(page.Queues) > int(size) {
				t.Errorf("%d on a page of %d", len(page.Queues), size)
			}
			for _, q := range page.Queues {
				got = append(got, q.QueueName)
			}
		}
		if size == 1000 { // the client stops at the first page that is not full; the service gives 100 at most, too
			got, want = got[:100], want[:100]
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("page size %d: %s", size, d)
		}
		want = want[:cap(want)][:n]
	}
	counts := c.NewListQueuesRuntimePropertiesPager(nil)
	if page := fine[admin.ListQueuesRuntimePropertiesResponse](t)(counts.NextPage(ctx)); len(page.QueueRuntimeProperties) != 100 {
		t.Errorf("%d counts", len(page.QueueRuntimeProperties))
	}
}

func TestAdministrationRefuses(t *testing.T) {
	t.Parallel()
	c, ctx := adminOf(t, servicebustest.Start(t, servicebus.Queue{Name: "q"})), t.Context()
	create := func(p admin.QueueProperties) error {
		_, err := c.CreateQueue(ctx, "new", &admin.CreateQueueOptions{Properties: &p})
		return err
	}
	update := func(name string, p admin.QueueProperties) error {
		_, err := c.UpdateQueue(ctx, name, p, nil)
		return err
	}
	_, exists := c.CreateQueue(ctx, "Q", nil)
	refused(t, exists, 409, "SubCode=40900. Conflict.")
	refused(t, update("none", admin.QueueProperties{}), 404, "SubCode=40400. Not Found.")
	_, missing := c.DeleteQueue(ctx, "none", nil)
	refused(t, missing, 404, "SubCode=40400. Not Found.")
	for property, p := range map[string]admin.QueueProperties{"RequiresSession": {RequiresSession: new(true)},
		"RequiresDuplicateDetection": {RequiresDuplicateDetection: new(true)}, "EnablePartitioning": {EnablePartitioning: new(true)}} {
		refused(t, update("q", p), 400, "The value for the "+property+" property of an existing Queue cannot be changed")
	}
	refused(t, create(admin.QueueProperties{RequiresSession: new(true)}), 400, "asks for sessions: not served by this emulator, which has queues only.")
	refused(t, create(admin.QueueProperties{ForwardTo: new("https://localhost/q")}), 400, "forwarding")
	refused(t, create(admin.QueueProperties{ForwardDeadLetteredMessagesTo: new("https://localhost/q")}), 400, "forwarding of dead letters")
	refused(t, create(admin.QueueProperties{LockDuration: new("PT6M")}), 400, "LockDuration is PT6M, longer than PT5M")
	refused(t, create(admin.QueueProperties{LockDuration: new("a minute")}), 400, `"a minute" is no duration`)
	refused(t, create(admin.QueueProperties{MaxDeliveryCount: new(int32(-1))}), 400, "SubCode=40000. Bad Request.")
	refused(t, create(admin.QueueProperties{Status: new(admin.EntityStatus("Asleep"))}), 400, `"Asleep"`)
	_, topic := c.CreateTopic(ctx, "t", nil)
	refused(t, topic, 400, "a TopicDescription: not served")
	_, topics := c.NewListTopicsPager(nil).NextPage(ctx)
	refused(t, topics, 400, "topics: not served")
	_, subscription := c.CreateSubscription(ctx, "q", "s", nil)
	refused(t, subscription, 400, "subscriptions: not served")
	_, rule := c.GetRule(ctx, "q", "s", "r", nil)
	refused(t, rule, 400, "subscriptions: not served")
	if q := fine[*admin.GetQueueResponse](t)(c.GetQueue(ctx, "new", nil)); q != nil {
		t.Errorf("refused and created: %+v", q)
	}
}

// The administration client takes no other scheme than https.
func TestAdministrationOverHTTPS(t *testing.T) {
	t.Parallel()
	s := servicebustest.Start(t)
	h := httptest.NewTLSServer(s.Admin())
	t.Cleanup(h.Close)
	c, err := admin.NewClientFromConnectionString("Endpoint=sb://"+h.Listener.Addr().String()+";SharedAccessKeyName=k;SharedAccessKey=a2V5",
		&admin.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: h.Client()}})
	if err != nil {
		t.Fatal(err)
	}
	fine[admin.CreateQueueResponse](t)(c.CreateQueue(t.Context(), "q", nil))
	if _, there := s.Queue("q"); !there {
		t.Error("not there")
	}
	n := fine[admin.GetNamespacePropertiesResponse](t)(c.GetNamespaceProperties(t.Context(), nil))
	if n.SKU != "Standard" || n.MessagingUnits != nil || n.Name == "" || time.Since(n.CreatedTime) > time.Minute {
		t.Errorf("%+v", n)
	}
}

func TestHealthSaysWhetherTheServerRuns(t *testing.T) {
	t.Parallel()
	s := servicebustest.Start(t, servicebus.Queue{Name: "q"})
	url := adminURL(t, s)
	for _, want := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		res, err := http.Get(url + "/health")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want || !json.Valid(text) {
			t.Errorf("%s %s, want %d", res.Status, text, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAdministrationVerifiesTokens(t *testing.T) {
	t.Parallel()
	s := servicebustest.StartWith(t, servicebus.Config{Queues: []servicebus.Queue{{Name: "q"}}, Keys: []servicebus.Key{
		{Name: "root", Key: "secret", Rights: []servicebus.Right{servicebus.Manage}},
		{Name: "low", Key: "other", Rights: []servicebus.Right{servicebus.Send, servicebus.Listen}}}})
	ctx := t.Context()
	as := func(name, key string) *admin.Client {
		return administer(t, s, fmt.Sprintf("Endpoint=sb://%s;SharedAccessKeyName=%s;SharedAccessKey=%s", s.Addr(), name, key))
	}
	low := as("low", "other")
	if q := fine[*admin.GetQueueResponse](t)(low.GetQueue(ctx, "none", nil)); q != nil {
		t.Errorf("%+v", q)
	}
	_, err := low.GetQueue(ctx, "q", nil)
	refused(t, err, 401, "Manage,EntityRead claims required for this operation")
	_, err = low.NewListQueuesPager(nil).NextPage(ctx)
	refused(t, err, 401, "Manage,EntityRead claims required for this operation")
	_, err = low.GetNamespaceProperties(ctx, nil)
	refused(t, err, 401, "Manage,EntityRead claims required for this operation")
	_, err = low.CreateQueue(ctx, "new", nil)
	refused(t, err, 401, "Authorization failed for specified action: Manage,EntityWrite.")
	_, err = low.UpdateQueue(ctx, "none", admin.QueueProperties{}, nil)
	refused(t, err, 401, "Authorization failed for specified action: Manage,EntityWrite.")
	_, err = low.DeleteQueue(ctx, "q", nil)
	refused(t, err, 401, "Authorization failed for specified action: Manage,EntityDelete.")
	_, err = as("root", "guessed").GetQueue(ctx, "q", nil)
	refused(t, err, 401, "InvalidSignature: The token has an invalid signature.")
	_, err = as("nobody", "secret").GetQueue(ctx, "q", nil)
	refused(t, err, 401, "InvalidSignature: The token has an invalid signature.")
	root := as("root", "secret")
	own := admin.QueueProperties{AuthorizationRules: []admin.AuthorizationRule{{AccessRights: []admin.AccessRight{admin.AccessRightManage},
		KeyName: new("own"), PrimaryKey: new("first"), SecondaryKey: new("second")}}}
	made := fine[admin.CreateQueueResponse](t)(root.CreateQueue(ctx, "new", &admin.CreateQueueOptions{Properties: &own}))
	if d := cmp.Diff(own.AuthorizationRules, made.AuthorizationRules); d != "" {
		t.Error(d)
	}
	for _, key := range []string{"first", "second"} {
		fine[*admin.GetQueueResponse](t)(as("own", key).GetQueue(ctx, "new", nil))
		_, err = as("own", key).GetQueue(ctx, "q", nil) // the key of another queue
		refused(t, err, 401, "InvalidSignature: The token has an invalid signature.")
	}
	res, err := http.Get(adminURL(t, s) + "/q")
	if err != nil || res.StatusCode != 401 {
		t.Errorf("without a token: %v, %v", res, err)
	}
	res.Body.Close()
}

func TestPremiumHasUnitsAndLargeMessages(t *testing.T) {
	t.Parallel()
	c, ctx := adminOf(t, servicebustest.StartWith(t, servicebus.Config{Tier: servicebus.Premium})), t.Context()
	n := fine[admin.GetNamespacePropertiesResponse](t)(c.GetNamespaceProperties(ctx, nil))
	if n.SKU != "Premium" || n.MessagingUnits == nil || *n.MessagingUnits != 1 {
		t.Errorf("%+v", n)
	}
	for name, want := range map[string]int64{"plain": 102400, "small": 2048} {
		q := admin.QueueProperties{}
		if name == "small" {
			q.MaxMessageSizeInKilobytes = &want
		}
		made := fine[admin.CreateQueueResponse](t)(c.CreateQueue(ctx, name, &admin.CreateQueueOptions{Properties: &q}))
		if got := *made.MaxMessageSizeInKilobytes; got != want {
			t.Errorf("%s: %d KB, want %d", name, got, want)
		}
	}
}

// The SDK's tests of this pass without a detach too: they cannot see whether a link is the old one.
func TestAdministrationDetachesLinks(t *testing.T) {
	t.Parallel()
	r, s := dial(t, 100)
	c, ctx := adminOf(t, s), t.Context()
	detached := func(condition string) {
		t.Helper()
		for range 3 {
			if d := read[*amqp.Detach](r); !d.Closed || string(d.Error.Condition) != condition {
				t.Errorf("%+v, want %s", d, condition)
			}

		}
	}
	attach := func(handle uint32) {
		r.attachSender(handle, "q")
		r.attachReceiver(handle+1, "q")
		r.attachReceiver(handle+2, "q/$management")
	}
	attach(0)
	fine[admin.UpdateQueueResponse](t)(c.UpdateQueue(ctx, "q", admin.QueueProperties{}, nil))
	detached("amqp:link:detach-forced")
	attach(3)
	fine[admin.DeleteQueueResponse](t)(c.DeleteQueue(ctx, "q", nil))
	detached("amqp:not-found")
}
