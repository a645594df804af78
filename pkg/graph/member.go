package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
)

// MaxAdd is how many members one write may add (source: page group-post-members).
const MaxAdd = 20

// maxIn is how many values Microsoft Graph takes in one "in" of a filter.
const maxIn = 15

// AddMember makes a user a direct member of a group. False means that it was one already; so adding twice is harmless.
func (c *Client) AddMember(ctx context.Context, groupID, userID string) (bool, error) {
	if err := known(groupID, userID); err != nil {
		return false, nowhere(AddMember, err)
	}
	info, err := send(kiota.POST, c.group(groupID).Members().Ref().BaseRequestBuilder, struct {
		ID string `json:"@odata.id"`
	}{c.reference(userID)})
	if err != nil {
		return false, fmt.Errorf("add member to group %s: %w", groupID, err)
	}
	return done(c.do(ctx, call{op: AddMember, target: groupID}, info, nil))
}

// AddMembers makes up to [MaxAdd] users direct members of a group in one write. Microsoft Graph takes all of them or none:
// after an error that is [Error.Certain] nobody was added, after any other perhaps all were. Among the errors are
//
//   - Class Already: somebody is a member already, and the answer does not say who; [Client.Members] does
//   - Class Replicating: [Error.Missing] is the id that the directory does not know (yet), the group's own or one of
//     userIDs, in lower case; it may be empty, and there may be more that are unknown
//
// Repeating a call that worked is answered Already.
func (c *Client) AddMembers(ctx context.Context, groupID string, userIDs []string) error {
	if n := len(userIDs); n == 0 || n > MaxAdd {
		return nowhere(AddMembers, fmt.Errorf("%d members in one write; it takes 1 to %d", n, MaxAdd))
	}
	if err := known(append([]string{groupID}, userIDs...)...); err != nil {
		return nowhere(AddMembers, err)
	}
	links := make([]string, len(userIDs))
	for i, id := range userIDs {
		links[i] = c.reference(id)
	}
	info, err := send(kiota.PATCH, c.group(groupID).BaseRequestBuilder, struct {
		Members []string `json:"members@odata.bind"`
	}{links})
	if err != nil {
		return fmt.Errorf("add members to group %s: %w", groupID, err)
	}
	return c.do(ctx, call{op: AddMembers, target: groupID}, info, nil)
}

// reference is how an object is named in a body. It is the real service's address, also where a stand-in is asked.
func (c *Client) reference(id string) string { return c.resource + "/v1.0/directoryObjects/" + id }

// IsMember reports whether a user is a direct member of a group; see [Client.Members].
func (c *Client) IsMember(ctx context.Context, groupID, userID string) (bool, error) {
	members, err := c.Members(ctx, groupID, []string{userID})
	return len(members) > 0, err
}

// Members returns those of userIDs that are direct members of a group, as they are written in userIDs. It asks for these
// ids only, 15 to a request, so it costs the same for a group of any size. The answer comes from an index that follows a
// write by some seconds. An unknown group is ErrNotFound.
func (c *Client) Members(ctx context.Context, groupID string, userIDs []string) ([]string, error) {
	if err := known(append([]string{groupID}, userIDs...)...); err != nil {
		return nil, err
	}
	var members []string
	for chunk := range slices.Chunk(userIDs, maxIn) {
		found, err := c.membersAmong(ctx, groupID, chunk)
		if err != nil {
			return nil, fmt.Errorf("group %s: %w", groupID, err)
		}
		members = append(members, found...)
	}
	return members, nil
}

func (c *Client) membersAmong(ctx context.Context, groupID string, ids []string) ([]string, error) {
	filter, count, top := amongIDs(ids), true, int32(len(ids))
	headers := kiota.NewRequestHeaders()
	headers.Add("ConsistencyLevel", "eventual") // with $count, the documented way to filter members
	info, err := c.group(groupID).Members().ToGetRequestInformation(ctx, &groups.ItemMembersRequestBuilderGetRequestConfiguration{
		Headers:         headers,
		QueryParameters: &groups.ItemMembersRequestBuilderGetQueryParameters{Filter: &filter, Count: &count, Select: []string{"id"}, Top: &top}})
	if err != nil {
		return nil, fmt.Errorf("read membership: %w", err)
	}
	var page struct{ Value *[]object }
	err = c.read(ctx, call{op: ReadMembership}, info, &page, &page.Value)
	if e, ok := errors.AsType[*Error](err); ok && e.Class == Absent && !strings.EqualFold(e.Missing, groupID) {
		rest := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return strings.EqualFold(id, e.Missing) })
		switch len(rest) {
		case 0:
			return nil, nil // a directory may answer so to a filter by an id that is no member's
		case len(ids) - 1:
			return c.membersAmong(ctx, groupID, rest)
		}
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return !slices.ContainsFunc(*page.Value, func(o object) bool { return strings.EqualFold(o.ID, id) })
	}), nil
}

// amongIDs is the filter for any of some ids. One id needs no list.
func amongIDs(ids []string) string {
	if len(ids) == 1 {
		return "id eq '" + quote(ids[0]) + "'"
	}
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("'" + quote(id) + "'")
	}
	return "id in (" + b.String() + ")"
}

// done reads the result of a write that may have been made before.
func done(err error) (bool, error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Class == Already {
		return false, nil
	}
	return err == nil, err
}

// nowhere refuses a write to an id that can name nothing; nothing was sent.
func nowhere(op Operation, err error) error {
	return &Error{Operation: op, Class: Refused, Message: err.Error(), cause: err}
}
