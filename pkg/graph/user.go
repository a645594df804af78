package graph

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"guestlist/pkg/message"
)

// Account is a user found in the directory. State is that of the invitation: PendingAcceptance, Accepted, or empty.
type Account struct {
	ID, Mail, UserPrincipalName, UserType, State string
	Enabled                                      bool
}

// user is an account as Microsoft Graph writes it.
type user struct {
	ID                string
	Mail              string
	UserPrincipalName string
	UserType          string
	ExternalUserState string
	AccountEnabled    bool
	ProxyAddresses    []string
	OtherMails        []string
}

// userFields keeps a look-up at one resource unit, and some of them come only when asked for.
var userFields = []string{"id", "mail", "userPrincipalName", "userType", "externalUserState", "accountEnabled", "proxyAddresses", "otherMails"}

func (u user) account() Account {
	return Account{ID: u.ID, Mail: u.Mail, UserPrincipalName: u.UserPrincipalName, UserType: u.UserType, State: u.ExternalUserState, Enabled: u.AccountEnabled}
}

// User reads one account by its object id. An id that the directory does not know is ErrNotFound.
func (c *Client) User(ctx context.Context, id string) (Account, error) {
	if err := known(id); err != nil {
		return Account{}, err
	}
	info, err := c.users().ByUserId(id).ToGetRequestInformation(ctx, &users.UserItemRequestBuilderGetRequestConfiguration{
		QueryParameters: &users.UserItemRequestBuilderGetQueryParameters{Select: userFields}})
	if err != nil {
		return Account{}, fmt.Errorf("read user %s: %w", id, err)
	}
	var u user
	if err := c.read(ctx, call{op: ReadUser}, info, &u, &u.ID); err != nil {
		return Account{}, fmt.Errorf("user %s: %w", id, err)
	}
	return u.account(), nil
}

// Find looks for the one guest account of a person. It must match by mail, by a proxy address or by the principal name
// that an invitation makes from the address. Nobody is ErrNotFound. Whatever must not be touched is a
// [*message.Failure]: member.exists for a member of the tenant, guest.ambiguous for several accounts or for one that
// carries the address among its other mails only.
func (c *Client) Find(ctx context.Context, address string) (Account, error) {
	address = strings.TrimSpace(address)
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" || domain == "" {
		return Account{}, fmt.Errorf("look up: the address has no @: %w", ErrNotFound)
	}
	hits, err := c.search(ctx, address)
	if err != nil {
		return Account{}, err
	}
	return choose(hits, address)
}

// choose applies the rule to all accounts that Microsoft Graph returned for an address.
func choose(hits []user, address string) (Account, error) {
	switch {
	case len(hits) == 0:
		return Account{}, fmt.Errorf("look up: %w", ErrNotFound)
	case len(hits) > 1:
		return Account{}, message.Never("guest.ambiguous", fmt.Sprintf("Several accounts carry this address, among them %s and %s. "+
			"Leave it on one of them, then replay the row.", hits[0].ID, hits[1].ID))
	case !strings.EqualFold(hits[0].UserType, "Guest"):
		return Account{}, message.Never("member.exists", fmt.Sprintf("The address belongs to %s, which is a member of this tenant and no guest. "+
			"Give access to that account directly.", hits[0].ID))
	case !hits[0].carries(address):
		return Account{}, message.Never("guest.ambiguous", fmt.Sprintf("Guest %s has this address among its other addresses only, so it may be another person. "+
			"Make it the guest's mail address if it is theirs, or remove it; then replay the row.", hits[0].ID))
	}
	return hits[0].account(), nil
}

// carries reports whether address is u's by more than its list of other mails.
func (u user) carries(address string) bool {
	return strings.EqualFold(u.Mail, address) || strings.EqualFold(u.UserPrincipalName, address) ||
		hasPrefixFold(u.UserPrincipalName, extPrefix(address)) ||
		slices.ContainsFunc(u.ProxyAddresses, func(p string) bool { return strings.EqualFold(p, "smtp:"+address) })
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// extPrefix is how the principal name of a guest begins who was invited by address: the tenant's initial domain follows.
func extPrefix(address string) string {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return ""
	}
	return address[:i] + "_" + address[i+1:] + "#EXT#@"
}

// search returns the accounts that have to do with address. Two hits are as good as all: no choice is made among them.
func (c *Client) search(ctx context.Context, address string) ([]user, error) {
	k := call{op: FindUser, secret: []string{address}}
	filter, top := lookup(address), int32(5)
	info, err := c.users().ToGetRequestInformation(ctx, &users.UsersRequestBuilderGetRequestConfiguration{
		QueryParameters: &users.UsersRequestBuilderGetQueryParameters{Filter: &filter, Select: userFields, Top: &top}})
	var hits []user
	for range maxPages {
		if err != nil {
			return nil, fmt.Errorf("look up: %w", bare(err))
		}
		var page struct {
			Value *[]user // an answer without it must not pass for "nobody"
			Next  string  `json:"@odata.nextLink"`
		}
		if err := c.read(ctx, k, info, &page, &page.Value); err != nil {
			return nil, err
		}
		hits = append(hits, *page.Value...)
		if len(hits) > 1 || page.Next == "" {
			return hits, nil
		}
		info, err = c.users().WithUrl(page.Next).ToGetRequestInformation(ctx, nil)
	}
	return nil, &Error{Operation: FindUser, Status: 200, Class: Transient, sent: true, Message: "the answer has too many pages"}
}

// maxPages bounds how many pages are followed; Microsoft Graph may send empty ones before the first hit.
const maxPages = 10

// lookup is the filter. A proxy address is written SMTP: for the primary one and smtp: for the others, and whether the
// comparison heeds case is not documented.
func lookup(address string) string {
	a := quote(address)
	return strings.Join([]string{
		"mail eq '" + a + "'",
		"userPrincipalName eq '" + a + "'",
		"proxyAddresses/any(p:p eq 'SMTP:" + a + "')",
		"proxyAddresses/any(p:p eq 'smtp:" + a + "')",
		"otherMails/any(o:o eq '" + a + "')",
		"startswith(userPrincipalName,'" + quote(extPrefix(address)) + "')",
	}, " or ")
}
