// Package tableledger keeps the ledger in Azure Table Storage. Call [New] once per process, or [Use] where nothing is to
// be made; hand the Store to as many goroutines as you like.
//
// It promises what the contract promises, checked by the suite in pkg/ledger/ledgertest against Azurite. There are five
// tables:
//
//   - guests: a row per person; partition = the first two digits of the key.
//   - imports: all in one partition; i|<id> is the import, o|<id> is there while it is open, f|<finished>|<id> afterwards.
//   - entries: sixteen partitions per import, <import>-<first digit of the guest key>, each with e|<guest> (the entry),
//     d|<due>|<guest> and w|<reason>|<guest> (its indexes, empty rows) and c (the tally).
//   - grants: a partition per target, a row per guest to whom it was granted.
//   - tenants: one row for the tenant's pace, one for its circuit breaker and one for the mail provider's.
//
// An entry, its indexes and the tally change in one transaction, under the ETags of the entry and the tally. Each write
// carries a random version, by which a writer whose answer was lost finds out that it has written after all. Updates of
// one partition from one process share transactions, so that they do not get in each other's way.
//
// It leaves out deleting guests, which nobody does: their rows are the memory against a second invitation.
package tableledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
)

// Config says where the tables are: a connection string, or an endpoint and a credential.
type Config struct {
	ConnectionString string // UseDevelopmentStorage=true is the emulator on this machine

	Endpoint   string // https://<account>.table.core.windows.net
	Credential azcore.TokenCredential

	// Prefix is put before the names of the tables, so that several ledgers can share an account: letters and digits,
	// beginning with a letter. Usually empty.
	Prefix string
	// Now is this process's clock, from which the service's is estimated; nil means time.Now.
	Now func() time.Time
	// Client sends the requests; nil takes one that keeps enough connections for all workers of a process.
	Client *http.Client
}

// Store is a ledger in tables. Its methods may be called from many goroutines.
type Store struct {
	guests, imports, entries, grants, tenants *table

	clock  *clock
	queues queues
}

var _ ledger.Store = (*Store)(nil)

// New connects to the tables and makes those that are missing. It needs the role Storage Table Data Contributor.
func New(ctx context.Context, c Config) (*Store, error) {
	s, err := Use(c)
	if err != nil {
		return nil, err
	}
	return s, s.Create(ctx)
}

// Use is New without making tables; it sends nothing. Tables that are missing read as empty, and Storage Table Data Reader
// is enough for what only reads.
func Use(c Config) (*Store, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Store{clock: newClock(c.Now)}
	client, err := c.connect(s.clock)
	if err != nil {
		return nil, fmt.Errorf("table service: %w", err)
	}
	for name, t := range map[string]**table{
		"guests": &s.guests, "imports": &s.imports, "entries": &s.entries, "grants": &s.grants, "tenants": &s.tenants,
	} {
		*t = &table{name: c.Prefix + name, client: client.NewClient(c.Prefix + name), mayLack: true}
	}
	return s, nil
}

// Create makes the tables that are missing; from its first call on, tables that are missing do not read as empty any more.
// The first call must be before s is shared. It may be repeated if it fails, see [IsAway].
func (s *Store) Create(ctx context.Context) error {
	for _, t := range []*table{s.guests, s.imports, s.entries, s.grants, s.tenants} {
		if t.mayLack {
			t.mayLack = false
		}
	}
	for _, t := range []*table{s.guests, s.imports, s.entries, s.grants, s.tenants} {
		if err := t.create(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Now returns the time by the clock of the table service, exact to about half a second. It asks the service only if
// there has been no answer for a while.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	if !s.clock.fresh() {
		if _, err := s.guests.get(ctx, "clock", "clock"); err != nil && !errors.Is(err, errMissing) {
			return time.Time{}, fmt.Errorf("clock of the table service: %w", err)
		}
	}
	return s.clock.now(), nil
}

// Clock returns the time by the same clock without asking the service: by its last answer, however long ago that was, or by
// this process's clock if there has been none. It is for times that need not be exact but must not be minutes off, such as
// when a message comes again.
func (s *Store) Clock() time.Time { return s.clock.estimate() }

func (c Config) connect(watch policy.Policy) (*aztables.ServiceClient, error) {
	options := &aztables.ClientOptions{ClientOptions: azcore.ClientOptions{
		// Workers come back by message, so retries only bridge a hiccup: three, about 3 s in all.
		Retry:            policy.RetryOptions{MaxRetries: 3, RetryDelay: 300 * time.Millisecond, MaxRetryDelay: 2 * time.Second, TryTimeout: 10 * time.Second},
		Transport:        c.Client,
		PerRetryPolicies: []policy.Policy{watch},
	}}
	if c.Client == nil {
		options.Transport = newClient()
	}
	if c.ConnectionString != "" {
		return aztables.NewServiceClientFromConnectionString(blobstore.ConnectionString(c.ConnectionString), options)
	}
	if c.Credential == nil {
		return nil, errors.New("neither a connection string nor a credential")
	}
	return aztables.NewServiceClient(c.Endpoint, c.Credential, options)
}

// newClient returns a client with a connection for each of the 64 steps that a process runs at once. Go's default keeps
// two and opens the rest anew each time.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 128, 128
	return &http.Client{Transport: transport}
}
