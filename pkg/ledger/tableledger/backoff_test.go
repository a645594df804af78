package tableledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWriteThatIsAlwaysOvertakenGivesUpAfterSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, tries := time.Now(), 0
		var err error
		for wait := newBackoff(); err == nil; tries++ {
			err = wait.after(t.Context(), fmt.Errorf("write: %w", errLost))
		}
		took := time.Since(start)
		if took < giveUp || took > giveUp+longestWait || tries < 20 || tries > 200 {
			t.Errorf("gave up after %d tries in %s", tries, took)
		}
		if !strings.Contains(err.Error(), "cannot be written") {
			t.Errorf("error %v", err)
		}
	})
}

func TestBusyServiceIsTriedAFewTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries, wait := 1, newBackoff()
		for wait.after(t.Context(), errBusy) == nil {
			tries++
		}
		if tries != busyTries {
			t.Errorf("%d tries", tries)
		}
	})
}

func TestWaitingForTheNextTryEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := newBackoff().after(ctx, errLost); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		other := errors.New("other")
		if err := newBackoff().after(t.Context(), other); err != other {
			t.Errorf("error %v", err)
		}
	})
}
