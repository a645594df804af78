package entra_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

func TestAServicePrincipalIsFoundByApplicationIdAndByObjectId(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for _, path := range []string{"/servicePrincipals(appId='" + appID + "')", "/servicePrincipals(appId%3D%27" + appID + "%27)", "/servicePrincipals/" + spID} {
		r := c.do("GET", path+"?$select=id,appId,displayName,appOwnerOrganizationId,appRoleAssignmentRequired", "")
		delete(r.json, "@odata.context")
		want := map[string]any{"id": spID, "appId": appID, "displayName": "Wiki", "appOwnerOrganizationId": tenantID, "appRoleAssignmentRequired": false}
		if diff := cmp.Diff(want, r.json); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if got := c.do("GET", "/servicePrincipals/"+plainSPID, "").text("appOwnerOrganizationId"); got != entra.MicrosoftOrganization {
		t.Errorf("owner %q", got)
	}
	c.do("GET", "/servicePrincipals(appId='"+spID+"')", "").want(t, 404, "Request_ResourceNotFound", notThere(spID))
	c.do("GET", "/servicePrincipals/"+appID, "").want(t, 404, "Request_ResourceNotFound", notThere(appID))
	c.do("GET", "/servicePrincipals/wiki", "").want(t, 400, "Request_BadRequest", "Invalid object identifier 'wiki'.")
	c.do("GET", "/servicePrincipals(appId='", "").want(t, 400, "", "")
}

func TestAServicePrincipalTellsItsRoles(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	roles, _ := c.do("GET", "/servicePrincipals/"+spID, "").json["appRoles"].([]any)
	if len(roles) != 3 {
		t.Fatalf("%d roles", len(roles))
	}
	want := map[string]any{"id": roleID, "value": "Reader", "displayName": "Readers", "description": "Readers", "isEnabled": true,
		"allowedMemberTypes": []any{"User"}, "origin": "Application"}
	if diff := cmp.Diff(want, roles[0]); diff != "" {
		t.Errorf("role (-want +got):\n%s", diff)
	}
}

func TestAnAppRoleIsAssignedOnceByAnyOfItsPaths(t *testing.T) {
	t.Parallel()
	body := `{"principalId":"` + guestID + `","resourceId":"` + spID + `","appRoleId":"` + roleID + `"}`
	for _, path := range []string{"/servicePrincipals/" + spID + "/appRoleAssignedTo", "/servicePrincipals(appId='" + appID + "')/appRoleAssignedTo",
		"/users/" + guestID + "/appRoleAssignments"} {
		c := serve(t, entra.Config{})
		r := c.do("POST", path, body)
		r.want(t, 201, "", "")
		id := r.text("id")
		for _, k := range []string{"id", "createdDateTime", "@odata.context"} {
			delete(r.json, k)
		}
		want := map[string]any{"principalId": guestID, "principalDisplayName": "Gus Guest", "principalType": "User", "appRoleId": roleID,
			"resourceId": spID, "resourceDisplayName": "Wiki", "deletedDateTime": nil}
		if diff := cmp.Diff(want, r.json); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		c.do("POST", path, body).want(t, 400, "Request_BadRequest", "Permission being assigned already exists on the object")
		for _, list := range []string{"/servicePrincipals/" + spID + "/appRoleAssignedTo", "/users/" + guestID + "/appRoleAssignments"} {
			if got := c.do("GET", list, "").ids(); !cmp.Equal(got, []string{id}) {
				t.Errorf("%s lists %v, want %s", list, got, id)
			}
		}
	}
}

func TestAssignmentsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	const unknownRole, invalid = "Permission being assigned was not found on application", "Not a valid reference update."
	roles := c.s.State().Applications[1].AppRoles
	for name, tc := range map[string]struct {
		sp, user, role, text string
	}{
		"default role of an app that declares roles": {spID, guestID, zeroRole, unknownRole},
		"unknown role":         {spID, guestID, absentID, unknownRole},
		"disabled role":        {spID, guestID, roles[1].ID, unknownRole},
		"role of applications": {spID, guestID, roles[2].ID, unknownRole},
		"role of another app":  {plainSPID, guestID, roleID, unknownRole},
		"unknown user":         {spID, absentID, roleID, invalid},
	} {
		if r := c.assign(tc.sp, tc.user, tc.role); r.status != 400 || r.text("error", "code") != "Request_BadRequest" || r.text("error", "message") != tc.text {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
	c.do("POST", "/servicePrincipals/"+spID+"/appRoleAssignedTo", `{"principalId":"`+guestID+`","resourceId":"`+appID+`","appRoleId":"`+roleID+`"}`).
		want(t, 400, "Request_BadRequest", invalid)
	c.do("POST", "/users/"+guestID+"/appRoleAssignments", `{"principalId":"`+memberID+`","resourceId":"`+spID+`","appRoleId":"`+roleID+`"}`).
		want(t, 400, "Request_BadRequest", invalid)
	c.assign(absentID, guestID, roleID).want(t, 404, "Request_ResourceNotFound", notThere(absentID))
	c.do("POST", "/users/"+absentID+"/appRoleAssignments", `{}`).want(t, 404, "Request_ResourceNotFound", notThere(absentID))
	for _, a := range c.s.State().Applications {
		if len(a.Assignments) != 0 {
			t.Errorf("%s has %v", a.DisplayName, a.Assignments)
		}
	}
}

func TestAnAppWithoutRolesTakesTheDefaultOneForUsersAndGroups(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.assign(plainSPID, guestID, zeroRole).want(t, 201, "", "")
	if got := c.assign(plainSPID, groupID, zeroRole).text("principalType"); got != "Group" {
		t.Errorf("a group is assigned as %q", got)
	}
}
