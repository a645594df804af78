// Package eventgrid is Event Grid for Azurite, which raises no events: it watches the containers inbox-* of a storage
// account and puts a BlobCreated event for every new content of a blob on a Service Bus queue, in the shapes that a real
// account with an event subscription uses. [Start] starts it; tests that want one certain event build it with [Event].
//
// It promises that every version it has seen becomes an event at least once, and in the order of writing for each blob,
// also while the broker is away. A repeated event is the same event, with the same id and message id.
//
// It differs from the service where polling must: it cannot see two writes to one path, or a write and a deletion, between
// two polls; what is written while it is not running raises nothing; and it learns of metadata set within a second of the
// upload as of new content. It leaves out other events (deleted, renamed, tier changed), filters, batching, time to live
// and Event Grid's own dead letters.
package eventgrid

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The values of Blob.API that the watcher uses. Real accounts have more: CopyBlob, FlushWithClose, SftpCreate, SftpCommit.
const (
	PutBlob      = "PutBlob"
	PutBlockList = "PutBlockList"
	CreateFile   = "CreateFile" // an empty placeholder; the content follows with another event
)

// created is the only event type: a blob was created or its content replaced.
const created = "Microsoft.Storage.BlobCreated"

// Schema is the form in which an event subscription delivers.
type Schema int

// The schemas of a subscription to a storage account.
const (
	EventGrid   Schema = iota // Event Grid's own
	CloudEvents               // CloudEvents 1.0, structured
)

// ContentType returns the content type of a message in schema s.
func (s Schema) ContentType() string {
	if s == CloudEvents {
		return "application/cloudevents+json; charset=utf-8"
	}
	return "application/json; charset=utf-8"
}

// Blob is what an event says about one version of a blob.
type Blob struct {
	Account     string // name of the storage account
	Endpoint    string // URL of its blob service; for Azurite it ends with the account
	Container   string
	Path        string // as the blob is called, not escaped
	ETag        string // without quotes, unlike in HTTP headers
	API         string // the operation that wrote it
	ContentType string
	Type        string // BlockBlob, AppendBlob or PageBlob
	Length      int64
	Time        time.Time
	Sequence    uint64 // larger for later events
}

// ID returns the id of the event: a UUID that depends on b alone, so that an event sent again keeps it.
func (b Blob) ID() string {
	sum := b.hash("event")
	return fmt.Sprintf("%s-%s-4%s-8%s-%s", sum[:8], sum[8:12], sum[13:16], sum[17:20], sum[20:32])
}

func (b Blob) hash(salt string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %q %d", salt, b.Account, b.Container, b.Path, b.ETag, b.API, b.Sequence)
	return hex.EncodeToString(h.Sum(nil))
}

// placeholder returns the event that a client of the file interface raises before it writes the content of b.
func (b Blob) placeholder() Blob {
	b.ETag = "0x8" + strings.ToUpper(b.hash("placeholder")[:14])
	b.API, b.Length, b.ContentType = CreateFile, 0, "application/octet-stream"
	return b
}

type gridEvent struct {
	Topic           string `json:"topic"`
	Subject         string `json:"subject"`
	EventType       string `json:"eventType"`
	ID              string `json:"id"`
	Data            data   `json:"data"`
	DataVersion     string `json:"dataVersion"`
	MetadataVersion string `json:"metadataVersion"`
	EventTime       string `json:"eventTime"`
}

type cloudEvent struct {
	Source      string `json:"source"`
	Subject     string `json:"subject"`
	Type        string `json:"type"`
	Time        string `json:"time"`
	ID          string `json:"id"`
	SpecVersion string `json:"specversion"`
	Data        data   `json:"data"`
}

type data struct {
	API                string            `json:"api"`
	ClientRequestID    string            `json:"clientRequestId"`
	RequestID          string            `json:"requestId"`
	ETag               string            `json:"eTag"`
	ContentType        string            `json:"contentType"`
	ContentLength      int64             `json:"contentLength"`
	ContentOffset      *int64            `json:"contentOffset,omitempty"` // of the file interface only
	BlobType           string            `json:"blobType"`
	URL                string            `json:"url"`
	Sequencer          string            `json:"sequencer"`
	StorageDiagnostics map[string]string `json:"storageDiagnostics"`
}

// Event returns the body of the message about b in schema s: one JSON object, as queues get it (webhooks get arrays).
func Event(s Schema, b Blob) []byte {
	topic := "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/" + b.Account
	subject := "/blobServices/default/containers/" + b.Container + "/blobs/" + b.Path
	at := b.Time.UTC().Format("2006-01-02T15:04:05.0000000Z") // seven digits, as the service writes
	var event any = gridEvent{Topic: topic, Subject: subject, EventType: created, ID: b.ID(), Data: b.data(), MetadataVersion: "1", EventTime: at}
	if s == CloudEvents {
		event = cloudEvent{Source: topic, Subject: subject, Type: created, Time: at, ID: b.ID(), SpecVersion: "1.0", Data: b.data()}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(event) // strings and numbers: nothing can fail
	return bytes.TrimSpace(out.Bytes())
}

func (b Blob) data() data {
	request := b.hash("request")
	d := data{
		API: b.API, ETag: b.ETag, ContentType: b.ContentType, ContentLength: b.Length, BlobType: b.Type,
		ClientRequestID:    fmt.Sprintf("%s-%s-4%s-8%s-%s", request[32:40], request[40:44], request[45:48], request[49:52], request[52:64]),
		RequestID:          fmt.Sprintf("%s-%s-%s-%s-%s000000", request[:8], request[8:12], request[12:16], request[16:20], request[20:26]),
		URL:                b.url(),
		Sequencer:          fmt.Sprintf("%032X%016x", 0, b.Sequence), // 48 digits; comparing as text is comparing as number
		StorageDiagnostics: map[string]string{"batchId": request[:32]},
	}
	if b.API == CreateFile {
		d.ContentOffset = new(int64)
	}
	return d
}

// url escapes the path. Whether the service does is not documented, so readers should take the path from the subject.
func (b Blob) url() string {
	parts := strings.Split(b.Path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.TrimSuffix(b.Endpoint, "/") + "/" + b.Container + "/" + strings.Join(parts, "/")
}
