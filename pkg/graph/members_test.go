package graph_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/graph"
	"guestlist/pkg/local/entra"
)

// ids returns object ids with capital letters, as people may write them.
func ids(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%08d-AAAA-4b71-aa20-a248a22a8928", i)
	}
	return all
}

func TestMembersAsksForFifteenAtATime(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{200, `{"value":[{"id":"00000001-aaaa-4b71-aa20-a248a22a8928"},{"id":"someone-else"}]}`, nil},
		answer{200, `{"value":[{"id":"00000019-aaaa-4b71-aa20-a248a22a8928"}]}`, nil})
	all := ids(20)
	got, err := f.client(t).Members(t.Context(), groupID, all)
	if diff := cmp.Diff([]string{all[1], all[19]}, got); diff != "" || err != nil {
		t.Errorf("members (-want +got):\n%s%v", diff, err)
	}
	r := f.requests()
	if len(r) != 2 {
		t.Fatalf("%d requests for 20 ids, want 2", len(r))
	}
	for i, n := range []int{15, 5} {
		u, err := url.Parse(r[i].URI)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if got := strings.Count(q.Get("$filter"), "-AAAA-"); got != n || q.Get("$top") != fmt.Sprint(n) || !strings.HasPrefix(q.Get("$filter"), "id in ('") {
			t.Errorf("request %d: %s", i, r[i].URI)
		}
		checkHeaders(t, r[i])
	}
}

func TestMembersLeavesOutAnIDThatTheDirectoryDoesNotKnow(t *testing.T) {
	t.Parallel()
	all := ids(3)
	f := serve(t, missing(strings.ToLower(all[1])), answer{200, `{"value":[{"id":"` + all[2] + `"}]}`, nil})
	got, err := f.client(t).Members(t.Context(), groupID, all)
	if diff := cmp.Diff(all[2:], got); diff != "" || err != nil {
		t.Errorf("members (-want +got):\n%s%v", diff, err)
	}
	if r := f.requests(); len(r) != 2 || strings.Contains(r[1].URI, all[1]) {
		t.Errorf("requests %+v", r)
	}
}

func TestMembersOfAnUnknownGroupAreAnError(t *testing.T) {
	t.Parallel()
	f := serve(t, missing(groupID))
	if got, err := f.client(t).Members(t.Context(), groupID, ids(20)); !errors.Is(err, graph.ErrNotFound) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAddMembersTakesOneToTwenty(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{204, "", nil})
	c := f.client(t)
	for n, ok := range map[int]bool{0: false, 1: true, 20: true, 21: false} {
		err := c.AddMembers(t.Context(), groupID, ids(n))
		if e, refused := errors.AsType[*graph.Error](err); (err == nil) != ok || !ok && (!refused || !e.Certain() || e.Class != graph.Refused) {
			t.Errorf("%d members: %v", n, err)
		}
	}
	if n := len(f.requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestTwentyAreAddedOrNone walks through what whoever adds many at a time meets, in a directory.
func TestTwentyAreAddedOrNone(t *testing.T) {
	t.Parallel()
	c, s := directory(t, entra.Config{})
	ctx := t.Context()
	guests := make([]string, graph.MaxAdd)
	for i := range guests {
		made, err := c.Invite(ctx, graph.Invitation{Address: fmt.Sprintf("g%d@partner.example", i), RedirectURL: "https://myapplications.microsoft.com"})
		if err != nil {
			t.Fatal(err)
		}
		guests[i] = made.UserID
	}
	members := func(want ...string) {
		t.Helper()
		got, err := c.Members(ctx, groupID, guests)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("members (-want +got):\n%s%v", diff, err)
		}
	}

	stranger := append(guests[:19:19], userID) // whom the directory does not know
	err := c.AddMembers(ctx, groupID, stranger)
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.Class != graph.Replicating || e.Missing != userID || !e.Certain() {
		t.Errorf("with a stranger: %+v", err)
	}
	members()

	if _, err := c.AddMember(ctx, groupID, guests[3]); err != nil {
		t.Fatal(err)
	}
	err = c.AddMembers(ctx, groupID, guests)
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.Class != graph.Already {
		t.Errorf("with a member: %v", err)
	}
	members(guests[3])

	if err := c.AddMembers(ctx, groupID, append(guests[:3:3], guests[4:]...)); err != nil {
		t.Fatal(err)
	}
	members(guests...)
	if w := s.Stats().Writes; w > 24 {
		t.Errorf("%d writes for 20 invitations and 4 attempts to add", w)
	}

	err = c.AddMembers(ctx, userID, guests) // no group
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.Missing != userID || e.Reason() != "group.unknown" {
		t.Errorf("to a group that is gone: %+v", err)
	}
}
