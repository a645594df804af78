package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// Group is what decides whether guests may be added to a group. MailEnabled means mail-enabled and not a Microsoft 365
// group: only Exchange can change its members.
type Group struct {
	ID, Name                                     string
	Dynamic, Synced, MailEnabled, RoleAssignable bool
}

// Group reads a group by its object id; unknown ones are ErrNotFound.
func (c *Client) Group(ctx context.Context, id string) (Group, error) {
	if err := known(id); err != nil {
		return Group{}, err
	}
	info, err := c.group(id).ToGetRequestInformation(ctx, &groups.GroupItemRequestBuilderGetRequestConfiguration{
		QueryParameters: &groups.GroupItemRequestBuilderGetQueryParameters{
			Select: []string{"id", "displayName", "groupTypes", "mailEnabled", "isAssignableToRole", "onPremisesSyncEnabled"}}})
	if err != nil {
		return Group{}, fmt.Errorf("read group %s: %w", id, err)
	}
	var g struct {
		ID, DisplayName                                        string
		GroupTypes                                             []string
		MailEnabled, IsAssignableToRole, OnPremisesSyncEnabled bool
	}
	if err := c.read(ctx, call{op: ReadGroup}, info, &g, &g.ID); err != nil {
		return Group{}, fmt.Errorf("group %s: %w", id, err)
	}
	return Group{ID: g.ID, Name: g.DisplayName, Dynamic: slices.Contains(g.GroupTypes, "DynamicMembership"),
		Synced: g.OnPremisesSyncEnabled, RoleAssignable: g.IsAssignableToRole,
		MailEnabled: g.MailEnabled && !slices.Contains(g.GroupTypes, "Unified")}, nil
}

// AddMember makes a user a direct member of a group. False means that it was one already; so adding twice is harmless.
func (c *Client) AddMember(ctx context.Context, groupID, userID string) (bool, error) {
	if err := known(groupID, userID); err != nil {
		return false, nowhere(AddMember, err)
	}
	ref := models.NewReferenceCreate()
	url := c.resource + "/v1.0/directoryObjects/" + userID
	ref.SetOdataId(&url)
	info, err := c.group(groupID).Members().Ref().ToPostRequestInformation(ctx, ref, nil)
	if err != nil {
		return false, fmt.Errorf("add member to group %s: %w", groupID, err)
	}
	return done(c.do(ctx, call{op: AddMember}, info, nil))
}

// done reads the result of a write that may have been made before.
func done(err error) (bool, error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Class == already {
		return false, nil
	}
	return err == nil, err
}

// nowhere refuses a write to an id that can name nothing; nothing was sent.
func nowhere(op Operation, err error) error {
	return &Error{Operation: op, Class: Refused, Message: err.Error(), cause: err}
}

// IsMember reports whether a user is a direct member of a group. It asks for that one id, so it costs the same for a
// group of any size. The answer comes from an index that follows a write by some seconds. An unknown group is
// ErrNotFound.
func (c *Client) IsMember(ctx context.Context, groupID, userID string) (bool, error) {
	if err := known(groupID, userID); err != nil {
		return false, err
	}
	filter, count := "id eq '"+quote(userID)+"'", true
	headers := kiota.NewRequestHeaders()
	headers.Add("ConsistencyLevel", "eventual") // with $count, the documented way to filter members
	info, err := c.group(groupID).Members().ToGetRequestInformation(ctx, &groups.ItemMembersRequestBuilderGetRequestConfiguration{
		Headers:         headers,
		QueryParameters: &groups.ItemMembersRequestBuilderGetQueryParameters{Filter: &filter, Count: &count, Select: []string{"id"}}})
	if err != nil {
		return false, fmt.Errorf("read membership of group %s: %w", groupID, err)
	}
	var page struct{ Value *[]object }
	err = c.read(ctx, call{op: ReadMembership}, info, &page, &page.Value)
	if e, ok := errors.AsType[*Error](err); ok && e.Class == Absent && strings.Contains(e.Message, userID) {
		return false, nil // some directories answer so to a filter by an id that is no member's
	}
	if err != nil {
		return false, fmt.Errorf("group %s: %w", groupID, err)
	}
	return slices.ContainsFunc(*page.Value, func(o object) bool { return strings.EqualFold(o.ID, userID) }), nil
}
