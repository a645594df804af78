package soak

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"guestlist/pkg/local/entra"
)

// fate is what becomes of a person, wherever a file names them.
type fate int

const (
	fresh     fate = iota // of one file only, unknown before
	shared                // of several files
	existing              // a guest before the round
	member                // a member of the tenant: fails
	disabled              // a guest whose account is blocked: fails
	otherMail             // an account has the address among its other ones only: fails
	refused               // Microsoft refuses the address: fails
	bounced               // the mail server refuses the mail; the access stays
)

// code is why the invitation of such a person fails; empty if it does not.
func (f fate) code() string {
	return map[fate]string{member: "member.exists", disabled: "guest.disabled", otherMail: "guest.ambiguous", refused: "invite.address-refused"}[f]
}

// person is somebody whom files name.
type person struct {
	address string // normal
	fate    fate
}

// goodDomains may be invited, by every source.
var goodDomains = []string{"partner.example", "supplier.example", "sub.partner.example", "xn--mller-kva.example"}

// bounces is part of every address whose mails the mail server refuses.
const bounces = "bounces-"

// newPerson makes somebody of a fate, and the account that fate needs.
func (r *Round) newPerson(g *rand.Rand, f fate) person {
	r.people++
	n := r.people
	local := fmt.Sprintf("%s%04d", pick(g, []string{"guest", "ana.prieto", "o_neill", "x", "1st", "de-la-cruz"}), n)
	switch {
	case f == refused:
		local = fmt.Sprintf("o'neill%04d", n)
	case f == bounced:
		local = bounces + local
	case g.IntN(40) == 0:
		local += strings.Repeat("x", 64-len(local))
	}
	p := person{address: local + "@" + pick(g, goodDomains), fate: f}
	u := entra.User{ID: id(idUser, n), DisplayName: "Seeded " + local, Mail: p.address, UserType: "Guest", CreationType: "Invitation", ExternalUserState: "Accepted"}
	no := false
	switch f {
	case existing:
	case member:
		u.UserType, u.CreationType, u.ExternalUserState = "Member", "", ""
	case disabled:
		u.AccountEnabled = &no
	case otherMail:
		u.OtherMails, u.Mail = []string{p.address}, fmt.Sprintf("private%04d@elsewhere.example", n)
	default:
		return p
	}
	r.users = append(r.users, u)
	return p
}

func pick[T any](g *rand.Rand, all []T) T { return all[g.IntN(len(all))] }

// written is an address as people write it.
func written(g *rand.Rand, address string) string {
	switch g.IntN(12) {
	case 0:
		return strings.ToUpper(address[:1]) + address[1:]
	case 1:
		return "Some Body <" + address + ">"
	case 2:
		return "mailto:" + address
	case 3:
		return "  " + strings.ToUpper(address) + " "
	}
	return address
}
