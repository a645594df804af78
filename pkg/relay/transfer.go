package relay

import (
	"context"
	"errors"
	"fmt"
	"io"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
)

// races is how often one invocation begins anew because somebody else wrote the same blob at the same time.
const races = 3

// object brings one object to its inbox. nil means that the object, or a newer one of its key, is there, or that S3 has it
// no longer.
func (r *Relay) object(ctx context.Context, o Object) error {
	if o.isFolder() {
		return nil
	}
	rule, ok := r.Rules.find(o.Bucket, o.Key)
	if !ok {
		return message.Never("source.unmapped", fmt.Sprintf("no rule sends %s to a source. Add one to SOURCES, then send the event again.", o.URI()))
	}
	if err := o.fits(); err != nil {
		return err
	}
	if o.Size > rule.MaxBytes {
		return tooLarge(o, o.Size, rule)
	}
	var err error
	for range races {
		if err = r.bring(ctx, o, rule); !errors.Is(err, blobstore.ErrChanged) {
			break
		}
	}
	if err != nil && ctx.Err() != nil { // what the SDKs say of a context that has ended tells nobody why
		return fmt.Errorf("%s: %w", o.URI(), context.Cause(ctx))
	}
	return err
}

// bring looks, copies and commits once. ErrChanged means that somebody wrote the blob in the meantime.
func (r *Relay) bring(ctx context.Context, o Object, rule Rule) error {
	container, path := policy.Container(rule.Source), o.path()
	log := r.Log.With("object", o.URI(), "version", o.Version, "sequencer", o.Sequencer, "source", rule.Source)
	there, carried, err := r.Inbox.Look(ctx, container, path)
	if err != nil && !errors.Is(err, blobstore.ErrNotFound) {
		return fmt.Errorf("%s: %w", o.URI(), err)
	}
	if err == nil {
		switch o.against(there, carried) {
		case same:
			log.InfoContext(ctx, "file is there already")
			return nil
		case older:
			log.WarnContext(ctx, "a newer file is there: this one is left", "newer", carried.Metadata[metaSequencer])
			return nil
		}
	}
	body, info, content, err := r.Source.Open(ctx, o.Bucket, o.Key, o.Version, o.ETag)
	switch {
	case errors.Is(err, blobstore.ErrChanged):
		log.WarnContext(ctx, "replaced in S3 before it was read; the newer file has an event of its own")
		return nil
	case errors.Is(err, blobstore.ErrNotFound):
		log.WarnContext(ctx, "deleted in S3 before it was read")
		return nil
	case err != nil:
		return err
	}
	defer body.Close()
	if info.Size > rule.MaxBytes {
		return tooLarge(o, info.Size, rule)
	}
	content.Metadata = o.origin(content.Metadata)
	w := r.Inbox.Replace(ctx, container, path, there.ETag, content)
	defer w.Abort()
	n, err := io.Copy(w, body)
	if err == nil && n != info.Size {
		err = fmt.Errorf("read %s: %d bytes of %d: %w", o.URI(), n, info.Size, io.ErrUnexpectedEOF)
	}
	if err == nil {
		err = w.Close()
	}
	if errors.Is(err, blobstore.ErrNotFound) {
		return message.Never("source.no-inbox", fmt.Sprintf("container %s does not exist: run \"guestlist source add %s\", then send the event again.", container, rule.Source))
	}
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "file relayed", "bytes", n)
	return nil
}

func tooLarge(o Object, size int64, rule Rule) error {
	return message.Never("file.too-large", fmt.Sprintf("%s has %d bytes, its rule allows %d. Split the file, or raise maxBytes in SOURCES and send the event again.", o.URI(), size, rule.MaxBytes))
}
