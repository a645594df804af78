package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"guestlist/functions/cmd/devstack/internal/oracle"
)

// mails judges who was mailed, by whom and how often: each guest who was invited once, by Guestlist or by Microsoft, and
// again with the same Message-ID only where a row says so.
func (j *judge) mails() {
	own, copies := map[string]map[string]int{}, map[string]map[string]bool{} // Message-IDs by recipient
	for _, m := range j.world.Mails {
		to := strings.ToLower(strings.Join(m.To, " "))
		if strings.HasPrefix(m.MessageID, "copy-") {
			if copies[m.MessageID] == nil {
				copies[m.MessageID] = map[string]bool{}
			}
			copies[m.MessageID][to] = true
			continue
		}
		if own[to] == nil {
			own[to] = map[string]int{}
		}
		own[to][m.MessageID]++
	}
	said := j.uncertain()
	for _, address := range slices.Sorted(maps.Keys(own)) {
		if j.wants[address] == nil {
			j.bad(oracle.Violation{Check: oracle.OwnMails, Guest: address, Text: "was mailed, and no row asks for it"})
		}
	}
	for _, address := range slices.Sorted(maps.Keys(j.wants)) {
		j.mail(j.wants[address], own[address], j.world.Directory.Mails[address], said[address])
	}
	j.copies(own, copies)
}

// mail judges the mails of one person: own by Message-ID, and Microsoft's.
func (j *judge) mail(w *wants, own map[string]int, byMicrosoft int, said bool) {
	bad := func(format string, a ...any) {
		j.bad(oracle.Violation{Check: oracle.OwnMails, Guest: w.address, Text: fmt.Sprintf(format, a...)})
	}
	least, most := 1, 1 // of both kinds together
	switch {
	case w.fate == existing, w.fate == bounced, w.fate.code() != "", !w.modes["own"] && !w.modes["microsoft"]:
		least, most = 0, 0
	case !w.modes["own"] && w.modes["none"]: // whoever invites first decides
		least = 0
	}
	if n := len(own) + min(byMicrosoft, 1); n < least || n > most {
		bad("%d different mails by Guestlist, %d by Microsoft; want %d to %d of both, since sources with the modes %v invite", len(own), byMicrosoft, least, most, slices.Sorted(maps.Keys(w.modes)))
	}
	if len(own) > 0 && !w.modes["own"] {
		bad("mailed by Guestlist, and no source wants that")
	}
	if byMicrosoft > 0 && !w.modes["microsoft"] {
		bad("mailed by Microsoft, and no source wants that")
	}
	for id, n := range own {
		if n > 1 && !said {
			bad("mail %s came %d times, and no row says mail.uncertain", id, n)
		}
	}
}

// uncertain are those of whom some row says that the mail may have come more than once.
func (j *judge) uncertain() map[string]bool {
	said := map[string]bool{}
	for _, e := range j.entries {
		if e.Notify.Code == "mail.uncertain" {
			said[e.Address] = true
		}
	}
	return said
}

// copies go to addresses that a row of the guest names, and to nobody else.
func (j *judge) copies(own map[string]map[string]int, copies map[string]map[string]bool) {
	guest := map[string]string{}
	for address, ids := range own {
		for id := range ids {
			guest["copy-"+id] = address
		}
	}
	for id, to := range copies {
		w := j.wants[guest[id]]
		for address := range to {
			if w == nil || !w.copies[address] {
				j.bad(oracle.Violation{Check: oracle.OwnMails, Guest: guest[id], Text: "a copy went to " + address + ", and no row asks for it"})
			}
		}
	}
}
