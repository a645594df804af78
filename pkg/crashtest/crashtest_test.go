package crashtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
)

func TestProcessDiesBeforeAndAfterEachAct(t *testing.T) {
	t.Parallel()
	var done []int
	for points := range 5 {
		var p crashtest.Process
		acts := 0
		p.DieAt(points)
		err := p.Run(func() error {
			for range 2 {
				if _, err := crashtest.Act(&p, func() (int, error) { acts++; return acts, nil }); err != nil {
					return err
				}
			}
			return nil
		})
		if died := points < 4; p.Died() != died || errors.Is(err, crashtest.ErrCrash) != died {
			t.Errorf("point %d: died %t, %v", points, p.Died(), err)
		}
		done = append(done, acts)
	}
	if diff := cmp.Diff([]int{0, 1, 1, 2, 2}, done); diff != "" {
		t.Errorf("acts done by each point, -want +got:\n%s", diff)
	}
}

func TestSuccessorDoesNotDie(t *testing.T) {
	t.Parallel()
	var p crashtest.Process
	p.DieAt(0)
	act := func() error {
		_, err := crashtest.Act(&p, func() (int, error) { return 0, nil })
		return err
	}
	if err := p.Run(act); !errors.Is(err, crashtest.ErrCrash) {
		t.Fatalf("got %v, want a crash", err)
	}
	if err := p.Run(act); err != nil || !p.Died() {
		t.Errorf("%v, died %t; want the redelivery to be done and the death remembered", err, p.Died())
	}
}

func TestErrorsAndOtherPanicsPass(t *testing.T) {
	t.Parallel()
	var p crashtest.Process
	own := errors.New("own")
	if err := p.Run(func() error { return own }); !errors.Is(err, own) {
		t.Errorf("got %v, want the error of f", err)
	}
	defer func() {
		if r := recover(); r != "a defect" {
			t.Errorf("recovered %v, want the panic of f", r)
		}
	}()
	_ = p.Run(func() error { panic("a defect") })
}

// TestSendAndWriteAreActs lets a write and a send die before and after it; pkg/acts knows that no other is missing.
func TestSendAndWriteAreActs(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(context.Context, *crashtest.Process){
		"write": func(ctx context.Context, p *crashtest.Process) {
			_, _ = p.Ledger(memledger.New(time.Now)).Claim(ctx, "k", "h", time.Minute)
		},
		"send": func(ctx context.Context, p *crashtest.Process) {
			_ = p.Sender(membus.New(membus.Options{})).Send(ctx, message.Message{})
		},
	} {
		for points, want := range []bool{true, true, false} {
			var p crashtest.Process
			p.DieAt(points)
			_ = p.Run(func() error { act(t.Context(), &p); return nil })
			if p.Died() != want {
				t.Errorf("%s, point %d: died %t, want %t", name, points, p.Died(), want)
			}
		}
	}
}
