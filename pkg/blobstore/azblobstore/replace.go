package azblobstore

import (
	"bytes"
	"context"
	"crypto/md5" // the service's own sum, against faults on the way, not against people
	"fmt"
	"hash"
	"io/fs"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"guestlist/pkg/blobstore"
)

// replaceBlock is the block size of Replace: 50,000 blocks, the service's maximum, make 195 GiB.
const replaceBlock = 4 << 20

var _ blobstore.Versions = (*Store)(nil)

// Look implements [blobstore.Versions].
func (s *Store) Look(ctx context.Context, container, path string) (blobstore.Info, blobstore.Properties, error) {
	res, err := s.blob(container, path).GetProperties(ctx, nil)
	if err == nil && pending(res.CopyStatus) {
		err = blobstore.ErrPending
	}
	if err != nil {
		return blobstore.Info{}, blobstore.Properties{}, fail("look at", container+"/"+path, err)
	}
	p := blobstore.Properties{Metadata: map[string]string{}}
	if res.ContentType != nil {
		p.ContentType = *res.ContentType
	}
	for name, value := range res.Metadata {
		if value != nil {
			p.Metadata[strings.ToLower(name)] = *value // the names come as HTTP headers write them
		}
	}
	return info(container, path, res.ETag, res.ContentLength, res.LastModified), p, nil
}

// Replace implements [blobstore.Versions].
func (s *Store) Replace(ctx context.Context, container, path, over string, p blobstore.Properties) blobstore.Writer {
	r := &replacer{writer: s.writer(ctx, container, path, replaceBlock), sum: md5.New()}
	r.conditions = onlyIf(over)
	if over == "" {
		r.conditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
	}
	r.headers = &blob.HTTPHeaders{}
	if p.ContentType != "" {
		r.headers.BlobContentType = &p.ContentType
	}
	r.metadata = map[string]*string{}
	for name, value := range p.Metadata {
		r.metadata[name] = to.Ptr(value)
	}
	return r
}

// replacer is a writer that sends a block while it collects the next one, and commits on a condition.
type replacer struct {
	*writer
	sum        hash.Hash
	conditions *blob.AccessConditions
	headers    *blob.HTTPHeaders
	metadata   map[string]*string
	flight     chan error // the block that is on its way; nil if none is
	spare      []byte     // its buffer
}

func (r *replacer) Write(p []byte) (int, error) {
	written := 0
	for r.err == nil && written < len(p) {
		if r.buf == nil {
			r.buf = make([]byte, 0, r.size)
		}
		n := min(len(p)-written, r.size-len(r.buf))
		r.buf = append(r.buf, p[written:written+n]...)
		written += n
		if len(r.buf) == r.size {
			r.err = r.stage()
		}
	}
	r.sum.Write(p[:written])
	return written, r.err
}

// stage waits for the block before and sends what is collected.
func (r *replacer) stage() error {
	if err := r.landed(); err != nil {
		return err
	}
	id, data, flight := r.nextID(), r.buf, make(chan error, 1)
	go func() {
		// Not ComputeCRC64: the SDK makes a copy of the block for it.
		sum := md5.Sum(data)
		_, err := r.client.StageBlock(r.ctx, id, streaming.NopCloser(bytes.NewReader(data)),
			&blockblob.StageBlockOptions{TransactionalValidation: blob.TransferValidationTypeMD5(sum[:])})
		flight <- err
	}()
	r.flight, r.buf, r.spare = flight, r.spare, data
	if r.buf == nil {
		r.buf = make([]byte, 0, r.size)
	}
	return nil
}

// landed waits for the block that is on its way.
func (r *replacer) landed() error {
	if r.flight == nil {
		return nil
	}
	err := <-r.flight
	r.flight, r.spare = nil, r.spare[:0]
	return r.failed(err)
}

// failed sorts the refusals that only conditions and lost races bring. A commit removes the blocks of all other writers.
func (r *replacer) failed(err error) error {
	if bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.InvalidBlockList) {
		return fmt.Errorf("replace %s: %w", r.which(), blobstore.ErrChanged)
	}
	return fail("replace", r.which(), err)
}

func (r *replacer) Close() error {
	if r.err != nil {
		r.Abort()
		return r.err
	}
	err := r.commit()
	r.Abort()
	return err
}

func (r *replacer) commit() error {
	if len(r.blocks) > 0 && len(r.buf) > 0 {
		if err := r.stage(); err != nil {
			return err
		}
	}
	if err := r.landed(); err != nil {
		return err
	}
	sum := r.sum.Sum(nil)
	r.headers.BlobContentMD5 = sum
	if len(r.blocks) == 0 {
		_, err := r.client.Upload(r.ctx, streaming.NopCloser(bytes.NewReader(r.buf)), &blockblob.UploadOptions{HTTPHeaders: r.headers,
			Metadata: r.metadata, AccessConditions: r.conditions, TransactionalValidation: blob.TransferValidationTypeMD5(sum)})
		return r.failed(err)
	}
	_, err := r.client.CommitBlockList(r.ctx, r.blocks, &blockblob.CommitBlockListOptions{HTTPHeaders: r.headers,
		Metadata: r.metadata, AccessConditions: r.conditions})
	return r.failed(err)
}

func (r *replacer) Abort() {
	_ = r.landed() // the buffer is in use until then
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", r.which(), fs.ErrClosed)
	}
	r.buf, r.spare = nil, nil
}
