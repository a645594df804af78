package invite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
)

// frozen is what a worker sees that stands still at one place, once: its process was stopped, or its machine was.
type frozen struct {
	*memledger.Store
	*directory
	at     string
	freeze func()
}

func (f *frozen) pass(place string) {
	if f.at == place {
		f.at = ""
		f.freeze()
	}
}

func (f *frozen) Claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	g, err := f.Store.Claim(ctx, key, holder, d)
	f.pass("after the claim")
	return g, err
}

func (f *frozen) Find(ctx context.Context, a string) (string, error) {
	id, err := f.directory.Find(ctx, a)
	f.pass("after the look-up")
	return id, err
}

func (f *frozen) SaveGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	if g.Holder != "" {
		f.pass("before posting is written")
	}
	g, err := f.Store.SaveGuest(ctx, g)
	if g.Holder != "" {
		f.pass("after posting is written")
	}
	return g, err
}

// TestFrozenWorkerDoesNotPost: the worker stands still for longer than an uncertain POST binds the others, who have invited
// the guest by then. When it goes on it must not POST, at whatever place it stood.
func TestFrozenWorkerDoesNotPost(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"after the claim", "after the look-up", "before posting is written", "after posting is written"} {
		for _, others := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/others=%t", place, others), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { thaw(t, place, others) })
			})
		}
	}
}

func thaw(t *testing.T, place string, others bool) {
	w := newWorld(t)
	first, second := w.plan("a", 0), w.plan("b", 0)
	step := w.step()
	f := &frozen{Store: w.ledger, directory: w.dir, at: place, freeze: func() {
		w.now = w.now.Add(20 * time.Minute)
		time.Sleep(20 * time.Minute)
		if others {
			if err := w.settle(second); err != nil {
				t.Fatal(err)
			}
		}
	}}
	step.Ledger, step.Directory = f, f
	before := w.dir.posts
	err := step.Do(t.Context(), first)
	if f.at != "" {
		t.Fatal("it never stood still")
	}
	want := before
	if others {
		want++
	}
	if w.dir.posts != want {
		t.Fatalf("%d POSTs, want %d: the worker that stood still made one (%v)", w.dir.posts, want, err)
	}
	if _, later := errors.AsType[*message.Later](err); err == nil || !later && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("verdict %v, want a Later, or the end of the step's time", err)
	}
	for _, m := range []message.Message{first, second} {
		if err := w.settle(m); err != nil {
			t.Error(err)
		}
	}
	if w.dir.mails != 1 || w.dir.users != 1 {
		t.Errorf("%d mails by Microsoft and %d users, want one each", w.dir.mails, w.dir.users)
	}
}
