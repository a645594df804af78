package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"guestlist/pkg/message"
)

// Find looks for the one guest account of a person. It must match by mail, by a proxy address or by the principal name
// that an invitation makes from the address. Nobody is ErrNotFound; so is a guest in the recycle bin, whom a new
// invitation leaves there. Whatever must not be touched is a [*message.Failure]: member.exists for a member of the tenant,
// guest.ambiguous for several accounts or for one that carries the address otherwise only, guest.disabled for a guest
// whose account an administrator has blocked. An answer of several pages takes several requests.
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

// Confirm reports whether a user who was found or invited by an address earlier is still the one that [Client.Find] would
// return, or would once the directory shows the user. False means that the user is gone, or no longer this person's guest
// account; a look-up then says what is. Errors are those of Find. It takes one request mostly, two where the look-up finds
// nobody.
func (c *Client) Confirm(ctx context.Context, userID, address string) (bool, error) {
	found, err := c.Find(ctx, address)
	if !errors.Is(err, ErrNotFound) {
		return err == nil && strings.EqualFold(found.ID, userID), err
	}
	u, err := c.user(ctx, userID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = choose([]user{u}, strings.TrimSpace(address))
	return err == nil, nil
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
	case !hits[0].enabled():
		return Account{}, message.Never("guest.disabled", fmt.Sprintf("Guest %s has this address, but the account is blocked from signing in, so it was given nothing. "+
			"Unblock it and replay the row, or leave it blocked and delete the row.", hits[0].ID))
	}
	return hits[0].account(), nil
}

// carries reports whether address is u's by more than its list of other mails. A guest whose whole principal name is the
// address has an account of this tenant's own, not one that an invitation made.
func (u user) carries(address string) bool {
	return strings.EqualFold(u.Mail, address) || hasPrefixFold(u.UserPrincipalName, extPrefix(address)) ||
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
		var page userPage
		if err := c.read(ctx, k, info, &page, &page.Value); err != nil {
			return nil, err
		}
		for _, u := range *page.Value {
			if !slices.ContainsFunc(hits, func(h user) bool { return h.ID == u.ID }) { // a directory in motion may show one twice
				hits = append(hits, u)
			}
		}
		if len(hits) > 1 || page.Next == "" {
			return hits, nil
		}
		info, err = c.users().WithUrl(page.Next).ToGetRequestInformation(ctx, nil)
	}
	return nil, &Error{Operation: FindUser, Status: 200, Class: Transient, sent: true, Message: "the answer has too many pages"}
}

// userPage is one page of a list of users.
type userPage struct {
	Value *[]user // an answer without it must not pass for "nobody"
	Next  string  `json:"@odata.nextLink"`
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
