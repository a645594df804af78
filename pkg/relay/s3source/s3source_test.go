package s3source_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"guestlist/pkg/blobstore"
	locals3 "guestlist/pkg/local/s3"
	"guestlist/pkg/message"
	"guestlist/pkg/relay/s3source"
)

var server = sync.OnceValues(func() (*locals3.Server, error) { return locals3.Start(context.Background(), locals3.Config{}) })

func TestMain(m *testing.M) {
	code := m.Run()
	if s, err := server(); err == nil {
		_ = s.Close() // what is left lies in the temporary folder
	}
	os.Exit(code)
}

// world is a bucket of a real server, and a source that reads it through a transport.
type world struct {
	t      *testing.T
	s3     *locals3.Server
	bucket string
}

func newWorld(t *testing.T, versions bool) *world {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, s3: s, bucket: "b" + strings.ToLower(rand.Text()[:12])}
	if err := s.CreateBucket(t.Context(), w.bucket, versions); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) put(key string, body []byte) *s3.PutObjectOutput {
	w.t.Helper()
	out, err := w.s3.Client().PutObject(w.t.Context(), &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("text/csv")})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// read opens and reads an object; spoil changes the bytes of answers on their way.
func (w *world) read(key, version, etag string, spoil func([]byte)) ([]byte, blobstore.Properties, error) {
	w.t.Helper()
	c := w.s3.Config()
	if spoil != nil {
		c.HTTPClient = &http.Client{Transport: spoiler(spoil)}
	}
	body, info, p, err := s3source.New(c).Open(w.t.Context(), w.bucket, key, version, unquoted(etag))
	if err != nil {
		return nil, p, err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err == nil && int64(len(data)) != info.Size {
		w.t.Errorf("%s: %d bytes, said to be %d", key, len(data), info.Size)
	}
	return data, p, err
}

func unquoted(etag string) string { return strings.Trim(etag, `"`) }

type spoiler func([]byte)

func (f spoiler) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && res.StatusCode < 300 {
		data, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		res.Body.Close()
		f(data)
		res.Body = io.NopCloser(bytes.NewReader(data))
	}
	return res, err
}

func flip(data []byte) { data[len(data)/2] ^= 1 }

func random(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.Read(data) // never fails
	return data
}

func TestVersionsAreReadAsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	first, second := w.put("a b.csv", []byte("first")), w.put("a b.csv", []byte("second"))
	for want, out := range map[string]*s3.PutObjectOutput{"first": first, "second": second} {
		got, p, err := w.read("a b.csv", *out.VersionId, *out.ETag, nil)
		if err != nil || string(got) != want || p.ContentType != "text/csv" || p.Metadata["checksum"] == "" {
			t.Errorf("read %q, %+v, %v; want %q", got, p, err, want)
		}
	}
	if _, _, err := w.read("a b.csv", "", *first.ETag, nil); !errors.Is(err, blobstore.ErrChanged) {
		t.Errorf("the version before, without its id: %v", err)
	}
	if _, _, err := w.read("missing.csv", "", *first.ETag, nil); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("a missing object: %v", err)
	}
	w.bucket = "no-such-bucket"
	if _, _, err := w.read("a.csv", "", *first.ETag, nil); message.AsFailure(err, "").Code != "source.no-bucket" {
		t.Errorf("a missing bucket: %v", err)
	}
}

// TestSpoiledBytesAreNoticed changes one bit on the way, for each kind of sum that S3 keeps.
func TestSpoiledBytesAreNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	body := random(100_000)
	for _, algorithm := range types.ChecksumAlgorithm("").Values() {
		switch algorithm {
		case types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256:
		default:
			continue // not of every server
		}
		key := string(algorithm)
		out, err := w.s3.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm})
		if err != nil {
			t.Fatal(err)
		}
		got, p, err := w.read(key, "", *out.ETag, nil)
		if err != nil || !bytes.Equal(got, body) || !strings.HasPrefix(p.Metadata["checksum"], key+":") {
			t.Errorf("%s: %d bytes, %v, %v", key, len(got), p.Metadata, err)
		}
		if _, _, err := w.read(key, "", *out.ETag, flip); err == nil {
			t.Errorf("%s: a changed bit was not noticed", key)
		}
	}
}

