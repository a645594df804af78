package ledger

import (
	"fmt"
	"time"

	"guestlist/pkg/message"
)

// ImportState says how far an import is.
type ImportState string

// The states of an import. Staging, planning and running imports move by themselves; a held one waits for a person; the
// others are final and say why in Code and Text.
const (
	Staging    ImportState = "staging"
	Held       ImportState = "held"
	Planning   ImportState = "planning"
	Running    ImportState = "running" // all entries planned; finished once no guest is open
	Refused    ImportState = "rejected"
	Superseded ImportState = "superseded"
	Broken     ImportState = "failed"
)

// Import is one version of one file, from its arrival to its results.
type Import struct {
	ID                                string
	Source                            string
	Account, Container, Path, ETag    string // ETag without quotes
	Created, Finished                 time.Time
	State                             ImportState
	Code, Text                        string // why it is held, rejected, superseded or failed
	Stage, Plan                       Phase
	Rows, RowsRejected, GuestsPlanned int
	Revision                          int // of the wanted results, from 1; a replay raises it
	Reported                          int // revision of the last results written
	Cancelled                         bool
	CancelledAt                       time.Time // when an operator cancelled it
	Reopening                         time.Time // until then a replay opens guests again, and no results are written
	Results                           string    // path of the summary in container "results"
	Ask                               string    // JSON of policy.Ask, while held
	Run                               string    // the reading whose work files count; see [Import.Work]
	MailMode                          string    // of the source when the file was read: own, microsoft or none
	Links                             bool      // whether links in the file's texts may be followed
	ReportDue                         time.Time // before it the sweep asks for no report, since one is being written
	Expected                          time.Time // end that was expected when the guests were planned; zero if nobody could say
	ExpectedWhy                       string    // why not earlier
	Approval                          Approval  // that a person gave a file over its policy's maximum
	Purged                            int       // while the import is being removed: 1 + the parts whose grants are; else 0
	Version                           string    // opaque; set by the store
}

// Approval lets one import have more guests than its source's policy allows in a file. The zero value allows nothing.
type Approval struct {
	Guests     int    // so many, whatever the policy says
	By, Reason string // as the operator's machine and the operator said; nobody has checked it
	At         time.Time
}

// Phase is the state of an import's stage or plan message.
type Phase struct {
	Generation int
	Due        time.Time // when the message should act next; zero while none is under way
}

// Work returns the folder of the import's work files. Every reading writes into a folder of its own, so that two readings
// at once, after a lost lock or by two generations, cannot mix their files.
func (i Import) Work() string { return i.ID + "/" + i.Run }

// Final reports whether the import ended without running: rejected, superseded or failed.
func (i Import) Final() bool {
	return i.State == Refused || i.State == Superseded || i.State == Broken
}

// Open reports whether the sweep still has to look at the import: until the wanted results are written.
func (i Import) Open() bool { return i.Reported < i.Revision }

// Reopen lets the sweep look at the import, and asks for results anew if those that were wanted have been written. It goes with
// every entry that is opened: nobody sees one that is open in an import that is not.
func (i *Import) Reopen() {
	if !i.Open() {
		i.Revision++
		i.Finished = time.Time{}
	}
	i.ReportDue = time.Time{}
}

// PurgedFailure is the reason why nothing can be done any more for an import that is being removed.
func PurgedFailure(id string) *message.Failure {
	return &message.Failure{Code: "import.purged", Text: fmt.Sprintf("Import %s ended long ago and is being removed with all its results (PURGE_AFTER). "+
		"Nothing was changed. Drop the rows again in a new file.", id)}
}

// Phase returns the phase that the import is in: plan while planning, stage before.
func (i *Import) Phase() *Phase {
	if i.State == Planning {
		return &i.Plan
	}
	return &i.Stage
}
