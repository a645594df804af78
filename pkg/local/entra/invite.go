package entra

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// invitation is the body of POST /invitations (source: resource page invitation).
type invitation struct {
	Type            string      `json:"@odata.type,omitempty"`
	Address         string      `json:"invitedUserEmailAddress"`
	DisplayName     string      `json:"invitedUserDisplayName,omitempty"`
	UserType        string      `json:"invitedUserType,omitempty"`
	RedirectURL     string      `json:"inviteRedirectUrl"`
	SendMail        bool        `json:"sendInvitationMessage"`
	ResetRedemption bool        `json:"resetRedemption"`
	Message         messageInfo `json:"invitedUserMessageInfo,omitzero"`
	User            *struct {
		Type string `json:"@odata.type,omitempty"`
		ID   string `json:"id"`
	} `json:"invitedUser,omitempty"`
}

type messageInfo struct {
	Type         string      `json:"@odata.type,omitempty"`
	Language     *string     `json:"messageLanguage"`
	Text         *string     `json:"customizedMessageBody"`
	CCRecipients []recipient `json:"ccRecipients"`
}

type recipient struct {
	Type    string `json:"@odata.type,omitempty"`
	Address struct {
		Type    string  `json:"@odata.type,omitempty"`
		Name    *string `json:"name"`
		Address *string `json:"address"`
	} `json:"emailAddress"`
}

// ticket redeems an invitation.
type ticket struct{ user, redirect string }

// forbiddenChars may not be in an invited address (source: resource page invitation).
const forbiddenChars = "~!#$%^&*()+=[]{}\\/|;:'\"<>?, \t\r\n"

// invite is POST /invitations: it creates a guest, or invites an existing one again. A write knows what is not replicated
// yet, so an address never gets two users, only two mails.
func (g *graph) invite(q *request) answer {
	var in invitation
	if no, fine := q.decode(&in); !fine {
		return no
	}
	if no, fine := g.gate(); !fine {
		return no
	}
	if no, fine := in.check(); !fine {
		return no
	}
	if in.ResetRedemption && !toReset.granted(q.roles) {
		return say(resetDenied)
	}
	u, no, fine := g.invitee(in)
	if !fine {
		return no
	}
	if u == nil {
		if n := g.settings.ObjectQuota; n > 0 && g.objects() >= n {
			return say(objectQuota)
		}
		u = g.newGuest(in)
		if q.vanish {
			u.visible, u.assignable = never, never
		}
	}
	g.invited++
	g.today()
	g.dayInvited++
	if in.SendMail {
		g.mail(in.Address, in.Message.CCRecipients)
	}
	return answer{status: http.StatusCreated, body: g.invitationSent(in, u)}
}

// check applies the rules on the properties. Only the text for a bad address was seen; those for missing and malformed
// properties are the emulator's own.
func (in invitation) check() (answer, bool) {
	bad := func(text string) (answer, bool) { return refuse(http.StatusBadRequest, codePlainBad, text), false }
	switch {
	case in.Address == "":
		return bad("The property 'invitedUserEmailAddress' is required.")
	case in.RedirectURL == "":
		return bad("The property 'inviteRedirectUrl' is required.")
	case in.ResetRedemption != (in.User != nil): // without it, invitedUser turns a member into a guest, which is not emulated
		return bad("The properties 'resetRedemption' and 'invitedUser' go together here.")
	case in.UserType != "" && in.UserType != "Guest" && in.UserType != "Member":
		return bad("The property 'invitedUserType' must be Guest or Member.")
	case !validAddress(in.Address):
		return say(badAddress), false
	}
	if u, err := url.Parse(in.RedirectURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return bad("The property 'inviteRedirectUrl' must be an absolute URL.")
	}
	return answer{}, true
}

// validAddress applies the documented rules: no forbidden characters, and neither dot nor hyphen at the ends of the local
// part.
func validAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	return found && local != "" && domain != "" && !strings.ContainsAny(s, forbiddenChars) && !strings.Contains(domain, "@") &&
		strings.Contains(domain, ".") && !strings.HasPrefix(domain, ".") && !strings.HasSuffix(domain, ".") && !strings.Contains(s, "..") &&
		!strings.ContainsAny(local[:1]+local[len(local)-1:], ".-")
}