// TestWithoutASumTheETagIsOne has a server that keeps no sum, as S3 was for long.
func TestWithoutASumTheETagIsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	body := random(1000)
	out := w.put("a.csv", body)
	bare := func(change func([]byte)) *http.Client {
		return &http.Client{Transport: stripper{spoiler(change)}}
	}
	for name, tc := range map[string]struct {
		change func([]byte)
		fails  bool
	}{"whole": {func([]byte) {}, false}, "spoiled": {flip, true}} {
		c := w.s3.Config()
		c.HTTPClient = bare(tc.change)
		r, _, p, err := s3source.New(c).Open(t.Context(), w.bucket, "a.csv", "", unquoted(*out.ETag))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(r)
		if (err != nil) != tc.fails || p.Metadata["checksum"] != "" {
			t.Errorf("%s: %v, %v", name, err, p.Metadata)
		}
		r.Close()
	}
}

type stripper struct{ http.RoundTripper }

func (s stripper) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := s.RoundTripper.RoundTrip(req)
	if err == nil {
		for name := range res.Header {
			if strings.HasPrefix(name, "X-Amz-Checksum-") {
				res.Header.Del(name)
			}
		}
	}
	return res, err
}

// TestSumOfSumsIsChecked reads an object whose only sum is one over the sums of its parts.
func TestSumOfSumsIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	key, parts := "parts.csv", [][]byte{random(5 << 20), random(5 << 20), random(77)}
	client := w.s3.Client()
	up, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &w.bucket, Key: &key,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ChecksumType: types.ChecksumTypeComposite})
	if err != nil {
		t.Fatal(err)
	}
	var done []types.CompletedPart
	for i, data := range parts {
		n := aws.Int32(int32(i + 1))
		out, err := client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &w.bucket, Key: &key, UploadId: up.UploadId, PartNumber: n,
			Body: bytes.NewReader(data), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, types.CompletedPart{ETag: out.ETag, PartNumber: n, ChecksumCRC32: out.ChecksumCRC32})
	}
	out, err := client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &w.bucket, Key: &key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
	if err != nil {
		t.Fatal(err)
	}
	got, p, err := w.read(key, "", *out.ETag, nil)
	if err != nil || !bytes.Equal(got, bytes.Join(parts, nil)) || !strings.HasSuffix(p.Metadata["checksum"], "-3") {
		t.Errorf("%d bytes, %v, %v", len(got), p.Metadata, err)
	}
	if _, _, err := w.read(key, "", *out.ETag, flip); err == nil {
		t.Error("a changed bit in a part was not noticed")
	}
}

// TestErrorsOfS3 answers as S3 does where the server here cannot.
func TestErrorsOfS3(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	for code, tc := range map[string]struct {
		status int
		want   func(error) bool
	}{
		"InvalidObjectState": {403, func(err error) bool { return message.AsFailure(err, "").Code == "file.archived" }},
		"AccessDenied": {403, func(err error) bool {
			return !errors.Is(err, message.ErrNever) && strings.Contains(err.Error(), "AccessDenied")
		}},
		"NoSuchVersion": {404, func(err error) bool { return errors.Is(err, blobstore.ErrNotFound) }},
	} {
		c := w.s3.Config()
		c.HTTPClient = &http.Client{Transport: answer(func(req *http.Request) *http.Response {
			return &http.Response{StatusCode: tc.status, Request: req, Header: http.Header{"X-Amz-Request-Id": {"r1"}},
				Body: io.NopCloser(strings.NewReader("<Error><Code>" + code + "</Code><Message>m</Message></Error>"))}
		})}
		_, _, _, err := s3source.New(c).Open(t.Context(), w.bucket, "a.csv", "", "e")
		if err == nil || !tc.want(err) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

type answer func(*http.Request) *http.Response

func (f answer) RoundTrip(req *http.Request) (*http.Response, error) { return f(req), nil }
