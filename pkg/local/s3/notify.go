package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// webhook receives the gateway's notifications and gives them the form of S3's.
type webhook struct {
	server *http.Server
	ln     net.Listener
	notify func([]byte)
	client func() *s3.Client
	base   int64 // of sequencers, so that those of one run are after those of the run before
}

func listen(client func() *s3.Client, notify func([]byte)) (*webhook, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &webhook{ln: ln, notify: notify, client: client, base: time.Now().UnixNano()}
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: time.Minute}
	go w.server.Serve(ln) //nolint:errcheck // it ends with close
	return w, nil
}

func (w *webhook) url() string { return "http://" + w.ln.Addr().String() + "/" }
func (w *webhook) close()      { _ = w.server.Close() }

// ServeHTTP passes on what S3 would tell of a notification for s3:ObjectCreated:*, and the test event.
func (w *webhook) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	raw, err := io.ReadAll(req.Body)
	if err != nil || w.notify == nil {
		return
	}
	var event map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&event) != nil {
		return
	}
	records, _ := event["Records"].([]any)
	for _, r := range records {
		if !w.reshape(r) {
			return
		}
	}
	if raw, err = json.Marshal(event); err == nil {
		w.notify(raw)
	}
}

// versionOf returns the newest version of an object with an ETag; empty if the bucket keeps no versions.
func (w *webhook) versionOf(bucket, key, etag string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := w.client().ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &key})
	if err != nil {
		return ""
	}
	for _, v := range out.Versions {
		if id := aws.ToString(v.VersionId); aws.ToString(v.Key) == key && strings.Trim(aws.ToString(v.ETag), `"`) == etag && id != "null" {
			return id
		}
	}
	return ""
}

// reshape mends where the gateway differs from S3: names with a prefix, keys that are not encoded, no versions, and
// sequencers that count from one in digits without zeros in front. It reports whether S3 would send the record.
func (w *webhook) reshape(record any) bool {
	r, _ := record.(map[string]any)
	name, _ := r["eventName"].(string)
	r["eventName"] = strings.TrimPrefix(name, "s3:")
	r["eventVersion"] = "2.1"
	delete(r, "glacierEventData")
	entity, _ := r["s3"].(map[string]any)
	object, ok := entity["object"].(map[string]any)
	if !ok {
		return false
	}
	bucket, _ := entity["bucket"].(map[string]any)
	in, _ := bucket["name"].(string)
	key, _ := object["key"].(string)
	object["key"] = strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
	etag, _ := object["eTag"].(string)
	object["eTag"] = strings.Trim(etag, `"`)
	if delete(object, "versionId"); strings.Contains(name, "ObjectCreated") {
		if version := w.versionOf(in, key, strings.Trim(etag, `"`)); version != "" {
			object["versionId"] = version
		}
	}
	sequencer, _ := object["sequencer"].(string)
	n, err := strconv.ParseInt(sequencer, 16, 64)
	object["sequencer"] = fmt.Sprintf("%016X", w.base+n)
	return err == nil && strings.Contains(name, "ObjectCreated")
}
