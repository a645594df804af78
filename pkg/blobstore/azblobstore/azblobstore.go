// Package azblobstore reads and writes blobs of Azure Storage. Call [New] once per process.
//
// It promises what the contract promises, checked by the suite in pkg/blobstore/blobstoretest against Azurite. Blobs are
// streamed both ways: a reader holds no more than its connection does, a writer one block of 256 KiB, one of Replace two
// of 4 MiB. A reader whose connection breaks goes on where it was, with the same version of the blob.
//
// It leaves out copies, snapshots and leases.
package azblobstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"guestlist/pkg/blobstore"
)

// Config says where the blobs are: a connection string, or an endpoint and a credential.
type Config struct {
	ConnectionString string // UseDevelopmentStorage=true is the emulator on this machine

	Endpoint   string // https://<account>.blob.core.windows.net
	Credential azcore.TokenCredential

	// Client sends the requests; nil takes one that keeps enough connections for all workers of a process. It must not
	// decompress: a blob is read as it is stored.
	Client *http.Client
}

// Store is the blobs of an account. Its methods may be called from many goroutines.
type Store struct {
	account string
	client  *service.Client
	made    sync.Map // containers known to exist
}

var _ blobstore.Store = (*Store)(nil)

// New returns the blobs of an account. It sends nothing. Its methods need the role Storage Blob Data Contributor.
func New(c Config) (*Store, error) {
	client, err := c.connect()
	if err != nil {
		return nil, fmt.Errorf("blob service: %w", err)
	}
	account, err := accountOf(client.URL())
	if err != nil {
		return nil, err
	}
	return &Store{account: account, client: client}, nil
}

func (c Config) connect() (*service.Client, error) {
	if c.Client == nil {
		c.Client = newClient()
	}
	// Workers come back by message, so retries only bridge a hiccup: three, about 3 s in all. There is no time-out of a
	// try, since it would count the time in which a caller reads; the client has one until the answer begins.
	options := &service.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: c.Client,
		Retry:     policy.RetryOptions{MaxRetries: 3, RetryDelay: 300 * time.Millisecond, MaxRetryDelay: 2 * time.Second},
	}}
	if c.ConnectionString != "" {
		return service.NewClientFromConnectionString(blobstore.ConnectionString(c.ConnectionString), options)
	}
	if c.Credential == nil {
		return nil, errors.New("neither a connection string nor a credential")
	}
	return service.NewClient(c.Endpoint, c.Credential, options)
}

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 128, 128
	transport.DisableCompression = true
	transport.ResponseHeaderTimeout = 30 * time.Second
	return &http.Client{Transport: transport}
}

// accountOf returns the account in the address of a blob service: the first label of the host or, where the host is an
// IP address or localhost as with emulators, the first element of the path.
func accountOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("address of the blob service: %w", err)
	}
	path, _, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if path != "" {
		return path, nil
	}
	label, _, _ := strings.Cut(u.Hostname(), ".")
	return label, nil
}

// Account implements [blobstore.Store].
func (s *Store) Account() string { return s.account }

// CreateContainer implements [blobstore.Store].
func (s *Store) CreateContainer(ctx context.Context, container string) error {
	_, err := s.client.NewContainerClient(container).Create(ctx, nil)
	if err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return fail("create container", container, err)
	}
	s.made.Store(container, true)
	return nil
}

// Delete implements [blobstore.Store].
func (s *Store) Delete(ctx context.Context, container, path string) error {
	_, err := s.client.NewContainerClient(container).NewBlobClient(path).Delete(ctx, nil)
	if err = fail("delete", container+"/"+path, err); errors.Is(err, blobstore.ErrNotFound) {
		return nil
	}
	return err
}

// fail sorts an error of the SDK and says what was to be done with what. The SDK's own text is a page, the answer's body
// included.
func fail(what, which string, err error) error {
	res, ok := errors.AsType[*azcore.ResponseError](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		if without, ok := errors.AsType[*url.Error](err); ok { // with the address, which may hold an access signature
			err = without.Err
		}
		return fmt.Errorf("%s %s: %w", what, which, err)
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w", what, which, blobstore.ErrNotFound)
	case bloberror.HasCode(err, bloberror.BlobArchived, bloberror.BlobBeingRehydrated):
		return fmt.Errorf("%s %s: %w", what, which, blobstore.ErrArchived)
	case res.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("%s %s: %w", what, which, blobstore.ErrChanged)
	}
	request := ""
	if res.RawResponse != nil {
		request = res.RawResponse.Header.Get("x-ms-request-id")
	}
	return fmt.Errorf("%s %s: %s (status %d, request %s)", what, which, res.ErrorCode, res.StatusCode, request)
}
