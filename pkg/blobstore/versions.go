package blobstore

import "context"

// Properties are what a blob carries besides its bytes.
type Properties struct {
	// ContentType is a media type; empty is the service's default.
	ContentType string
	// Metadata has names of ASCII letters and digits, read back in lower case, and values of printable ASCII.
	Metadata map[string]string
}

// Versions writes blobs whose next version depends on the present one. A version and its properties are one commit, since
// properties that are set afterwards change the ETag. All methods may be called from many goroutines and retry transient
// faults by themselves.
type Versions interface {
	// Look returns the present version of a blob and what it carries; ErrNotFound, ErrPending.
	Look(ctx context.Context, container, path string) (Info, Properties, error)
	// Replace streams a new version of a blob over the one with the ETag over, or over none if that is empty. Nothing is
	// visible until Close returns nil. ErrChanged means that another version has taken the place, or that another writer
	// was first; it may also follow a commit of ours whose answer was lost, which Look tells. ErrNotFound means that the
	// container is missing: unlike Create it makes none. A commit carries the sum of its bytes, and each block is checked
	// by the service.
	Replace(ctx context.Context, container, path, over string, p Properties) Writer
}
