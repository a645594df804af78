package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/wait"
)

func TestForWaitsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, d := range []time.Duration{-time.Second, 0, time.Minute} {
			if err := wait.For(t.Context(), d); err != nil {
				t.Errorf("%s: %v", d, err)
			}
		}
		if got := time.Since(start); got != time.Minute {
			t.Errorf("waited %s in all", got)
		}
	})
}

func TestForEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stopping := errors.New("stopping")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stopping) })
		start := time.Now()
		if err := wait.For(ctx, time.Hour); !errors.Is(err, stopping) || time.Since(start) != time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}
