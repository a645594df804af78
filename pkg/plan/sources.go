package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
)

// PolicyContainer is the blob container of policies. No source may write it.
const PolicyContainer = "config"

// SourceBlobs is what [Sources] needs of a blob store.
type SourceBlobs interface {
	Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error)
	Create(ctx context.Context, container, path string) blobstore.Writer
	CreateContainer(ctx context.Context, container string) error
}

// Sources is what operators do with sources: propose a policy from what a held file asks for, write it, let the file go.
type Sources struct {
	Ledger ledger.Store
	Blobs  SourceBlobs
	Bus    bus.Sender
}

// Policy returns the policy of a source; blobstore.ErrNotFound if it has none.
func (s *Sources) Policy(ctx context.Context, source string) (policy.Policy, error) {
	return readPolicy(ctx, s.Blobs, source)
}

func readPolicy(ctx context.Context, blobs interface {
	Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error)
}, source string) (policy.Policy, error) {
	blob, _, err := blobs.Open(ctx, PolicyContainer, policy.File(source), "")
	if err != nil {
		return policy.Policy{}, err
	}
	defer blob.Close()
	raw, err := io.ReadAll(io.LimitReader(blob, 1<<20))
	if err != nil {
		return policy.Policy{}, err
	}
	p, err := policy.ParseFor(source, raw)
	if err != nil {
		return p, &message.Failure{Code: "policy.invalid", Text: err.Error()}
	}
	return p, nil
}

// Propose returns the policy that allows exactly what a held import asks for.
func (s *Sources) Propose(ctx context.Context, source, importID string) (policy.Policy, error) {
	i, err := s.Ledger.Import(ctx, importID)
	switch {
	case err != nil:
		return policy.Policy{}, fmt.Errorf("import %s: %w", importID, err)
	case i.Source != source:
		return policy.Policy{}, &message.Failure{Code: "source.mismatch", Text: fmt.Sprintf(
			"Import %s came through source %q, not %q. Run: guestlist source add %s -from %s", i.ID, i.Source, source, i.Source, i.ID)}
	case i.State != ledger.Held || i.Ask == "":
		return policy.Policy{}, &message.Failure{Code: "import.not-held", Text: fmt.Sprintf(
			"Import %s is not held: its state is %s. Nothing was changed.", i.ID, i.State)}
	}
	var ask policy.Ask
	if err := json.Unmarshal([]byte(i.Ask), &ask); err != nil {
		return policy.Policy{}, fmt.Errorf("import %s: what the file asks for: %w", i.ID, err)
	}
	return policy.Propose(source, ask), nil
}

// Add writes a policy, makes the source's inbox and lets every held import of the source be judged anew. It returns how
// many. It may be repeated.
func (s *Sources) Add(ctx context.Context, p policy.Policy) (int, error) {
	w := s.Blobs.Create(ctx, PolicyContainer, policy.File(p.Source))
	if _, err := w.Write(p.JSON()); err != nil {
		w.Abort()
		return 0, fmt.Errorf("write the policy of source %s: %w", p.Source, err)
	}
	if err := w.Close(); err != nil {
		return 0, fmt.Errorf("write the policy of source %s: %w", p.Source, err)
	}
	if err := s.Blobs.CreateContainer(ctx, policy.Container(p.Source)); err != nil {
		return 0, fmt.Errorf("make the inbox of source %s: %w", p.Source, err)
	}
	return s.release(ctx, p.Source)
}

// release sends the held imports of a source back to stage, which reads them under the ETag that was recorded, and returns how
// many. One that is being read is read anew, since it may have looked for the policy before that was written.
func (s *Sources) release(ctx context.Context, source string) (int, error) {
	n := 0
	for i, err := range s.Ledger.ListImports(ctx, true) {
		if err != nil {
			return n, fmt.Errorf("list open imports: %w", err)
		}
		if i.Source != source || !judging(i) {
			continue
		}
		if err := s.again(ctx, i.ID); err != nil {
			return n, fmt.Errorf("let import %s go: %w", i.ID, err)
		}
		if i.State == ledger.Held {
			n++
		}
	}
	return n, nil
}

func (s *Sources) again(ctx context.Context, id string) error {
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return err
	}
	i, err := s.Ledger.UpdateImport(ctx, id, func(i *ledger.Import) error {
		if !judging(*i) {
			return ledger.ErrUnchanged
		}
		restage(i, now)
		return nil
	})
	if err != nil || i.State != ledger.Staging {
		return err
	}
	slog.InfoContext(ctx, "import is judged again", slog.String("import_id", i.ID))
	return s.Bus.Send(ctx, i.Message())
}

// judging reports whether the policy still decides what becomes of an import.
func judging(i ledger.Import) bool {
	return (i.State == ledger.Held || i.State == ledger.Staging) && !i.Cancelled
}

// restage sends an import back to stage.
func restage(i *ledger.Import, now time.Time) {
	i.State, i.Code, i.Text = ledger.Staging, "", ""
	i.Stage = ledger.Phase{Generation: i.Stage.Generation + 1, Due: now}
}

// policy loads the source's policy for a stage. A missing or broken one is a reason to hold the file, not to fail it.
func (p *Planner) policy(ctx context.Context, source string) (policy.Policy, *message.Failure, error) {
	pol, err := readPolicy(ctx, p.Blobs, source)
	bad, isBad := errors.AsType[*message.Failure](err)
	switch {
	case err == nil:
		return pol, nil, nil
	case errors.Is(err, blobstore.ErrNotFound):
		return pol, &message.Failure{Code: "source.unknown", Text: fmt.Sprintf(
			"Source %q has no policy yet, so nobody was invited. Look at what the file asks for and allow it: "+
				"guestlist source add %s -from IMPORT", source, source)}, nil
	case isBad:
		return pol, &message.Failure{Code: "policy.invalid", Text: fmt.Sprintf(
			"Nobody was invited, because the policy of source %q cannot be used (%s in container %s). %s. Correct it and upload it with: guestlist source add %s -file POLICY",
			source, policy.File(source), PolicyContainer, bad.Text, source)}, nil
	}
	return pol, nil, storage(err)
}
