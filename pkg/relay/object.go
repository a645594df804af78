package relay

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/message"
)

// Object is one version of an S3 object, as an event names it.
type Object struct {
	Bucket string
	// Key is decoded.
	Key string
	// Version is empty where the bucket keeps none.
	Version string
	// ETag is without quotes.
	ETag string
	// Sequencer orders the events of one key.
	Sequencer string
	Size      int64
	// Time is when S3 took the object.
	Time time.Time
}

// URI names the object for people.
func (o Object) URI() string { return "s3://" + o.Bucket + "/" + o.Key }

// isFolder recognises what the console of S3 makes for an empty folder.
func (o Object) isFolder() bool { return strings.HasSuffix(o.Key, "/") && o.Size == 0 }

// path is where the object goes in its source's inbox: the bucket comes first, so that one path has one origin and the
// sequencers found there can be compared.
func (o Object) path() string { return o.Bucket + "/" + o.Key }

// fits checks that the key can be a blob's name that every tool and every address keeps as it is.
func (o Object) fits() error {
	path := o.path()
	segments := strings.Split(path, "/")
	why := ""
	switch {
	case !utf8.ValidString(path):
		why = "it is no UTF-8"
	case utf8.RuneCountInString(path) > 1024 || len(segments) > 254:
		why = "with its bucket it is longer than 1,024 characters or 254 folders"
	case strings.ContainsFunc(path, func(r rune) bool { return r == '\\' || unicode.IsControl(r) }):
		why = "it has a backslash or a control character"
	}
	for _, s := range segments {
		if s == "" || strings.HasSuffix(s, ".") {
			why = "a folder or file name in it is empty or ends with a dot"
		}
	}
	if why == "" {
		return nil
	}
	return message.Never("file.name-unfit", fmt.Sprintf("the key %q cannot be a blob's name: %s. Upload the file under another key.", o.Key, why))
}

// What a blob's metadata says about where it comes from. The names are those of Azure: letters and digits.
const (
	metaBucket    = "s3bucket"
	metaKey       = "s3key" // escaped as in an address
	metaVersion   = "s3version"
	metaETag      = "s3etag"
	metaSequencer = "s3sequencer"
	metaTime      = "s3time"
)

// origin returns the metadata of the object's blob, on top of what its content brings.
func (o Object) origin(content map[string]string) map[string]string {
	m := map[string]string{}
	for name, value := range content {
		m["s3"+name] = value
	}
	m[metaBucket], m[metaKey], m[metaETag], m[metaSequencer] = o.Bucket, url.PathEscape(o.Key), o.ETag, o.Sequencer
	if o.Version != "" {
		m[metaVersion] = o.Version
	}
	if !o.Time.IsZero() {
		m[metaTime] = o.Time.UTC().Format(time.RFC3339Nano)
	}
	return m
}

// standing is how an object compares with the blob that is in its place.
type standing int

const (
	newer standing = iota
	same
	older
)

// against compares the object with a blob. A blob that no relay wrote has no sequencer: its date decides.
func (o Object) against(info blobstore.Info, p blobstore.Properties) standing {
	there := p.Metadata[metaSequencer]
	switch {
	case there == "" && info.Modified.After(o.Time):
		return older
	case there == "":
		return newer
	case o.Version != "" && o.Version != "null" && o.Version == p.Metadata[metaVersion]:
		return same
	}
	switch c := compareSequencers(o.Sequencer, there); {
	case c > 0:
		return newer
	case c < 0:
		return older
	default:
		return same
	}
}

// compareSequencers says which of two events on one key was later. AWS: pad the shorter value with zeros on the right, then
// compare as text.
func compareSequencers(a, b string) int {
	n := max(len(a), len(b))
	pad := func(s string) string { return strings.ToUpper(s) + strings.Repeat("0", n-len(s)) }
	return strings.Compare(pad(a), pad(b))
}
