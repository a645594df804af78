package entra

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Stats counts requests since the start or the last reset.
type Stats struct {
	Reads            int            `json:"reads"`       // GET requests but those for tokens, whatever was answered except 429
	Writes           int            `json:"writes"`      // the same for POST, PATCH and DELETE, invitations included
	Invitations      int            `json:"invitations"` // invitations that the directory accepted
	MailsByMicrosoft int            `json:"mailsByMicrosoft"`
	Throttled        int            `json:"throttled"` // answered 429 by a limit; not among reads and writes
	Tokens           int            `json:"tokens"`    // requests of the identity endpoint
	Faults           int            `json:"faults"`    // requests struck by a fault
	UsersCreated     int            `json:"usersCreated"`
	MailsLost        int            `json:"mailsLost"`      // accepted, and beyond the mails of a day
	DuplicateMails   []string       `json:"duplicateMails"` // addresses that got more than one mail, sorted
	DuplicateUsers   []string       `json:"duplicateUsers"` // addresses that several users carry as mail, sorted
	Paths            map[string]int `json:"paths"`          // requests by method and path, throttled ones too; those inside a batch, and the batch itself
}

// State is everything that the directory holds, whether replicated or not. Mails counts Microsoft's invitation mails by
// lower-case address.
type State struct {
	TenantID        string         `json:"tenantId"`
	VerifiedDomains []string       `json:"verifiedDomains"`
	Users           []User         `json:"users"`
	Groups          []Group        `json:"groups"`
	Applications    []Application  `json:"applications"`
	Mails           map[string]int `json:"mails"`
	Copies          map[string]int `json:"copies"` // the copies of those mails, likewise
	DeletedUsers    []User         `json:"deletedUsers,omitempty"`
}

// counters are the counts of requests; the rest of Stats is in the tenant.
type counters struct {
	mu sync.Mutex
	s  Stats
}

func newCounters() *counters { return &counters{s: Stats{Paths: map[string]int{}}} }

// count changes the counts under the lock.
func (c *counters) count(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.s)
}

// request counts a request that was let through.
func (c *counters) request(write bool) {
	c.count(func(s *Stats) {
		if write {
			s.Writes++
		} else {
			s.Reads++
		}
	})
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.s
	s.Paths = maps.Clone(c.s.Paths)
	return s
}

// stats adds what the directory counts.
func (d *tenant) stats(s Stats) Stats {
	s.MailsLost = d.lost
	s.Invitations, s.UsersCreated, s.DuplicateMails, s.DuplicateUsers = d.invited, d.created, []string{}, []string{}
	for address, n := range d.mails {
		s.MailsByMicrosoft += n
		if n > 1 {
			s.DuplicateMails = append(s.DuplicateMails, address)
		}
	}
	for key, users := range d.index {
		if address, isMail := strings.CutPrefix(key, "mail "); isMail && len(users) > 1 {
			s.DuplicateUsers = append(s.DuplicateUsers, address)
		}
	}
	slices.Sort(s.DuplicateMails)
	slices.Sort(s.DuplicateUsers)
	return s
}
