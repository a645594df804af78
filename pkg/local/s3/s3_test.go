package s3_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	locals3 "guestlist/pkg/local/s3"
)

type event struct {
	Event   string
	Records []struct {
		EventName string `json:"eventName"`
		S3        struct {
			Bucket struct{ Name string }
			Object struct {
				Key, ETag, VersionID, Sequencer string
				Size                            int64
			}
		}
	}
}

// TestObjectsAreTold puts two versions of an object and deletes it: what is told is what S3 would tell.
func TestObjectsAreTold(t *testing.T) {
	t.Parallel()
	told := make(chan event, 10)
	server, err := locals3.Start(t.Context(), locals3.Config{Notify: func(raw []byte) {
		t.Logf("%s", raw)
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Error(err)
		}
		told <- e
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if first := <-told; first.Event != "s3:TestEvent" {
		t.Errorf("first event: %+v", first)
	}
	if err := server.CreateBucket(t.Context(), "drop", true); err != nil {
		t.Fatal(err)
	}
	const key = "partners/neue Gäste+1 100%25.csv"
	last := ""
	for _, body := range []string{"a", "bb"} {
		out, err := server.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("drop"), Key: aws.String(key), Body: strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		r := (<-told).Records[0]
		o := r.S3.Object
		if r.EventName != "ObjectCreated:Put" || r.S3.Bucket.Name != "drop" || o.Key != "partners/neue+G%C3%A4ste%2B1+100%2525.csv" {
			t.Errorf("told %+v", r)
		}
		if o.VersionID == "" || o.VersionID != *out.VersionId || `"`+o.ETag+`"` != *out.ETag || o.Size != int64(len(body)) {
			t.Errorf("told %+v, S3 answered %s, %s", o, *out.VersionId, *out.ETag)
		}
		if o.Sequencer <= last {
			t.Errorf("sequencer %s after %s", o.Sequencer, last)
		}
		last = o.Sequencer
	}
}
