// Package s3source reads versions of S3 objects as streams, and checks their bytes. Call [New] once per process.
//
// It promises that Read ends with io.EOF only after all bytes of the version that was asked for, and after they had the
// sum that S3 keeps: of the whole object, the sum over the sums of its parts where it has only that, or the MD5 in its ETag
// where it has no other. It leaves out continuing after a broken connection: that is an error, and
// the caller begins anew.
package s3source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/message"
)

// Source reads objects. Its methods may be called from many goroutines.
type Source struct {
	client *s3.Client
}

// New returns the objects that the credentials of config may read: s3:GetObject and s3:GetObjectVersion. Without
// s3:ListBucket, S3 says of a missing object that access is denied. New sends nothing.
func New(config aws.Config) *Source {
	return &Source{client: s3.NewFromConfig(config, func(o *s3.Options) {
		o.DisableLogOutputChecksumValidationSkipped = true // such objects are checked here
	})}
}

// Open streams an object if it has the ETag, in the given version if that is not empty. The properties are its content type
// and, as metadata, its checksum. blobstore.ErrChanged means that another version is there, blobstore.ErrNotFound that none
// is, a message.Failure that the object can never be read. Other errors may pass. The caller closes.
func (s *Source) Open(ctx context.Context, bucket, key, version, etag string) (io.ReadCloser, blobstore.Info, blobstore.Properties, error) {
	which := "s3://" + bucket + "/" + key
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key, IfMatch: aws.String(`"` + etag + `"`), ChecksumMode: types.ChecksumModeEnabled}
	if version != "" {
		in.VersionId = &version
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		return nil, blobstore.Info{}, blobstore.Properties{}, fail(which, err)
	}
	info := blobstore.Info{Container: bucket, Path: key, ETag: etag, Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified)}
	p := blobstore.Properties{ContentType: aws.ToString(out.ContentType), Metadata: map[string]string{}}
	sum := checksumOf(out)
	if sum.value != "" {
		p.Metadata["checksum"] = sum.algorithm + ":" + sum.value
	}
	body := out.Body
	switch parts := sum.parts(); {
	case parts > 0:
		_ = body.Close() // nothing is read: the parts are, one by one
		body = &partsReader{source: s, ctx: ctx, in: *in, want: sum, parts: parts}
	case sum.value == "" && etagIsMD5(out, etag):
		body = newMD5Reader(body, etag)
	}
	return &reader{body: body, which: which}, info, p, nil
}

// reader names the object in errors of Read.
type reader struct {
	body  io.ReadCloser
	which string
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read %s: %w", r.which, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.body.Close() }

// fail sorts an error of the SDK by the code of S3.
func fail(which string, err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Errorf("read %s: %w", which, err)
	}
	code := api.ErrorCode()
	status, request := 0, ""
	if res, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status, request = res.HTTPStatusCode(), res.ServiceRequestID()
	}
	switch {
	case code == "NoSuchKey", code == "NoSuchVersion", code == "MethodNotAllowed": // the last of a version that is a deletion
		return fmt.Errorf("read %s: %s: %w", which, code, blobstore.ErrNotFound)
	case code == "NoSuchBucket":
		return message.Never("source.no-bucket", fmt.Sprintf("the bucket of %s does not exist any more", which))
	case code == "PreconditionFailed", status == http.StatusPreconditionFailed:
		return fmt.Errorf("read %s: %w", which, blobstore.ErrChanged)
	case code == "InvalidObjectState":
		return &message.Failure{Code: "file.archived", Request: request,
			Text: fmt.Sprintf("%s lies in an archive class of S3. Restore it or upload it again.", which)}
	}
	return fmt.Errorf("read %s: %s (status %d, request %s): %s", which, code, status, request, strings.TrimSpace(api.ErrorMessage()))
}
