package entra_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"guestlist/pkg/local/entra"
)

// proofs says which test shows what a switch does, over HTTP. A name that ends in . stands for all that begin so.
var proofs = map[string]func(*testing.T){
	"config.Lag":            TestANewGuestIsUnknownThenFoundThenAssignable,
	"config.Limits":         TestWritesBeyondTheLimitAre429UntilRetryAfter,
	"config.LimitWindow":    TestTheWindowSlides,
	"config.Outgoing":       TestMailGoesOutFromAMailbox,
	"config.Faults":         TestChanceFollowsTheSeedAndItsRates,
	"config.RandSeed":       TestLagsDifferByGuestAndFollowTheSeed,
	"config.BlockAfter":     TestTheTenantStopsTakingInvitations,
	"config.IdentityHeader": TestTokensOutliveTheEmulatorIfItsIdentityHeaderStays,
	"config.TokenLife":      TestTokensLiveAsLongAsConfigured,
	"config.Now":            TestGraphTakesOnlyTokensThatItIssuedForItself,

	"seed.verifiedDomains":               TestInvitationsAreRefusedInMicrosoftsWords,
	"seed.contacts":                      TestAddressesOfGroupsAndContactsCollide,
	"seed.deletedUsers":                  TestDeletedUsersWaitInTheRecycleBin,
	"seed.identities":                    TestRoleAssignableGroupsNeedOneMore,
	"identity.permissions":               TestEachRequestNeedsItsPermission,
	"seed.settings":                      TestSettingsComeFromTheSeedAndFromTheControls,
	"user.userType":                      TestInvitationsAreRefusedInMicrosoftsWords,
	"user.otherMails":                    TestAGuestIsInvitedByAnyOfItsAddresses,
	"user.proxyAddresses":                TestUsersAreFoundByTheDocumentedFilters,
	"user.externalUserState":             TestTheRedeemPageAcceptsOnlyByItsButton,
	"user.creationType":                  TestAGuestIsInvitedByAnyOfItsAddresses,
	"user.accountEnabled":                TestInvitationsAreRefusedInMicrosoftsWords,
	"group.mail":                         TestInvitationsAreRefusedInMicrosoftsWords,
	"group.proxyAddresses":               TestAddressesOfGroupsAndContactsCollide,
	"group.groupTypes":                   TestClosedGroupsTakeNobody,
	"group.mailEnabled":                  TestClosedGroupsTakeNobody,
	"group.isAssignableToRole":           TestRoleAssignableGroupsNeedOneMore,
	"group.onPremisesSyncEnabled":        TestClosedGroupsTakeNobody,
	"group.refusesGuests":                TestClosedGroupsTakeNobody,
	"group.maxMembers":                   TestAGroupTakesSoManyMembers,
	"application.appRoles":               TestAnAppWithoutRolesTakesTheDefaultOneForUsersAndGroups,
	"role.isEnabled":                     TestAssignmentsThatDoNotFitAreRefused,
	"role.allowedMemberTypes":            TestAssignmentsThatDoNotFitAreRefused,
	"application.assignments":            TestAPrincipalHasNoMoreThanFifteenHundredAssignments,
	"application.appOwnerOrganizationId": TestAServicePrincipalIsFoundByApplicationIdAndByObjectId,
	"application.homepage":               TestAGuestWalksFromTheLinkToItsApplications,

	"setting.invitations":           TestTheTenantStopsTakingInvitations,
	"setting.blockAfter":            TestTheTenantStopsTakingInvitations,
	"setting.allowInvitesFrom":      TestTheAuthorizationPolicyKeepsApplicationsOut,
	"setting.appsInviteUnderAdmins": TestTheAuthorizationPolicyKeepsApplicationsOut,
	"setting.dailyCap":              TestADayHasACapOfInvitations,
	"setting.mailsPerDay":           TestMailsBeyondTheDaysAreLostInSilence,
	"setting.allowedDomains":        TestDomainsAreKeptOutByListsAndByCrossTenantAccess,
	"setting.blockedDomains":        TestDomainsAreKeptOutByListsAndByCrossTenantAccess,
	"setting.crossTenantBlocked":    TestDomainsAreKeptOutByListsAndByCrossTenantAccess,
	"setting.objectQuota":           TestTheDirectoryHoldsSoManyObjects,
	"setting.stateFilter":           TestGuestsAreFoundByTheirInvitationsStatePageByPage,
	"setting.proxyPrefixFolds":      TestWhatNoPageSaysCanBeEitherWay,
	"setting.membersOtherMails":     TestWhatNoPageSaysCanBeEitherWay,
	"setting.deletedGuests":         TestWhatNoPageSaysCanBeEitherWay,
	"setting.oldLinksLive":          TestWhatNoPageSaysCanBeEitherWay,
	"setting.invitationsApart":      TestInvitationsMayNotCountAsWrites,
	"setting.patchCost":             TestAPatchMayCostAWriteForEveryThreeMembers,
	"setting.retryAfter":            TestRetryAfterComesInEveryForm,
	"setting.limitHeaders":          TestUseIsToldFromFourFifthsOn,

	"fault.operation":  TestAFaultStrikesOnceBeforeTheWork,
	"fault.method":     TestFaultsCountAndEnd,
	"fault.address":    TestAFaultForOneAddressFollowsThatGuest,
	"fault.refusal":    TestARefusalNamesTheObjectInQuestion,
	"fault.status":     TestAFaultStrikesOnceBeforeTheWork,
	"fault.code":       TestAFaultStrikesOnceBeforeTheWork,
	"fault.message":    TestAFaultStrikesOnceBeforeTheWork,
	"fault.retryAfter": TestAFaultWritesRetryAfterInAnyForm,
	"fault.after":      TestAFaultAfterTheWorkHidesASuccess,
	"fault.reset":      TestAFaultCutsTheConnectionBeforeOrAfterTheWork,
	"fault.delay":      TestADelayedRequestIsCarriedOutThoughItsClientLeft,
	"fault.vanish":     TestAnInvitationMaySucceedWithoutAGuestEverAppearing,
	"fault.count":      TestFaultsCountAndEnd,
	"fault.rate":       TestARateStrikesItsShare,
	"rate.before":      TestReadsFailBeforeTheWorkOnly,
	"rate.afterWrite":  TestChanceFollowsTheSeedAndItsRates,
	"rate.reset":       TestChanceFollowsTheSeedAndItsRates,
	"rate.throttle":    TestThrottlingAndSlownessComeByChanceToo,
	"rate.slow":        TestThrottlingAndSlownessComeByChanceToo,
	"refusal.":         TestEveryRefusalIsAnsweredByItsNameAtEachOfItsOperations,

	"control POST /identities":    TestPermissionsChangeWithTheNextToken,
	"control POST /tokens/revoke": TestTokensCanBeEndedEarly,
	"control POST /reset":         TestResetGoesBackToTheSeed,
	"control POST /users":         TestAnOperatorMendsTheDirectory,
}

