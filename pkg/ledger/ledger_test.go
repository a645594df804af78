package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

func TestLedgerThatCannotBeReachedIsTriedLater(t *testing.T) {
	t.Parallel()
	err := ledger.Unreachable(errors.New("connection refused"))
	later, ok := errors.AsType[*message.Later](err)
	if !ok || later.Budget != 0 || later.After <= 0 || !strings.Contains(later.Why, "connection refused") {
		t.Errorf("verdict %v", err)
	}
}

func TestWhatTheLedgerNeverTakesIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	given := fmt.Errorf("insert: %w", ledger.TooLarge("guest 0a", "request-1"))
	if err := ledger.Unreachable(given); err != given {
		t.Errorf("verdict %v", err)
	}
	if f := message.AsFailure(given, "other"); f.Code != ledger.TooLargeCode || f.Request != "request-1" {
		t.Errorf("failure %+v", f)
	}
}

// TestSizeIsMeasuredTheSameWayForEveryShape compares entries of the same size: what the quick estimate lets pass must not
// be larger than what the exact measure allows.
func TestSizeIsMeasuredTheSameWayForEveryShape(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("\x00", ledger.MaxUnits/6+1)
	half := text[:len(text)/2+1]
	at := time.Date(2026, 3, 1, 13, 0, 0, 123456789, time.FixedZone("", 3600))
	step := ledger.Step{Generation: 1 << 62, State: ledger.Ended, Due: at, At: at}
	for name, e := range map[string]ledger.Entry{
		"address": {Address: text}, "name": {DisplayName: text}, "text": {Text: text}, "redirect": {RedirectURL: text},
		"cc": {CC: text}, "language": {Language: text}, "user": {UserID: text}, "lines": {Lines: lines()},
		"wait": {Invite: ledger.Step{Wait: text}}, "step text": {Notify: ledger.Step{Text: text}},
		"code":   {Invite: ledger.Step{Code: half}, Notify: ledger.Step{Request: half}},
		"target": {Targets: []ledger.Target{{ID: half, Name: half, Step: step}}},
		"role":   {Targets: []ledger.Target{{Role: half, Step: step}, {Object: half, Step: step}}},
		"count":  {Targets: make([]ledger.Target, ledger.MaxTargets+1)},
	} {
		if err := ledger.CheckEntry(&e); !errors.Is(err, message.ErrNever) {
			t.Errorf("too large a %s passes: %v", name, err)
		}
	}
	if err := ledger.CheckEntry(&ledger.Entry{Text: text[:len(text)-200]}); err != nil {
		t.Errorf("what fits is refused: %v", err)
	}
}

// lines returns line numbers that are too many by a little.
func lines() []int {
	all := make([]int, ledger.MaxUnits/20+1)
	for i := range all {
		all[i] = 1 << 62
	}
	return all
}
