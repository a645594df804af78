package tableledger

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func newOp() *op { return &op{done: make(chan struct{})} }

func finish(ops []*op) []*op {
	for _, o := range ops {
		close(o.done)
	}
	return nil
}

func TestWhatWaitsIsWorkedOffTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var qs queues
		var sizes []int // written by whoever has the turn
		release := make(chan struct{})
		work := func(ops []*op) []*op {
			<-release
			sizes = append(sizes, len(ops))
			return finish(ops)
		}
		for range 20 {
			go func() {
				if err := qs.run(t.Context(), "p", []*op{newOp()}, work); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		close(release)
		synctest.Wait()
		if len(sizes) != 2 || sizes[0] != 1 || sizes[1] != 19 {
			t.Errorf("batches of %v, want 1 and 19", sizes)
		}
		if len(qs.all) != 0 {
			t.Errorf("%d queues are kept", len(qs.all))
		}
	})
}

func TestOneWhoLeavesDoesNotTakeTheOthersAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var qs queues
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			first <- qs.run(ctx, "p", []*op{newOp()}, func(ops []*op) []*op {
				<-ctx.Done() // as a request would end
				return ops
			})
		}()
		synctest.Wait()
		second := make(chan error, 1)
		var left, took int
		go func() {
			second <- qs.run(t.Context(), "p", []*op{newOp()}, func(ops []*op) []*op {
				for _, o := range ops {
					o.mu.Lock()
					if took++; o.left {
						left++
					}
					o.mu.Unlock()
				}
				return finish(ops)
			})
		}()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the one who left: %v", err)
		}
		if err := <-second; err != nil {
			t.Errorf("the other: %v", err)
		}
		if took != 2 || left != 1 {
			t.Errorf("took %d ops, %d of them left", took, left)
		}
	})
}

func TestTurnsOfDifferentPartitionsAreIndependent(t *testing.T) {
	t.Parallel()
	var qs queues
	leaveP, err := qs.enter(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	leaveQ, err := qs.enter(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := qs.enter(cancelled, "p"); !errors.Is(err, context.Canceled) {
		t.Errorf("enter without time: %v", err)
	}
	leaveP()
	leaveQ()
	if len(qs.all) != 0 {
		t.Errorf("%d queues are kept", len(qs.all))
	}
}
