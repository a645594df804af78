package graph

import (
	"context"
	"fmt"
	"slices"

	"github.com/microsoftgraph/msgraph-sdk-go/groups"
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
