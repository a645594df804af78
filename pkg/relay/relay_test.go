package relay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/message"
	"guestlist/pkg/relay"
)

const at = "acme-drop/users/a.csv"

func TestSameEventAgainDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := event("users/a.csv", "e1", "v1", "0055")
	w.handle(t, e)
	before, _ := w.look(t, at)
	w.handle(t, e)
	w.handle(t, event("users/a.csv", "e1", "v1", "005500")) // the same number, written longer
	w.handle(t, event("users/a.csv", "e1", "v1", "0099"))   // the same version by another event
	if after, _ := w.look(t, at); after != before || w.s3.opens != 1 {
		t.Errorf("blob %+v, was %+v; read %d times", after, before, w.s3.opens)
	}
}

// TestOlderNeverReplacesNewer delivers events in every order: the newest one stands in the end.
func TestOlderNeverReplacesNewer(t *testing.T) {
	t.Parallel()
	sequencers := []string{"0055AED6", "0055AED6DC", "0056", "01"} // ascending: padded with zeros on the right
	for _, order := range permutations(len(sequencers)) {
		w := newWorld(t)
		w.s3.body = func(_, etag string) string { return etag }
		best := -1
		for _, i := range order {
			w.handle(t, event("users/a.csv", fmt.Sprint("e", i), fmt.Sprint("v", i), sequencers[i]))
			best = max(best, i)
			if _, p := w.look(t, at); p.Metadata["s3etag"] != fmt.Sprint("e", best) {
				t.Errorf("order %v, after %d: %s stands", order, i, p.Metadata["s3etag"])
			}
		}
	}
}

func permutations(n int) (all [][]int) {
	if n == 0 {
		return [][]int{nil}
	}
	for _, p := range permutations(n - 1) {
		for i := range n {
			all = append(all, append(append(append([]int{}, p[:i]...), n-1), p[i:]...))
		}
	}
	return all
}

// TestFilesOfOthersAreOrderedByDate has a blob in the place that no relay wrote.
func TestFilesOfOthersAreOrderedByDate(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // its blobs are of 08:00, the event of 07:30
	put := w.blobs.Create(t.Context(), "inbox-acme", at)
	if _, err := io.WriteString(put, "by hand"); err != nil {
		t.Fatal(err)
	}
	if err := put.Close(); err != nil {
		t.Fatal(err)
	}
	before, _ := w.look(t, at)
	w.handle(t, event("users/a.csv", "e1", "v1", "0055"))
	if after, _ := w.look(t, at); after != before {
		t.Error("an older file from S3 replaced one that was put there by hand")
	}
	later := strings.Replace(string(event("users/a.csv", "e2", "v2", "0056")), "07:30", "09:30", 1)
	w.handle(t, []byte(later))
	if _, p := w.look(t, at); p.Metadata["s3etag"] != "e2" {
		t.Errorf("a newer file from S3 was not taken: %v", p.Metadata)
	}
}

// rival writes the blob while the relay reads S3.
type rival struct {
	relay.Source
	before func(opens int)
	opens  int
}

func (r *rival) Open(ctx context.Context, bucket, key, version, etag string) (io.ReadCloser, blobstore.Info, blobstore.Properties, error) {
	r.opens++
	r.before(r.opens)
	return r.Source.Open(ctx, bucket, key, version, etag)
}

func TestRaceIsDecidedByTheSequencer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rival, want string
		commits     int
	}{
		"an older one commits first": {"0054", "0055", 2},
		"a newer one commits first":  {"0056", "0056", 1},
		"the same commits first":     {"0055", "0055", 1},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			w, other := newWorld(t), newWorld(t)
			other.Inbox = w.blobs
			w.Source = &rival{Source: w.s3, before: func(opens int) {
				if opens == 1 {
					other.handle(t, event("users/a.csv", "e"+tc.rival, "v"+tc.rival, tc.rival))
				}
			}}
			w.handle(t, event("users/a.csv", "e0055", "v0055", "0055"))
			info, p := w.look(t, at)
			if p.Metadata["s3sequencer"] != tc.want || info.ETag != fmt.Sprintf("0x8D%013X", tc.commits) {
				t.Errorf("%s stands, %s; want %s after %d commits", p.Metadata["s3sequencer"], info.ETag, tc.want, tc.commits)
			}
		})
	}
}

func TestEndlessRaceIsLeftToARetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Source = &rival{Source: w.s3, before: func(opens int) {
		put := w.blobs.Create(t.Context(), "inbox-acme", at) // of no known age, so that the relay goes on
		w.blobs.Delete(t.Context(), "inbox-acme", at)
		_, _ = fmt.Fprint(put, opens)
		if err := put.Close(); err != nil {
			t.Error(err)
		}
	}}
	e := strings.Replace(string(event("users/a.csv", "e", "v", "0055")), "07:30", "09:30", 1)
	if _, err := w.Handle(t.Context(), []byte(e)); !errors.Is(err, blobstore.ErrChanged) {
		t.Errorf("got %v, want ErrChanged for Lambda to try again", err)
	}
}

