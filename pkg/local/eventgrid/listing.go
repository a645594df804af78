package eventgrid

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
)

// inbox is what the names of watched containers begin with.
const inbox = "inbox-"

// listing compares what an account holds with what it held at the last look. It is for one goroutine.
type listing struct {
	client   *service.Client
	account  string
	endpoint string
	seen     map[string]map[string]string // container, path: ETag
	last     uint64                       // the last sequence number given out
}

func newListing(connection string) (*listing, error) {
	// The next look is the retry. The client's own would keep the watcher waiting long after the account is back.
	client, err := azblob.NewClientFromConnectionString(connection, &azblob.ClientOptions{
		ClientOptions: policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	if err != nil {
		return nil, fmt.Errorf("storage connection string: %w", err)
	}
	account := accountName(connection)
	if account == "" {
		return nil, errors.New("storage connection string: no AccountName")
	}
	return &listing{client: client.ServiceClient(), account: account, endpoint: client.URL(), seen: map[string]map[string]string{}}, nil
}

// accountName returns the value of AccountName in a connection string, whose keys ignore case.
func accountName(connection string) string {
	for field := range strings.SplitSeq(connection, ";") {
		if key, value, ok := strings.Cut(strings.TrimSpace(field), "="); ok && strings.EqualFold(key, "AccountName") {
			return value
		}
	}
	return ""
}

// changes returns what was written since the last call, the oldest first. A container that cannot be read is left for the
// next call, nothing of it is marked as seen, and its error is returned beside the changes of the others.
func (l *listing) changes(ctx context.Context) ([]Blob, error) {
	names, err := l.containers(ctx)
	if err != nil {
		return nil, err
	}
	for known := range l.seen {
		if !slices.Contains(names, known) {
			delete(l.seen, known)
		}
	}
	var found []Blob
	var errs []error
	for _, name := range names {
		blobs, err := l.containerChanges(ctx, name)
		if err != nil && !bloberror.HasCode(err, bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted) {
			errs = append(errs, fmt.Errorf("container %s: %w", name, err))
		}
		found = append(found, blobs...)
	}
	slices.SortStableFunc(found, func(a, b Blob) int { return a.Time.Compare(b.Time) })
	for i := range found {
		found[i].Sequence = l.next()
	}
	return found, errors.Join(errs...)
}

// next returns a number above all earlier ones, those of earlier processes included as long as the clock did not go back.
func (l *listing) next() uint64 {
	// Two apart: the number between belongs to a placeholder.
	l.last = max(l.last+2, uint64(time.Now().UnixNano()))
	return l.last
}

func (l *listing) containers(ctx context.Context) ([]string, error) {
	var names []string
	prefix := inbox
	for pages := l.client.NewListContainersPager(&service.ListContainersOptions{Prefix: &prefix}); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list containers: %w", err)
		}
		for _, c := range page.ContainerItems {
			names = append(names, *c.Name)
		}
	}
	return names, nil
}

func (l *listing) containerChanges(ctx context.Context, name string) ([]Blob, error) {
	client := l.client.NewContainerClient(name)
	present, known := map[string]string{}, l.seen[name]
	var found []Blob
	for pages := client.NewListBlobsFlatPager(nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list blobs: %w", err)
		}
		for _, item := range page.Segment.BlobItems {
			path, etag := *item.Name, unquoted(item.Properties)
			present[path] = etag
			if old, ok := known[path]; old == etag || ok && propertiesOnly(item.Properties) {
				continue
			}
			found = append(found, l.blob(name, item))
		}
	}
	for i := range found {
		api, err := operation(ctx, client.NewBlockBlobClient(found[i].Path), found[i].Type)
		if err != nil {
			return nil, fmt.Errorf("block list of %s: %w", found[i].Path, err)
		}
		found[i].API = api
	}
	l.seen[name] = present
	return found, nil
}

// propertiesOnly says whether the last write to a known blob changed metadata or headers, which raises no event. Azurite
// sets both times when content is written; a listing has them in whole seconds, so a doubtful case counts as content:
// rather an event too many than one too few.
func propertiesOnly(p *container.BlobProperties) bool {
	return p.CreationTime != nil && p.LastModified != nil && p.LastModified.After(*p.CreationTime)
}

func (l *listing) blob(name string, item *container.BlobItem) Blob {
	p := item.Properties
	return Blob{
		Account: l.account, Endpoint: l.endpoint, Container: name, Path: *item.Name,
		ETag:        unquoted(p),
		ContentType: value(p.ContentType),
		Type:        string(value(p.BlobType)),
		Length:      value(p.ContentLength),
		Time:        cmp.Or(value(p.LastModified), time.Now()),
	}
}

func unquoted(p *container.BlobProperties) string { return strings.Trim(string(value(p.ETag)), `"`) }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// operation says how the content was written: one that came in blocks has a block list. A blob that is gone already was
// written nevertheless; how, is lost.
func operation(ctx context.Context, c *blockblob.Client, blobType string) (string, error) {
	if blobType != "BlockBlob" {
		return PutBlob, nil
	}
	res, err := c.GetBlockList(ctx, blockblob.BlockListTypeCommitted, nil)
	switch {
	case bloberror.HasCode(err, bloberror.BlobNotFound):
		return PutBlob, nil
	case err != nil:
		return "", err
	case len(res.CommittedBlocks) > 0:
		return PutBlockList, nil
	}
	return PutBlob, nil
}
