package graph

import (
	"context"
	"fmt"
	"slices"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/serviceprincipalswithappid"
)

// DefaultRole is the app role id for applications that declare no app roles; others refuse it.
const DefaultRole = "00000000-0000-0000-0000-000000000000"

// microsoftTenants own the applications of Microsoft itself: its services, and its corporate tenant.
var microsoftTenants = []string{"f8cdef31-a31e-4b4a-93e4-5f571e91255a", "72f988bf-86f1-41af-91ab-2d7cd011db47"}

// Application is an application as it stands in this tenant: AppID is its application (client) ID, the same everywhere,
// ObjectID that of its enterprise app here. Microsoft marks those of Microsoft itself.
type Application struct {
	AppID, ObjectID, Name string
	Microsoft             bool
	Roles                 []Role
}

// Role is an app role that an application declares. ForUsers: it may be assigned to people.
type Role struct {
	ID, Value, Name   string
	Enabled, ForUsers bool
}

// Application reads an application by its application (client) ID. One that has no enterprise app in this tenant is
// ErrNotFound.
func (c *Client) Application(ctx context.Context, appID string) (Application, error) {
	if err := known(appID); err != nil {
		return Application{}, err
	}
	b := serviceprincipalswithappid.NewServicePrincipalsWithAppIdRequestBuilderInternal(map[string]string{}, c.adapter, &appID)
	info, err := b.ToGetRequestInformation(ctx, &serviceprincipalswithappid.ServicePrincipalsWithAppIdRequestBuilderGetRequestConfiguration{
		QueryParameters: &serviceprincipalswithappid.ServicePrincipalsWithAppIdRequestBuilderGetQueryParameters{
			Select: []string{"id", "appId", "displayName", "appOwnerOrganizationId", "appRoles"}}})
	if err != nil {
		return Application{}, fmt.Errorf("read application %s: %w", appID, err)
	}
	var sp servicePrincipal
	if err := c.read(ctx, call{op: ReadApplication}, info, &sp, &sp.ID); err != nil {
		return Application{}, fmt.Errorf("application %s: %w", appID, err)
	}
	return sp.application(), nil
}

type servicePrincipal struct {
	ID, AppID, DisplayName, AppOwnerOrganizationID string
	AppRoles                                       []struct {
		ID, Value, DisplayName string
		IsEnabled              bool
		AllowedMemberTypes     []string
	}
}

func (sp servicePrincipal) application() Application {
	a := Application{AppID: sp.AppID, ObjectID: sp.ID, Name: sp.DisplayName,
		Microsoft: slices.Contains(microsoftTenants, strings.ToLower(sp.AppOwnerOrganizationID))}
	for _, r := range sp.AppRoles {
		a.Roles = append(a.Roles, Role{ID: r.ID, Value: r.Value, Name: r.DisplayName, Enabled: r.IsEnabled,
			ForUsers: slices.Contains(r.AllowedMemberTypes, "User")})
	}
	return a
}

// AssignRole gives a user an app role of an application; servicePrincipalID is the enterprise app's object ID, roleID
// [DefaultRole] or one of [Application].Roles. False means that the user has it already; so assigning twice is harmless.
func (c *Client) AssignRole(ctx context.Context, servicePrincipalID, roleID, userID string) (bool, error) {
	if err := known(servicePrincipalID, roleID, userID); err != nil {
		return false, nowhere(AssignRole, err)
	}
	info, err := send(kiota.POST, c.servicePrincipal(servicePrincipalID).AppRoleAssignedTo().BaseRequestBuilder, struct {
		Principal string `json:"principalId"`
		Resource  string `json:"resourceId"`
		Role      string `json:"appRoleId"`
	}{userID, servicePrincipalID, roleID})
	if err != nil {
		return false, fmt.Errorf("assign role of %s: %w", servicePrincipalID, err)
	}
	var answer object
	return done(c.read(ctx, call{op: AssignRole, target: servicePrincipalID}, info, &answer, &answer.ID))
}
