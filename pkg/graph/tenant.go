package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	kiota "github.com/microsoft/kiota-abstractions-go"
)

// Caller is who a client asks as, by the claims of its token: the ids of the application and of its enterprise app (or of
// the person), and the application permissions. A token with delegated permissions is a person's.
type Caller struct {
	Tenant, AppID, ObjectID string
	Roles                   []string
	Delegated               bool
}

// Caller reads the client's own token. Microsoft asks applications not to rely on what is in a token for another service;
// this is for a person to read, never for a decision.
func (c *Client) Caller(ctx context.Context) (Caller, error) {
	if c.credential == nil {
		return Caller{}, errors.New("the client has no credential")
	}
	t, err := c.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.resource + "/.default"}})
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n") // what follows repeats the identity endpoint's answer
		return Caller{}, errors.New(first)
	}
	return readClaims(t.Token)
}

// readClaims reads a token without checking it: it came from the credential, and nothing is decided by it.
func readClaims(token string) (Caller, error) {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	var k struct {
		Tid, Appid, Oid, Scp string
		Roles                []string
	}
	if err != nil || json.Unmarshal(raw, &k) != nil {
		return Caller{}, errors.New("the token is no JSON web token")
	}
	return Caller{Tenant: k.Tid, AppID: k.Appid, ObjectID: k.Oid, Roles: k.Roles, Delegated: k.Scp != ""}, nil
}

// Organization is the tenant: PrimaryDomain is the verified domain that is the default, InitialDomain the one it was made
// with, below onmicrosoft.com.
type Organization struct{ Name, PrimaryDomain, InitialDomain string }

// Organization reads the tenant's own record. It takes Organization.Read.All, which nothing else here needs.
func (c *Client) Organization(ctx context.Context) (Organization, error) {
	var page struct {
		Value []struct {
			ID, DisplayName string
			VerifiedDomains []struct {
				Name                 string
				IsDefault, IsInitial bool
			}
		}
	}
	if err := c.do(ctx, call{op: ReadOrganization}, get(c, "{+baseurl}/organization?%24select=id,displayName,verifiedDomains"), &page); err != nil {
		return Organization{}, err
	}
	if len(page.Value) != 1 {
		return Organization{}, fmt.Errorf("read organization: %d tenants in the answer", len(page.Value))
	}
	o := Organization{Name: page.Value[0].DisplayName}
	for _, d := range page.Value[0].VerifiedDomains {
		if d.IsDefault {
			o.PrimaryDomain = d.Name
		}
		if d.IsInitial {
			o.InitialDomain = d.Name
		}
	}
	return o, nil
}

// InvitesFrom returns who may invite guests: everyone, adminsGuestInvitersAndAllMembers, adminsAndGuestInviters or none.
// Reading it takes Policy.Read.All, which nothing else here needs.
func (c *Client) InvitesFrom(ctx context.Context) (string, error) {
	var p struct{ AllowInvitesFrom string }
	err := c.read(ctx, call{op: ReadPolicy}, get(c, "{+baseurl}/policies/authorizationPolicy"), &p, &p.AllowInvitesFrom)
	return p.AllowInvitesFrom, err
}

// get is a request to a path whose request builder would bring in more packages than the path is worth.
func get(c *Client, template string) *kiota.RequestInformation {
	info := kiota.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(kiota.GET, template, map[string]string{"baseurl": c.adapter.GetBaseUrl()})
	info.Headers.TryAdd("Accept", "application/json")
	return info
}
