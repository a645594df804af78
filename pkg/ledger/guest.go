package ledger

import "time"

// InviteState says how far the invitation of a guest is, for the whole tenant.
type InviteState string

// The states of an invitation. None covers guests that were not invited by us, whether they exist or not.
const (
	InviteNone    InviteState = ""
	InvitePosting InviteState = "posting"
	Invited       InviteState = "invited"
)

// MailState says how far the one mail of an invitation is.
type MailState string

// The states of a mail.
const (
	MailNone    MailState = ""
	MailSending MailState = "sending"
	MailSent    MailState = "sent"
)

// Guest is the row of one person in the tenant. It is claimed to invite and to mail, and for nothing else.
type Guest struct {
	Key    string
	UserID string // object id, once known

	Invite    InviteState
	Since     time.Time // when Invite became posting
	Mode      string    // mail mode of the POST: microsoft, own or none
	InvitedBy string    // import whose invitation it was; empty for a guest that was found
	Confirmed time.Time // when the directory last confirmed UserID

	Mail     MailState
	MailID   string // Message-ID, or "microsoft"
	MailedBy string // import whose mail it was
	// MailRepeats counts how often the mail was sent again because nobody could know whether it had been taken.
	MailRepeats int
	Copy        MailState // how far the copy of that mail for the row's CC address is
	CopyRepeats int       // as MailRepeats, of the copy
	// RedeemURL is a secret of own-mail mode: never shown, logged or sent anywhere but to the guest.
	RedeemURL string

	Holder  string    // who holds the lease; empty if nobody
	Until   time.Time // when the lease ends, by the ledger's clock
	Version string    // opaque; set by the store
}
