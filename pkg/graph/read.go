package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/serviceprincipals"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// read sends a request whose answer must hold a certain part; without it the answer is not what it claims to be.
func (c *Client) read(ctx context.Context, k call, info *kiota.RequestInformation, answer, part any) error {
	err := c.do(ctx, k, info, answer)
	if err == nil && empty(part) {
		return &Error{Operation: k.op, Status: 200, Class: Transient, sent: true, Message: "the answer lacks what was asked for"}
	}
	return err
}

func empty(part any) bool {
	switch p := part.(type) {
	case *string:
		return *p == ""
	case **[]user:
		return *p == nil
	case **[]object:
		return *p == nil
	case **[]role:
		return *p == nil
	}
	return false
}

// object is any directory object of which only the id matters.
type object struct{ ID string }

// send makes a request with a JSON body to the path of a request builder whose models would be too dear.
func send(m kiota.HttpMethod, b kiota.BaseRequestBuilder, body any) (*kiota.RequestInformation, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	path, _, _ := strings.Cut(b.UrlTemplate, "?") // a write has no query parameters
	path = strings.TrimSuffix(path, "{")
	info := kiota.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(m, path, b.PathParameters)
	info.Headers.TryAdd("Accept", "application/json")
	info.SetStreamContentAndContentType(raw, "application/json")
	return info, nil
}

// The request builders write into the map of path parameters, so each call gets its own.

func (c *Client) users() *users.UsersRequestBuilder {
	return users.NewUsersRequestBuilderInternal(map[string]string{}, c.adapter)
}

func (c *Client) group(id string) *groups.GroupItemRequestBuilder {
	return groups.NewGroupsRequestBuilderInternal(map[string]string{}, c.adapter).ByGroupId(id)
}

func (c *Client) servicePrincipal(id string) *serviceprincipals.ServicePrincipalItemRequestBuilder {
	return serviceprincipals.NewServicePrincipalsRequestBuilderInternal(map[string]string{}, c.adapter).ByServicePrincipalId(id)
}
