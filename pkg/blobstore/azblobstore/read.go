package azblobstore

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"guestlist/pkg/blobstore"
)

// Stat implements [blobstore.Store].
func (s *Store) Stat(ctx context.Context, container, path string) (blobstore.Info, error) {
	res, err := s.blob(container, path).GetProperties(ctx, nil)
	if err != nil {
		return blobstore.Info{}, fail("stat", container+"/"+path, err)
	}
	if pending(res.CopyStatus) {
		return blobstore.Info{}, fail("stat", container+"/"+path, blobstore.ErrPending)
	}
	return info(container, path, res.ETag, res.ContentLength, res.LastModified), nil
}

func (s *Store) blob(container, path string) *blob.Client {
	return s.client.NewContainerClient(container).NewBlobClient(path)
}

// pending reports whether a copy to the blob is still under way. A copy that was aborted or failed leaves an empty blob.
func pending(status *blob.CopyStatusType) bool {
	return status != nil && *status == blob.CopyStatusTypePending
}

func info(container, path string, etag *azcore.ETag, size *int64, modified *time.Time) blobstore.Info {
	i := blobstore.Info{Container: container, Path: path}
	if etag != nil {
		i.ETag = strings.Trim(string(*etag), `"`)
	}
	if size != nil {
		i.Size = *size
	}
	if modified != nil {
		i.Modified = modified.UTC()
	}
	return i
}

// onlyIf returns the condition that a blob has an ETag; nil without one.
func onlyIf(etag string) *blob.AccessConditions {
	if etag == "" {
		return nil
	}
	quoted := azcore.ETag(`"` + strings.Trim(etag, `"`) + `"`)
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &quoted}}
}

// Open implements [blobstore.Store]. The service finishes an answer with the version it began with, so a reader that was
// asked for a version looks once more at the end.
func (s *Store) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	client := s.blob(container, path)
	res, err := client.DownloadStream(ctx, &blob.DownloadStreamOptions{AccessConditions: onlyIf(etag)})
	if err = fail("open", container+"/"+path, err); errors.Is(err, blobstore.ErrChanged) {
		// Azurite says the same of a blob that is missing.
		if _, missing := s.Stat(ctx, container, path); errors.Is(missing, blobstore.ErrNotFound) {
			err = missing
		}
	}
	if err != nil {
		return nil, blobstore.Info{}, err
	}
	if pending(res.CopyStatus) {
		_ = res.Body.Close() // nothing is read
		return nil, blobstore.Info{}, fail("open", container+"/"+path, blobstore.ErrPending)
	}
	r := &reader{ctx: ctx, client: client, which: container + "/" + path, etag: etag, body: res.NewRetryReader(ctx, nil)}
	return r, info(container, path, res.ETag, res.ContentLength, res.LastModified), nil
}

// reader reads one version of a blob.
type reader struct {
	ctx    context.Context
	client *blob.Client
	which  string
	etag   string // as asked for; may be empty
	body   io.ReadCloser
	end    error // what Read returns from now on
}

func (r *reader) Read(p []byte) (int, error) {
	if r.end != nil {
		return 0, r.end
	}
	n, err := r.body.Read(p)
	if err == nil {
		return n, nil
	}
	if r.end = err; errors.Is(err, io.EOF) {
		r.end = r.unchanged()
	} else if r.end = fail("read", r.which, err); errors.Is(r.end, blobstore.ErrNotFound) {
		r.end = fail("read", r.which, blobstore.ErrChanged) // deleted where the connection broke
	}
	return n, r.end
}

// unchanged returns io.EOF if the blob is still the version that was asked for.
func (r *reader) unchanged() error {
	if r.etag == "" {
		return io.EOF
	}
	_, err := r.client.GetProperties(r.ctx, &blob.GetPropertiesOptions{AccessConditions: onlyIf(r.etag)})
	if err = fail("read", r.which, err); errors.Is(err, blobstore.ErrNotFound) {
		return fail("read", r.which, blobstore.ErrChanged)
	}
	if err != nil {
		return err
	}
	return io.EOF
}

func (r *reader) Close() error { return r.body.Close() }

// List implements [blobstore.Store].
func (s *Store) List(ctx context.Context, name, prefix string) iter.Seq2[blobstore.Info, error] {
	return func(yield func(blobstore.Info, error) bool) {
		pager := s.client.NewContainerClient(name).NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
			Prefix: &prefix, Include: container.ListBlobsInclude{Metadata: true},
		})
		for pager.More() {
			page, err := pager.NextPage(ctx)
			if err = fail("list", name+"/"+prefix, err); errors.Is(err, blobstore.ErrNotFound) {
				return
			}
			if err != nil {
				yield(blobstore.Info{}, err)
				return
			}
			for _, item := range page.Segment.BlobItems {
				if item.Name == nil || isFolder(item) {
					continue
				}
				p := item.Properties
				if !yield(info(name, *item.Name, p.ETag, p.ContentLength, p.LastModified), nil) {
					return
				}
			}
		}
	}
}

// isFolder recognises the entries that stand for folders in accounts with a hierarchical namespace, such as those with
// SFTP.
func isFolder(item *container.BlobItem) bool {
	for name, value := range item.Metadata {
		if strings.EqualFold(name, "hdi_isfolder") && value != nil && strings.EqualFold(*value, "true") {
			return true
		}
	}
	return false
}