func TestPermanentFailures(t *testing.T) {
	t.Parallel()
	unmapped := event("invoices/1.pdf", "e", "v", "0055")
	w := newWorld(t)
	w.Failures = nil
	_, err := w.Handle(t.Context(), unmapped)
	if f := message.AsFailure(err, ""); f.Code != "source.unmapped" {
		t.Errorf("without a queue: %v, want the failure as an error", err)
	}
	w = newWorld(t)
	w.letters.err = errors.New("SQS is away")
	if _, err := w.Handle(t.Context(), unmapped); err == nil || errors.Is(err, message.ErrNever) {
		t.Errorf("with a queue that refuses: %v, want an error that is tried again", err)
	}
	w.letters.err = nil
	w.handle(t, unmapped)
	if len(w.letters.kept) != 1 || w.letters.kept[0].Response.Code != "source.unmapped" {
		t.Errorf("reported: %+v", w.letters.kept)
	}
	// What was reported can be sent again once the cause is mended.
	w.Rules, err = relay.ParseRules(`[{"bucket":"acme-drop","prefix":"","source":"acme"}]`)
	if err != nil {
		t.Fatal(err)
	}
	w.handle(t, w.letters.kept[0].Request)
	w.look(t, "acme-drop/invoices/1.pdf")
}

func TestMissingInboxIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Rules[0].Source = "nobody"
	w.handle(t, event("users/a.csv", "e", "v", "0055"))
	if f := w.letters.kept; len(f) != 1 || f[0].Response.Code != "source.no-inbox" || !strings.Contains(f[0].Response.Text, "guestlist source add nobody") {
		t.Errorf("reported: %+v", f)
	}
}

// slow takes an hour for an object.
type slow struct{ relay.Source }

func (s slow) Open(ctx context.Context, bucket, key, version, etag string) (io.ReadCloser, blobstore.Info, blobstore.Properties, error) {
	select {
	case <-time.After(time.Hour):
	case <-ctx.Done():
		return nil, blobstore.Info{}, blobstore.Properties{}, ctx.Err()
	}
	return s.Source.Open(ctx, bucket, key, version, etag)
}

// TestDeadlineLeavesTimeToSaySo has two messages and no time: both are named, before the invocation is cut off.
func TestDeadlineLeavesTimeToSaySo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Source = slow{w.s3}
		body := strings.ReplaceAll(string(event("users/a.csv", "e", "v", "0055")), `"`, `\"`)
		batch := `{"Records":[{"messageId":"1","eventSource":"aws:sqs","body":"` + body + `"},{"messageId":"2","eventSource":"aws:sqs","body":"` + body + `"}]}`
		for _, limit := range []time.Duration{15 * time.Minute, 3 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			began := time.Now()
			answer, err := w.Handle(ctx, []byte(batch))
			if want := `{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2"}]}`; err != nil || string(answer) != want {
				t.Errorf("answer %s, %v; want %s", answer, err, want)
			}
			if left := limit - time.Since(began); left <= 0 {
				t.Errorf("no time left of %s", limit)
			}
			cancel()
		}
		if !strings.Contains(w.log.String(), "the time of this invocation ran out") {
			t.Errorf("the log does not say why:\n%s", w.log)
		}
	})
}

// TestShortObjectIsNoFile ends before all bytes have come.
func TestShortObjectIsNoFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Source = short{w.s3}
	if _, err := w.Handle(t.Context(), event("users/a.csv", "e", "v", "0055")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if _, _, err := w.blobs.Look(t.Context(), "inbox-acme", at); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("part of a file is visible: %v", err)
	}
}

type short struct{ relay.Source }

func (s short) Open(ctx context.Context, bucket, key, version, etag string) (io.ReadCloser, blobstore.Info, blobstore.Properties, error) {
	body, info, p, err := s.Source.Open(ctx, bucket, key, version, etag)
	info.Size++
	return body, info, p, err
}

func TestRulesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                                       "JSON array",
		`[]`:                                     "no rules",
		`[{"bucket":"","source":"a"}]`:           "rule 1: bucket",
		`[{"bucket":"b","source":"A"}]`:          "rule 1: source",
		`[{"bucket":"b","source":"a","size":1}]`: "size",
		`[{"bucket":"b","source":"a","maxBytes":-1}]`:                           "rule 1: maxBytes",
		`[{"bucket":"b","source":"a"},{"bucket":"b","prefix":"","source":"c"}]`: "rule 2: b/ has a rule already",
	} {
		if _, err := relay.ParseRules(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", text, err, want)
		}
	}
}
