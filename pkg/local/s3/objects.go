package s3

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
)

// The few requests of this package are written out: the SDK's client of S3 takes long to build, and devstack is built
// whenever somebody tries Guestlist.

// unsigned stands for a sum of the body: the connection does not leave this machine.
const unsigned = "UNSIGNED-PAYLOAD"

// call sends a signed request and returns the body of a good answer.
func (s *Server) call(ctx context.Context, method, path string, query url.Values, body io.Reader, size int64) ([]byte, error) {
	escaped := httpbinding.EscapePath(path, false)
	req, err := http.NewRequestWithContext(ctx, method, s.URL()+escaped+"?"+query.Encode(), body)
	if err != nil {
		return nil, err
	}
	req.URL.Path, req.URL.RawPath, req.ContentLength = path, escaped, size
	req.Header.Set("X-Amz-Content-Sha256", unsigned)
	if size > 0 {
		req.Header.Set("Content-Type", "text/csv")
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	key := aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}
	if err := signer.SignHTTP(ctx, key, req, unsigned, "s3", Region, time.Now()); err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	return answer, err
}

// CreateBucket makes a bucket, with versions of its objects or without.
func (s *Server) CreateBucket(ctx context.Context, name string, versions bool) error {
	if _, err := s.call(ctx, http.MethodPut, "/"+name, nil, http.NoBody, 0); err != nil {
		return fmt.Errorf("create bucket: %w", err)
	}
	if !versions {
		return nil
	}
	const on = `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`
	if _, err := s.call(ctx, http.MethodPut, "/"+name, url.Values{"versioning": {""}}, bytes.NewReader([]byte(on)), int64(len(on))); err != nil {
		return fmt.Errorf("keep versions: %w", err)
	}
	return nil
}

// PutFile uploads a file as an object.
func (s *Server) PutFile(ctx context.Context, bucket, key, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := s.call(ctx, http.MethodPut, "/"+bucket+"/"+key, nil, f, info.Size()); err != nil {
		return fmt.Errorf("put %s: %w", file, err)
	}
	return nil
}

// versionOf returns the newest version of an object with an ETag; empty if the bucket keeps no versions.
func (s *Server) versionOf(bucket, key, etag string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	raw, err := s.call(ctx, http.MethodGet, "/"+bucket, url.Values{"versions": {""}, "prefix": {key}}, http.NoBody, 0)
	var list struct {
		Version []struct {
			Key, ETag string
			ID        string `xml:"VersionId"`
		}
	}
	if err != nil || xml.Unmarshal(raw, &list) != nil {
		return ""
	}
	for _, v := range list.Version {
		if v.Key == key && strings.Trim(v.ETag, `"`) == etag && v.ID != "null" {
			return v.ID
		}
	}
	return ""
}
