package ledger

import (
	"encoding/json"
	"errors"
	"fmt"

	"guestlist/pkg/message"
)

const (
	// MaxUnits is how large an entry or an import may be: the UTF-16 code units of its JSON. A row of Azure Table Storage
	// takes 1 MiB, at two bytes per unit; 16 KiB of that are left for its keys and for the names of its properties.
	MaxUnits = (1<<20 - 16<<10) / 2
	// MaxTargets is how many targets an entry may have. A row takes 252 properties, one per target; the others are 12 and
	// what long ones go on in.
	MaxTargets = 200
	// TooLargeCode is the code of the [message.Failure] of what is too large to be kept.
	TooLargeCode = "ledger.too-large"
)

// CheckEntry returns the [TooLarge] failure of an entry that no store keeps, and nil for any other.
func CheckEntry(e *Entry) error {
	if len(e.Targets) <= MaxTargets && (entryBound(e) <= MaxUnits || entryUnits(*e) <= MaxUnits) {
		return nil
	}
	return TooLarge("guest "+e.Guest, "")
}

// CheckImport returns the [TooLarge] failure of an import that no store keeps, and nil for any other.
func CheckImport(i Import) error {
	i.Version = "" // every store has its own
	if units(i) <= MaxUnits {
		return nil
	}
	return TooLarge("import "+i.ID, "")
}

// TooLarge returns the failure of what is too large to be kept, which no retry mends. What names it by its key, not by an
// address; request is the id of the request that the service refused, if it came to that.
func TooLarge(what, request string) *message.Failure {
	return &message.Failure{Code: TooLargeCode, Request: request, Text: fmt.Sprintf(
		"the data of %s is larger than the ledger can keep; the limits on files should have prevented this, "+
			"so please report it as a fault of Guestlist", what)}
}

// IsTooLarge reports whether err is, or wraps, a [TooLarge] failure.
func IsTooLarge(err error) bool {
	f, ok := errors.AsType[*message.Failure](err)
	return ok && f.Code == TooLargeCode
}

// entryBound returns a number that units(e) does not exceed. It spares almost every entry the JSON.
func entryBound(e *Entry) int {
	const (
		perByte = 6   // \u0000
		perStep = 400 // names of fields, numbers and times
		perLine = 21  // a number of 64 bits and a comma
	)
	text := 0
	for _, s := range []string{e.Import, e.Guest, e.Address, e.DisplayName, e.Text, e.RedirectURL, e.CC, e.Language, e.Mail, e.UserID} {
		text += len(s)
	}
	for i := range e.Targets {
		t := &e.Targets[i]
		text += len(t.Kind) + len(t.ID) + len(t.Object) + len(t.Role) + len(t.Name)
	}
	steps := e.Steps()
	for _, s := range steps {
		text += len(s.State) + len(s.Wait) + len(s.Outcome) + len(s.Code) + len(s.Text) + len(s.Request)
	}
	return perByte*text + perStep*(len(steps)+1) + perLine*len(e.Lines)
}

func entryUnits(e Entry) int {
	e.Version = "" // every store has its own
	return units(e)
}

// units returns how many UTF-16 code units the JSON of v has.
func units(v any) int {
	text, err := json.Marshal(v)
	if err != nil {
		return 0 // a time beyond the year 9999: the store says so itself
	}
	n := 0
	for _, c := range string(text) {
		if n++; c > 0xFFFF {
			n++
		}
	}
	return n
}