// invitee returns the user that an invitation is for, nil if there is none yet, or why nobody can be invited.
func (g *graph) invitee(in invitation) (*user, answer, bool) {
	if in.ResetRedemption {
		return g.reset(in)
	}
	if u := g.owner(in.Address); u != nil {
		if u.UserType == "Guest" || u.CreationType == "Invitation" {
			no, fine := g.settings.welcomes(in.Address)
			return u, no, fine
		}
		if !*u.AccountEnabled {
			return nil, say(memberDisabled, "{id}", u.ID), false
		}
		return nil, say(memberExists, "{id}", u.ID), false
	}
	_, domain, _ := strings.Cut(strings.ToLower(in.Address), "@")
	switch {
	case g.groupWithMail(in.Address) != nil:
		return nil, say(groupAddress), false
	case g.domains[domain]:
		return nil, say(verifiedDomain), false
	}
	if no, fine := g.settings.welcomes(in.Address); !fine || g.settings.DeletedGuests != "restored" {
		return nil, no, fine
	}
	return g.resurrect(in.Address), answer{}, true
}

// owner returns whose address it is. A guest owns its other mails too; that a member's are left out is a guess.
func (d *tenant) owner(address string) *user {
	a := strings.ToLower(address)
	for _, key := range []string{"mail ", "proxyAddresses SMTP ", "proxyAddresses smtp ", "userPrincipalName ", "otherMails "} {
		for _, u := range d.index[key+a] {
			if key != "otherMails " || u.UserType == "Guest" || d.settings.MembersOtherMails {
				return u
			}
		}
	}
	return nil
}

// reset starts the redemption of a guest again (source: page "Reset redemption status"); the address must be on the user
// already (text: azure-docs issue 71825).
func (g *graph) reset(in invitation) (*user, answer, bool) {
	u := g.lookup(in.User.ID)
	if u == nil {
		return nil, missing(in.User.ID), false
	}
	has := func(a string) bool { return strings.EqualFold(a, in.Address) }
	if !has(u.Mail) && !slices.ContainsFunc(u.OtherMails, has) {
		return nil, say(resetMismatch), false
	}
	u.ExternalUserState, u.changed = pending, g.timing.now()
	return u, answer{}, true
}

// newGuest creates the user of an invitation.
func (g *graph) newGuest(in invitation) *user {
	g.created++
	id := guid("guest", fmt.Sprint(g.timing.seed, g.created), strings.ToLower(in.Address))
	local, _, _ := strings.Cut(in.Address, "@")
	u := &user{User: User{ID: id, DisplayName: cmp.Or(in.DisplayName, local), Mail: in.Address, UserType: cmp.Or(in.UserType, "Guest"),
		ExternalUserState: pending, CreationType: "Invitation", UserPrincipalName: guestPrincipal(in.Address, g.initial),
		OtherMails: []string{in.Address}, ProxyAddresses: []string{"SMTP:" + in.Address}, AccountEnabled: new(true)}, changed: g.timing.now()}
	if g.contacts[strings.ToLower(in.Address)] {
		u.ProxyAddresses = nil
	}
	u.visible, u.assignable = g.timing.appear(id)
	g.enter(u)
	return u
}

// invitationSent gives u a new redeem link; older ones end unless they are set to live. The status is PendingAcceptance always (source: docs issue 2645).
func (g *graph) invitationSent(in invitation, u *user) object {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	id := hex.EncodeToString(b)
	if !g.settings.OldLinksLive {
		g.dropTickets(u)
	}
	g.tickets[id] = ticket{user: u.ID, redirect: in.RedirectURL}
	u.tickets = append(u.tickets, id)
	info := in.Message
	if info.CCRecipients == nil {
		var none recipient
		info.CCRecipients = []recipient{none}
	}
	return object{"@odata.context": g.url + "/v1.0/$metadata#invitations/$entity", "id": newGUID(), "inviteRedeemUrl": g.url + "/redeem?ticket=" + id,
		"invitedUserDisplayName": orNull(in.DisplayName), "invitedUserType": u.UserType, "invitedUserEmailAddress": in.Address,
		"sendInvitationMessage": in.SendMail, "resetRedemption": in.ResetRedemption, "inviteRedirectUrl": in.RedirectURL, "status": pending,
		"invitedUserMessageInfo": info, "invitedUser": object{"id": u.ID}}
}
