package ledger

import "time"

// Tenant is the one row of what Microsoft Graph grants the tenant: how fast calls may be made and how many new invitations
// a day. Every call that counts is booked in it first, so that all processes together keep one pace. The arithmetic is in
// pkg/pace; a row that nobody has written yet is the zero Tenant, with an empty Version.
type Tenant struct {
	Writes      Bucket // directory writes of our application; an invitation is one too
	Invitations Bucket // new invitations
	Ramp        Ramp
	Reason      string    // why an operator changed limits, ramp or cap; empty while they are as they were made
	Changed     time.Time // when an operator did
	Version     string    // opaque; set by the store
}

// Bucket is one limit, kept as a generic cell rate algorithm: what is booked is the time at which it is free again.
type Bucket struct {
	Next   time.Time // when the next call may go; a booking of n calls moves it n/rate further
	Limit  float64   // calls per second while nothing is throttled
	Rate   float64   // calls per second just after the last halving; 0 if there was none. It regains with time
	Halved time.Time // the last halving
}

// Ramp holds new invitations back until the tenant has proved that it takes them, and counts those of a day.
type Ramp struct {
	Off       bool      // no ramp: the bucket's rate from the first invitation on
	Succeeded int       // invitations that worked since the tenant last refused to invite
	Cap       int       // invitations a day; 0 means no cap
	CapUntil  int       // the cap falls on the day after so many have succeeded; 0 means never
	Day       time.Time // the day that Count is about: its beginning, UTC, by the ledger's clock
	Count     int       // invitations booked on Day
	Earlier   int       // what Succeeded was when Day began
}

// Times returns all times of the row, for a store to bring into the form that it keeps.
func (t *Tenant) Times() []*time.Time {
	return []*time.Time{
		&t.Writes.Next, &t.Writes.Halved, &t.Invitations.Next, &t.Invitations.Halved, &t.Ramp.Day, &t.Changed,
	}
}
