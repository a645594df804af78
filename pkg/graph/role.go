package graph

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// HasRole reports whether a user has an app role of an enterprise app, given to the user and not to a group. It reads the
// first page of the user's roles only, so false may be wrong for a user with a hundred of them. An unknown user is
// ErrNotFound.
func (c *Client) HasRole(ctx context.Context, servicePrincipalID, roleID, userID string) (bool, error) {
	if err := known(servicePrincipalID, roleID, userID); err != nil {
		return false, err
	}
	info, err := c.users().ByUserId(userID).AppRoleAssignments().ToGetRequestInformation(ctx,
		&users.ItemAppRoleAssignmentsRequestBuilderGetRequestConfiguration{QueryParameters: &users.ItemAppRoleAssignmentsRequestBuilderGetQueryParameters{
			Select: []string{"principalId", "resourceId", "appRoleId"}}})
	if err != nil {
		return false, fmt.Errorf("read the app roles of user %s: %w", userID, err)
	}
	var page struct{ Value *[]role }
	if err := c.read(ctx, call{op: ReadRoles}, info, &page, &page.Value); err != nil {
		return false, fmt.Errorf("app roles of user %s: %w", userID, err)
	}
	return slices.ContainsFunc(*page.Value, func(r role) bool {
		return strings.EqualFold(r.PrincipalID, userID) && strings.EqualFold(r.ResourceID, servicePrincipalID) && strings.EqualFold(r.AppRoleID, roleID)
	}), nil
}

// role is an app role that somebody has.
type role struct{ PrincipalID, ResourceID, AppRoleID string }
