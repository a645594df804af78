package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// identity says who was examined. The two ids of an application are mixed up often, so both are named in full.
func identity(who Caller) Finding {
	f := Finding{Check: "identity", State: Good, Basis: Read, Text: fmt.Sprintf("Asked as application (client) ID %s, enterprise app object ID %s, in tenant %s.",
		known(who.AppID), known(who.ObjectID), known(who.Tenant))}
	if who.Delegated {
		f.State = Unsure
		f.Text = fmt.Sprintf("Asked as a person, object ID %s, through application (client) ID %s, in tenant %s: what follows is about your permissions, not about those of the Function App.",
			known(who.ObjectID), known(who.AppID), known(who.Tenant))
		f.Next = "Run this as the Function App's identity; docs/first-tenant.md says how."
	}
	return f
}

func known(id string) string {
	if id == "" {
		return "(not in the token)"
	}
	return id
}

// invitations judges the tenant's setting for who may invite, together with what an invitation of nobody was answered.
//
// Source of the values: resource page authorizationPolicy, property allowInvitesFrom. The page of POST /invitations says
// that application permissions do not work where invitations are restricted to administrators; administrators report that
// they do with User.Invite.All. So that value is no more than a doubt.
func invitations(ctx context.Context, t Tenant, tried Answer) Finding {
	setting, a := t.InvitesFrom(ctx)
	f := Finding{Check: "invitation settings", Basis: Read, Request: a.RequestID}
	switch {
	case tenantWide(tried):
		f.State, f.Basis, f.Request = Bad, Tried, tried.RequestID
		f.Text, f.Next = "The tenant takes no invitations now: "+said(tried)+".", opening(tried)
	case !a.worked():
		f.State, f.Basis = Unsure, Inferred
		f.Text = fmt.Sprintf("The setting cannot be read (%s), and %s.", said(a), hint(tried))
		f.Next = "Ask an administrator: external collaboration settings, guest invite restrictions. Reading it takes Policy.Read.All, which Guestlist does not need otherwise."
	case setting == "none":
		f.State, f.Text = Bad, "Nobody may invite guests (allowInvitesFrom is none)."
		f.Next = "Allow it in the external collaboration settings; changes take up to an hour."
	case setting == "adminsAndGuestInviters":
		f.State = Unsure
		f.Text = "Only administrators and guest inviters may invite. Microsoft's page says that an application cannot invite then; administrators report that it can with User.Invite.All."
		f.Next = "Invite one guest as docs/first-tenant.md shows, before a file."
	default:
		f.State, f.Text = Good, fmt.Sprintf("Invitations are allowed (allowInvitesFrom is %s).", setting)
	}
	return f
}

// hint is what an invitation of nobody lets one infer about the setting.
func hint(tried Answer) string {
	if tried.Status == 400 {
		return "an invitation of nobody met no refusal of the tenant, which does not prove that one of somebody would not"
	}
	return "the invitation of nobody did not get far enough to tell"
}

func opening(a Answer) string {
	if strings.Contains(strings.ToLower(a.Message), "suspicious activity") {
		return "Only Microsoft's support can lift this block: open a case."
	}
	return "Allow guest invitations in the external collaboration settings; changes take up to an hour."
}

// onMicrosoft is the limit of Exchange Online on mail from a domain below onmicrosoft.com: 100 recipients outside in 24
// hours, as the press reported it in August 2025; Microsoft's page on redemption says that invitations fall under it.
const onMicrosoft = 100

// domain judges from where Microsoft's invitation mails come: since the end of 2025 from the tenant's primary domain.
func domain(ctx context.Context, t Tenant, o Options) Finding {
	org, a := t.Organization(ctx)
	f := Finding{Check: "primary domain", State: Good, Basis: Read, Request: a.RequestID}
	switch {
	case !a.worked():
		f.State, f.Basis = Unsure, Inferred
		f.Text = fmt.Sprintf("It cannot be read (%s).", said(a))
		f.Next = "Look it up under custom domain names. If it ends with .onmicrosoft.com, Microsoft's mails are limited to about 100 recipients a day."
	case o.MailMode != "microsoft":
		f.Text = fmt.Sprintf("%s. It does not matter for mail, since Microsoft sends none to guests (MAIL_MODE is %s).", org.PrimaryDomain, o.MailMode)
	case strings.HasSuffix(strings.ToLower(org.PrimaryDomain), ".onmicrosoft.com"):
		f.State, f.Basis = Unsure, Inferred
		f.Text = fmt.Sprintf("%s. Microsoft sends invitations from the primary domain, and from one below onmicrosoft.com to about %d recipients in 24 hours.", org.PrimaryDomain, onMicrosoft)
		f.Next = "Make a domain of your own the primary one (with SPF, DKIM and DMARC), or invite fewer people a day."
	default:
		f.Text = fmt.Sprintf("%s. Microsoft sends invitations from it; SPF, DKIM and DMARC of that domain decide whether they arrive.", org.PrimaryDomain)
	}
	return f
}

// mailbox judges from the token whether own mail can leave: a mail as a trial would be a mail to somebody.
func mailbox(who Caller, address string) Finding {
	f := Finding{Check: "Mail.Send", State: Good, Basis: Read,
		Text: "The token carries it. Only Exchange knows whether it covers " + address + "."}
	if !slices.Contains(who.Roles, "Mail.Send") {
		f.State, f.Text = Bad, "The token does not carry it, so no mail can be sent from "+address+"."
		f.Next = fmt.Sprintf("Grant the application permission Mail.Send to enterprise app object ID %s, bounded to that mailbox, or set MAIL_SMTP instead.", known(who.ObjectID))
	}
	return f
}
