package memblob

import (
	"context"
	"maps"
	"strings"

	"guestlist/pkg/blobstore"
)

var _ blobstore.Versions = (*Store)(nil)

// Look implements [blobstore.Versions].
func (s *Store) Look(ctx context.Context, container, path string) (blobstore.Info, blobstore.Properties, error) {
	b, err := s.get(ctx, container, path)
	if err != nil {
		return blobstore.Info{}, blobstore.Properties{}, err
	}
	p := blobstore.Properties{ContentType: b.properties.ContentType, Metadata: maps.Clone(b.properties.Metadata)}
	return b.info, p, nil
}

// Replace implements [blobstore.Versions].
func (s *Store) Replace(ctx context.Context, container, path, over string, p blobstore.Properties) blobstore.Writer {
	w := &writer{store: s, ctx: ctx, container: container, path: path}
	w.properties = blobstore.Properties{ContentType: p.ContentType, Metadata: map[string]string{}}
	for name, value := range p.Metadata {
		w.properties.Metadata[strings.ToLower(name)] = value
	}
	w.condition = func(present blob) error {
		if present.info.ETag != over {
			return blobstore.ErrChanged
		}
		return nil
	}
	return w
}
