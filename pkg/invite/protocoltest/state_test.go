package protocoltest_test

// The lengths of the model, in ticks.
const (
	lease    = 3 // of a claim
	least    = 2 // left of the lease when an act starts
	deadline = 1 // from there to the record
	late     = 1 // how long after the lost answer a request may still arrive
	still    = 2 // how long a worker may stand still beyond the deadline, once
	lag      = 4 // how long the directory may hide a new user
	bound    = 8 // how long an uncertain POST binds everybody
)

// who is an import, or nobody. As a Message-ID it is the import that invited.
type who uint8

const (
	nobody who = iota
	importA
	importB
	byMicrosoft // as a Message-ID
)

type mode uint8

const (
	noMode mode = iota
	microsoft
	own
	none
)

type invitation uint8

const (
	inviteNone invitation = iota
	posting
	invited
)

type mailing uint8

const (
	mailNone mailing = iota
	sending
	sent
)

// row is the guest's row. Who holds the lease needs no field: a write succeeds only on the version that was read.
type row struct {
	User     bool // the user id is known
	Invite   invitation
	Age      uint8 // ticks since posting, up to bound
	Mode     mode
	By       who
	Mail     mailing
	MailID   who
	MailedBy who
	Repeats  uint8
	URL      bool
	Left     uint8 // of the lease
}

// op is what a worker does next.
type op uint8

const (
	idle  op = iota
	claim    // the entry was read when the message was taken
	clock    // read the clock, for the uncertain wait
	find
	check // read the clock, for the rest of the lease
	mark  // save "posting"
	post
	redeem  // POST again for the link alone
	keep    // save the link
	promise // save "sending"
	mail
	release // save what was learned and give the lease back
	record  // write to the entry
	follow  // send what follows an invitation and complete the message
)

// kind is what a message asks for.
type kind uint8

const (
	inviting kind = iota
	notifying
)

// worker is one delivery under way.
type worker struct {
	At      op
	Kind    kind
	Import  uint8 // 0 or 1
	Mine    row   // the row as this worker knows it
	Before  row   // Mine before the act was announced, as far as a refusal restores it
	By      who   // the import that invites
	Waited  bool  // the uncertain wait was over when the clock was read
	Seen    bool  // the user showed before the clock was read; only where the order of the two is wrong
	Fresh   bool  // nobody wrote to the row since this worker did
	Failed  bool  // the message goes back to the broker after release
	Acting  bool  // between the check of the lease and the record
	Timer   uint8 // ticks until the act and its record have to be over
	Stalled bool
}

// entry is the guest in one import.
type entry struct {
	Ended   bool
	User    bool
	Outcome outcome
	Notify  notice
	Mailed  letter
}

type outcome uint8

const (
	noOutcome outcome = iota
	done
	already
)

func (o outcome) String() string { return [...]string{"open", "done", "already"}[o] }

type notice uint8

const (
	planned notice = iota
	asked
	ended
)

// letter is how the notify step ended.
type letter uint8

const (
	notAsked  letter = iota
	gone             // there was no invitation to mail
	others           // another import's mail, or Microsoft's
	ours             // this import's mail
	uncertain        // this import's mail, perhaps more than once
)

// request is a POST whose sender no longer waits for it.
type request struct {
	On, Mail bool
	Timer    uint8
}

// fault is what may go wrong; a state holds how often each may still do so.
type fault uint8

const (
	crash fault = iota
	lost
	refused
	twice
	stall
	faults
)

// state is everything. It is compared whole, so whatever no longer matters is set to zero.
type state struct {
	Row     row
	Workers [2]worker
	Entries [2]entry
	Ready   [2][2]bool // by kind and import: a message waits
	Air     request

	Users, Hidden uint8 // of the directory: how many, and for how long the user stays hidden
	ByMicrosoft   uint8 // mails that Microsoft sent
	Ours          uint8 // mails that the mail server took from us
	IDs           uint8 // set of the Message-IDs among them
	Doubts        uint8 // how often nobody could know whether a mail had been taken
	Broken        promised

	May      [faults]uint8
	MayTotal uint8
}

// promised names a promise that a step, not a state, breaks.
type promised uint8

const (
	keptAll promised = iota
	mailedAgain
	postedExisting
)
