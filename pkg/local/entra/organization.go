package entra

import (
	"maps"
	"slices"
	"strings"
)

// getOrganization is GET /organization (source: page organization-list); isDefault marks the primary domain.
func (g *graph) getOrganization(q *request) answer {
	domains := []object{}
	for _, name := range slices.Sorted(maps.Keys(g.domains)) {
		domains = append(domains, object{"name": name, "type": "Managed", "capabilities": "Email, OfficeCommunicationsOnline", "isInitial": name == g.initial, "isDefault": name == g.primary})
	}
	o, no, fine := q.selected(object{"id": g.id, "displayName": strings.Split(g.primary, ".")[0], "verifiedDomains": domains, "tenantType": "AAD", "countryLetterCode": nil}, nil)
	if !fine {
		return no
	}
	return ok(object{"@odata.context": g.url + "/v1.0/$metadata#organization", "value": []object{o}})
}

// getPolicy is GET /policies/authorizationPolicy (source: page authorizationpolicy-get).
func (g *graph) getPolicy(q *request) answer {
	return g.one(q, "policies/authorizationPolicy", object{"id": "authorizationPolicy", "displayName": "Authorization Policy",
		"description": "Used to manage authorization related settings across the company.", "allowInvitesFrom": g.settings.AllowInvitesFrom,
		"allowedToUseSSPR": true, "allowedToSignUpEmailBasedSubscriptions": true, "allowEmailVerifiedUsersToJoinOrganization": false,
		"blockMsolPowerShell": false, "guestUserRoleId": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
		"defaultUserRolePermissions": object{"allowedToCreateApps": true, "allowedToCreateSecurityGroups": true, "allowedToReadOtherUsers": true}}, nil)
}
