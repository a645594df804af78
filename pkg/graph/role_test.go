package graph_test

import (
	"errors"
	"strings"
	"testing"

	"guestlist/pkg/graph"
)

func TestHasRole(t *testing.T) {
	t.Parallel()
	entry := func(principal, resource, role string) string {
		return `{"value":[{"principalId":"` + principal + `","resourceId":"` + resource + `","appRoleId":"` + role + `"}]}`
	}
	for body, want := range map[string]bool{
		entry(strings.ToUpper(userID), spID, roleID): true,
		entry(groupID, spID, roleID):                 false, // a group's that the user is in
		entry(userID, otherID, roleID):               false,
		entry(userID, spID, graph.DefaultRole):       false,
		`{"value":[]}`:                               false,
	} {
		f := serve(t, answer{200, body, nil})
		if got, err := f.client(t).HasRole(t.Context(), spID, roleID, userID); got != want || err != nil {
			t.Errorf("%s: %t, %v", body, got, err)
		}
		if uri := f.requests()[0].URI; !strings.HasPrefix(uri, "/v1.0/users/"+userID+"/appRoleAssignments?") {
			t.Errorf("request %s", uri)
		}
	}
	f := serve(t, missing(userID))
	if _, err := f.client(t).HasRole(t.Context(), spID, roleID, userID); !errors.Is(err, graph.ErrNotFound) {
		t.Errorf("unknown user: %v", err)
	}
}
