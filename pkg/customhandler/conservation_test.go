package customhandler_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

// storm plays the host in a world where steps, ledger, broker and process fail at random. It keeps what the ledger would.
type storm struct {
	rand   *rand.Rand
	now    time.Time
	bus    *membus.Bus
	done   map[string]bool
	failed map[string]bool
}

func (s *storm) chance(percent int) bool { return s.rand.IntN(100) < percent }

func (s *storm) Do(_ context.Context, m message.Message) error {
	switch {
	case s.failed[m.Guest]: // recorded, but perhaps not dead-lettered: the broker refused, or the process died
		return never
	case s.chance(20):
		return &message.Later{After: time.Duration(s.rand.IntN(1000)) * time.Second, Why: "throttled"}
	case s.chance(40):
		return errGraph
	case s.chance(5):
		panic("storm")
	case s.chance(5):
		return never
	}
	s.done[m.Guest] = true
	return nil
}

func (s *storm) Failed(_ context.Context, m message.Message, _ *message.Failure) error {
	if s.chance(30) {
		return errLedger
	}
	s.failed[m.Guest] = true
	return nil
}

func (s *storm) Postponed(context.Context, message.Message, time.Time) error {
	if s.chance(30) {
		return errLedger
	}
	return nil
}

// run delivers until nothing is left, with processes that die before the host hears of an answer.
func (s *storm) run(t *testing.T) {
	t.Helper()
	h, err := customhandler.New(customhandler.Options{
		Functions: []customhandler.Function{{Name: "inviteguest", Queue: message.Invitations, Step: s}},
		Sender:    s.bus, DeadLetterer: s.bus, Log: slog.New(slog.DiscardHandler),
		Now:  func() time.Time { return s.now },
		Wait: func(_ context.Context, d time.Duration) error { s.now = s.now.Add(d); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for {
		d, ok := s.bus.Receive(message.Invitations)
		if !ok {
			next, more := s.bus.Next()
			if !more {
				return
			}
			s.now = next
			continue
		}
		s.bus.Refuse(nil)
		if s.chance(20) {
			s.bus.Refuse(errBroker)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "POST", "/inviteguest", strings.NewReader(hand(d))))
		s.bus.Refuse(nil)
		switch {
		case s.chance(5): // nobody settles: the lock runs out
		case rec.Code == 200:
			s.settled(t, s.bus.Complete(d.Queue, d.LockToken))
		default:
			s.settled(t, s.bus.Abandon(d.Queue, d.LockToken))
		}
	}
}

// settled ignores lost locks: dead letters are settled by the handler, and a held message may outlive its lock.
func (s *storm) settled(t *testing.T, err error) {
	t.Helper()
	if err != nil && !strings.Contains(err.Error(), "lock is lost") {
		t.Error(err)
	}
}

func hand(d membus.Delivery) string {
	return strings.Replace(invocation(d.Message, d.Deliveries), token, d.LockToken, 1)
}

func TestNothingIsLostInAStorm(t *testing.T) {
	t.Parallel()
	const guests = 120
	for seed := range uint64(5) {
		s := &storm{rand: rand.New(rand.NewPCG(seed, 0)), now: ten, done: map[string]bool{}, failed: map[string]bool{}}
		s.bus = membus.New(membus.Options{Now: func() time.Time { return s.now }, DuplicateWindow: time.Hour * time.Duration(seed%2)})
		for g := range guests {
			if err := s.bus.Send(t.Context(), message.Message{Kind: message.Invite, Import: "i", Guest: fmt.Sprint(g)}); err != nil {
				t.Fatal(err)
			}
		}
		s.run(t)
		s.check(t, seed, guests)
	}
}

func (s *storm) check(t *testing.T, seed uint64, guests int) {
	t.Helper()
	letters, err := s.bus.Browse(t.Context(), message.Invitations, 10*guests)
	if err != nil {
		t.Fatal(err)
	}
	dead := map[string]bool{}
	for _, d := range letters {
		dead[d.Message.Guest] = true
		if !s.failed[d.Message.Guest] {
			t.Errorf("seed %d: guest %s is dead-lettered (%s) and nobody recorded it", seed, d.Message.Guest, d.Reason)
		}
	}
	for g := range guests {
		if key := fmt.Sprint(g); !s.done[key] && !dead[key] {
			t.Errorf("seed %d: guest %s was lost; recorded as failed: %t", seed, key, s.failed[key])
		}
	}
	if len(dead) == 0 || len(s.done) == 0 {
		t.Errorf("seed %d: %d done, %d dead: the storm shows nothing", seed, len(s.done), len(dead))
	}
}
