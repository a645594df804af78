package invite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/crashtest"
	"guestlist/pkg/message"
)

// afterLookUp is a place of this step's own.
const afterLookUp = "after the look-up"

// frozen is a directory whose caller stands still after the look-up.
type frozen struct {
	*directory
	ledger *crashtest.Frozen
}

func (f frozen) Find(ctx context.Context, a string) (string, error) {
	id, err := f.directory.Find(ctx, a)
	f.ledger.Pass(afterLookUp)
	return id, err
}

// TestFrozenWorkerDoesNotPost: the worker stands still for longer than an uncertain POST binds the others, who have invited
// the guest by then. When it goes on it must not POST, at whatever place it stood.
func TestFrozenWorkerDoesNotPost(t *testing.T) {
	t.Parallel()
	for _, place := range []string{crashtest.AfterClaim, afterLookUp, crashtest.BeforeSave, crashtest.AfterSave} {
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
	f := &crashtest.Frozen{Store: w.ledger, At: place, Freeze: func() {
		w.now = w.now.Add(20 * time.Minute)
		time.Sleep(20 * time.Minute)
		if others {
			if err := w.settle(second); err != nil {
				t.Fatal(err)
			}
		}
	}}
	step.Ledger, step.Directory = f, frozen{w.dir, f}
	before := w.dir.posts
	err := step.Do(t.Context(), first)
	if !f.Stood() {
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
