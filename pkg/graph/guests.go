package graph

import (
	"context"
	"fmt"
	"iter"
	"slices"

	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// guestPage is how many accounts one request lists, the most that Microsoft Graph takes.
const guestPage = 999

// Guests yields the accounts whose invitation is in a state ([Pending] or [Accepted]), up to 999 to a request, in no
// order. They come from an index that follows a change by some seconds. An error ends it.
func (c *Client) Guests(ctx context.Context, state string) iter.Seq2[Account, error] {
	filter := "externalUserState eq '" + quote(state) + "'"
	return c.list(ctx, ListGuests, filter, guestPage)
}

// Users returns the accounts with these object ids, 15 to a request, in no order; ids that the directory does not know are
// left out.
func (c *Client) Users(ctx context.Context, ids []string) ([]Account, error) {
	if err := known(ids...); err != nil {
		return nil, err
	}
	var all []Account
	for chunk := range slices.Chunk(ids, maxIn) {
		for a, err := range c.list(ctx, ListUsers, amongIDs(chunk), len(chunk)) {
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// list follows the pages of an advanced query, which filters on the state of an invitation need.
func (c *Client) list(ctx context.Context, op Operation, filter string, size int) iter.Seq2[Account, error] {
	return func(yield func(Account, error) bool) {
		count, top := true, int32(size)
		info, err := c.users().ToGetRequestInformation(ctx, &users.UsersRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.UsersRequestBuilderGetQueryParameters{Filter: &filter, Select: userFields, Top: &top, Count: &count}})
		for link := ""; ; {
			if err != nil {
				yield(Account{}, fmt.Errorf("%s: %w", op, bare(err)))
				return
			}
			info.Headers = kiota.NewRequestHeaders()
			info.Headers.Add("Accept", "application/json")
			info.Headers.Add("ConsistencyLevel", "eventual")
			var page userPage
			if err := c.read(ctx, call{op: op}, info, &page, &page.Value); err != nil {
				yield(Account{}, err)
				return
			}
			for _, u := range *page.Value {
				if !yield(u.account(), nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			if page.Next == link {
				yield(Account{}, &Error{Operation: op, Status: 200, Class: Transient, sent: true, Message: "a page names itself as the next one"})
				return
			}
			link = page.Next
			info, err = c.users().WithUrl(page.Next).ToGetRequestInformation(ctx, nil)
		}
	}
}
