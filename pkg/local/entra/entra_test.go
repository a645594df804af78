package entra_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

func TestAGuestIsInvitedFoundAndGivenAccess(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	if got := c.find("mail eq '" + address + "'"); len(got) != 0 {
		t.Fatalf("before the invitation: %v", got)
	}
	invited := c.inviteMail(address, true)
	invited.want(t, 201, "", "")
	id := invited.text("invitedUser", "id")
	if got := c.find("mail eq '" + address + "'"); !cmp.Equal(got, []string{id}) {
		t.Errorf("found %v, want %s", got, id)
	}
	c.addMember(groupID, id).want(t, 204, "", "")
	c.assign(spID, id, roleID).want(t, 201, "", "")

	state := c.s.State()
	if got := state.Groups[0].Members; !cmp.Equal(got, []string{id}) {
		t.Errorf("members %v", got)
	}
	if got, want := state.Applications[1].Assignments, []entra.Assignment{{PrincipalID: id, AppRoleID: roleID}}; !cmp.Equal(got, want) {
		t.Errorf("assignments %v, want %v", got, want)
	}
	if got := state.Mails; !cmp.Equal(got, map[string]int{address: 1}) {
		t.Errorf("mails %v", got)
	}
	want := entra.Stats{Reads: 2, Writes: 3, Invitations: 1, MailsByMicrosoft: 1, Tokens: 1, UsersCreated: 1, DuplicateMails: []string{}, DuplicateUsers: []string{},
		Paths: map[string]int{"GET /users": 2, "POST /invitations": 1, "POST /groups/{id}/members/$ref": 1, "POST /servicePrincipals/{id}/appRoleAssignedTo": 1}}
	if diff := cmp.Diff(want, c.s.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}
