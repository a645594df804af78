package message

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// ErrNever marks an error that no retry can mend: the message is dead-lettered at once. Test with errors.Is.
var ErrNever = errors.New("cannot succeed")

// Failure says why a step ended badly, in words for the person who has to act. Code is stable and documented; Text says
// what happened and what to do next; Request is the service's request id, for its support.
type Failure struct {
	Code    string `json:"code"`
	Text    string `json:"text"`
	Request string `json:"request,omitempty"`
}

// Error returns the code and the text.
func (f *Failure) Error() string { return f.Code + ": " + f.Text }

// Unwrap makes every Failure match [ErrNever].
func (f *Failure) Unwrap() error { return ErrNever }

// Never returns a [Failure].
func Never(code, text string) error { return &Failure{Code: code, Text: text} }

// AsFailure returns the Failure in err, or makes one with the given code from an error without.
func AsFailure(err error, code string) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return &Failure{Code: code, Text: err.Error()}
}

// Later asks for the same message again after a while, without using up an attempt. Budget is how long a run of Laters
// of the same Class may last before the message fails; zero means for ever. Spent is the failure recorded then; nil
// makes one from Why. Class names what the budget is for where it has several causes, or one whose words change from time to
// time: causes that take turns must not start it anew. Empty means Why.
type Later struct {
	After  time.Duration
	Why    string
	Budget time.Duration
	Class  string
	Spent  *Failure
}

// Error says what is waited for, and how long.
func (l *Later) Error() string { return fmt.Sprintf("later (%s): %s", l.After, l.Why) }

// MaxAttempts is how many attempts a message has before it is dead-lettered: 18 minutes on average.
const MaxAttempts = 10

// Backoff returns the delay before the attempt that follows attempt: 5 s times 2^(attempt-1), at most 15 min, with full
// jitter, so that a crowd that failed together does not return together.
func Backoff(attempt int) time.Duration {
	ceiling := 15 * time.Minute
	if attempt < 9 {
		ceiling = min(ceiling, 5*time.Second<<(max(attempt, 1)-1))
	}
	return rand.N(ceiling) + time.Millisecond
}

// Delayed returns the copy of m to send for a Later at time now, or the Failure if its budget is spent. A budget runs on
// while the message waits for other reasons that have none: throttling in between must not make it endless.
func (m Message) Delayed(l *Later, now time.Time) (Message, *Failure) {
	if class := cmp.Or(l.Class, l.Why); l.Budget > 0 && (m.Why != class || m.Since.IsZero()) {
		m.Why, m.Since = class, now
	}
	if l.Budget > 0 && now.Sub(m.Since) >= l.Budget {
		if l.Spent != nil {
			return m, l.Spent
		}
		return m, &Failure{Code: "waited.too-long", Text: fmt.Sprintf("gave up after %s: %s", l.Budget, l.Why)}
	}
	m.Delay++
	m.At = now.Add(l.After)
	return m, nil
}

// Retried returns the copy of m to send after a failed attempt at time now; false means that attempts are used up.
func (m Message) Retried(now time.Time) (Message, bool) {
	if m.Attempt >= MaxAttempts {
		return m, false
	}
	m.At = now.Add(Backoff(m.Attempt))
	m.Attempt++
	return m, true
}