// data are keys that only fill the directory, and fields that only place the emulator.
var data = []string{"config.Listen", "config.Control", "config.Seed", "config.Log", "seed.tenantId", "seed.users", "seed.groups", "seed.applications",
	"identity.clientId", "user.id", "user.displayName", "user.mail", "user.userPrincipalName", "group.id", "group.displayName", "group.securityEnabled", "group.members",
	"application.appId", "application.id", "application.displayName", "application.appRoleAssignmentRequired", "role.id", "role.value", "role.displayName"}

func TestEverySwitchIsListedAndProved(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, s := range entra.Switches() {
		if listed[s.Name] || s.Does == "" || s.Source == "" || len(s.Evidence) != 1 || !strings.Contains("DMTUE", s.Evidence) {
			t.Errorf("row %+v is listed twice or lacks something", s)
		}
		listed[s.Name] = true
		kind, _, _ := strings.Cut(s.Name, ".")
		if proofs[s.Name] == nil && proofs[kind+"."] == nil {
			t.Errorf("no test shows what %s does", s.Name)
		}
	}
	for name := range proofs {
		if !listed[name] && name != "refusal." {
			t.Errorf("%s has a test and is not listed", name)
		}
	}
	for kind, of := range map[string]any{"config.": entra.Config{}, "seed.": entra.Seed{}, "user.": entra.User{}, "group.": entra.Group{}, "application.": entra.Application{},
		"role.": entra.AppRole{}, "identity.": entra.Identity{}, "setting.": entra.Settings{}, "fault.": entra.Fault{}, "rate.": entra.Rates{}} {
		for f := range reflect.TypeOf(of).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				name = f.Name
			}
			if name = kind + name; listed[name] == slices.Contains(data, name) {
				t.Errorf("%s must be either a switch or mere data", name)
			}
		}
	}
	c := serve(t, entra.Config{})
	if list, _ := c.control("GET", "/switches", "").at("switches").([]any); len(list) != len(listed) {
		t.Errorf("GET /switches lists %d of %d", len(list), len(listed))
	}
}
