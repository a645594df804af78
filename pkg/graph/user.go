package graph

import (
	"context"
	"fmt"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// Account is a user found in the directory. State is that of the invitation: [Pending], [Accepted], or empty for an
// account that was never invited; Changed is when it last changed.
type Account struct {
	ID, Mail, UserPrincipalName, UserType, State string
	Changed                                      time.Time
	Enabled                                      bool
}

// The states of an invitation.
const (
	Pending  = "PendingAcceptance"
	Accepted = "Accepted"
)

// user is an account as Microsoft Graph writes it.
type user struct {
	ID                string
	Mail              string
	UserPrincipalName string
	UserType          string
	ExternalUserState string
	Changed           time.Time `json:"externalUserStateChangeDateTime"`
	AccountEnabled    *bool
	ProxyAddresses    []string
	OtherMails        []string
}

// userFields keeps a look-up at one resource unit, and some of them come only when asked for.
var userFields = []string{"id", "mail", "userPrincipalName", "userType", "externalUserState", "externalUserStateChangeDateTime",
	"accountEnabled", "proxyAddresses", "otherMails"}

func (u user) account() Account {
	return Account{ID: u.ID, Mail: u.Mail, UserPrincipalName: u.UserPrincipalName, UserType: u.UserType, State: u.ExternalUserState,
		Changed: u.Changed, Enabled: u.enabled()}
}

func (u user) enabled() bool { return u.AccountEnabled == nil || *u.AccountEnabled }

// User reads one account by its object id. An id that the directory does not know is ErrNotFound.
func (c *Client) User(ctx context.Context, id string) (Account, error) {
	u, err := c.user(ctx, id)
	return u.account(), err
}

func (c *Client) user(ctx context.Context, id string) (user, error) {
	if err := known(id); err != nil {
		return user{}, err
	}
	info, err := c.users().ByUserId(id).ToGetRequestInformation(ctx, &users.UserItemRequestBuilderGetRequestConfiguration{
		QueryParameters: &users.UserItemRequestBuilderGetQueryParameters{Select: userFields}})
	if err != nil {
		return user{}, fmt.Errorf("read user %s: %w", id, err)
	}
	var u user
	if err := c.read(ctx, call{op: ReadUser}, info, &u, &u.ID); err != nil {
		return user{}, fmt.Errorf("user %s: %w", id, err)
	}
	return u, nil
}
