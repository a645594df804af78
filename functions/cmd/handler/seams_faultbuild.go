//go:build faultbuild

package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"guestlist/pkg/acts"
	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/notify"
)

// seams is the test build: every act of the process passes here, before and after it, and the process can be told to die
// there. Nobody deploys it. Its settings:
//
//	CRASH_AT=FUNCTION/ACT#N:before  kill this process (SIGKILL) before act N of that name, counted from 1, or :after it
//	CRASH_COUNT=FILE                count the acts of CRASH_AT in this file, so that several processes count together
//	CRASH_ONCE=FILE                 die only if this file can be made anew, so that one process of several dies, once
//	CRASH_RECORD=FILE               append the name of each act to this file, one line each
//	CLOCK_SKEW=DURATION             this process's clock goes ahead by so much, or behind
type seams struct {
	at     string // FUNCTION/ACT
	n      int
	after  bool
	count  string
	once   string
	record *os.File
	skew   time.Duration

	mu     *sync.Mutex
	passed *int
}

func newSeams(getenv func(string) string) (seams, error) {
	s := seams{count: getenv("CRASH_COUNT"), once: getenv("CRASH_ONCE"), mu: &sync.Mutex{}, passed: new(int)}
	var err error
	if s.skew, err = time.ParseDuration(cmp.Or(getenv("CLOCK_SKEW"), "0s")); err != nil {
		return s, fmt.Errorf("CLOCK_SKEW: %w", err)
	}
	if path := getenv("CRASH_RECORD"); path != "" {
		if s.record, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
			return s, fmt.Errorf("CRASH_RECORD: %w", err)
		}
	}
	return s, s.parse(getenv("CRASH_AT"))
}

func (s *seams) parse(point string) error {
	if point == "" {
		return nil
	}
	at, place, _ := strings.Cut(point, ":")
	at, n, _ := strings.Cut(at, "#")
	var err error
	if s.n, err = strconv.Atoi(n); err != nil || s.n < 1 || !strings.Contains(at, "/") || place != "before" && place != "after" {
		return fmt.Errorf("CRASH_AT is %q; it must be FUNCTION/ACT#N:before or :after", point)
	}
	s.at, s.after = at, place == "after"
	return nil
}

// mark does every act, between its two points.
func (s seams) mark(ctx context.Context, act string, do func() error) error {
	after := s.before(ctx, act)
	err := do()
	after()
	return err
}

// before is the point before an act; it returns the one after it.
func (s seams) before(ctx context.Context, act string) (after func()) {
	name := cmp.Or(acts.FunctionOf(ctx), "none") + "/" + act
	if s.record != nil {
		if _, err := s.record.WriteString(name + "\n"); err != nil {
			panic(err)
		}
	}
	if name != s.at || s.next() != s.n {
		return func() {}
	}
	if !s.after {
		s.die()
	}
	return s.die
}

// next counts the act of CRASH_AT: here, or by one byte in the shared file, whose place among the others is its number.
func (s seams) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == "" {
		*s.passed++
		return *s.passed
	}
	f, err := os.OpenFile(s.count, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte{'.'}); err != nil {
		panic(err)
	}
	n, err := f.Seek(0, 1)
	if err != nil {
		panic(err)
	}
	return int(n)
}

// die ends the process as a machine that fails does: nothing runs after it, in no goroutine.
func (s seams) die() {
	if s.once != "" {
		f, err := os.OpenFile(s.once, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return // another process has died
		}
		_, _ = fmt.Fprintln(f, os.Getpid())
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (s seams) ledger(l ledger.Store) ledger.Store {
	return acts.Ledger{Store: l, Mark: s.mark}
}

func (s seams) blobs(b blobstore.Store) blobstore.Store {
	return acts.Blobs{Store: b, Mark: s.mark}
}

// marked is the broker with its three sides marked.
type marked struct {
	acts.Sender
	acts.DeadLetterer
	acts.DeadLetters
}

func (s seams) bus(b broker) broker {
	return marked{acts.Sender{Bus: b, Mark: s.mark}, acts.DeadLetterer{Bus: b, Mark: s.mark}, acts.DeadLetters{Bus: b, Mark: s.mark}}
}

// graph keeps as many idle connections as the client's own transport does.
func (s seams) graph() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return acts.Graph{Base: t, Mark: s.mark}
}

// transport marks mails that go to a mail server; those that go through Microsoft Graph are marked there.
func (s seams) transport(t notify.Transport) notify.Transport {
	if _, ok := t.(smtpMail); !ok {
		return t
	}
	return markedMail{t, s.mark}
}

type markedMail struct {
	to   notify.Transport
	mark acts.Mark
}

func (t markedMail) Send(ctx context.Context, m notify.Mail) error {
	return t.mark(ctx, acts.Mail, func() error { return t.to.Send(ctx, m) })
}

func (s seams) answers(h http.Handler) http.Handler { return acts.Answers(s.mark, h) }

func (s seams) now() time.Time { return time.Now().Add(s.skew) }
