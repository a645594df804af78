package graph_test

import (
	"errors"
	"slices"
	"testing"

	"guestlist/pkg/graph"
	"guestlist/pkg/message"
)

func TestGuestsFollowsPages(t *testing.T) {
	t.Parallel()
	f := serve(t)
	page := func(ids, next string) answer {
		return answer{200, `{"value":[` + ids + `],"@odata.nextLink":"` + next + `"}`, nil}
	}
	second, third := f.URL+"/v1.0/users?$skiptoken=2", f.URL+"/v1.0/users?$skiptoken=3"
	f.then(page(`{"id":"a"},{"id":"b"}`, second), page("", third), page(`{"id":"c","externalUserState":"Accepted"}`, ""))
	var got []string
	for a, err := range f.client(t).Guests(t.Context(), graph.Accepted) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, a.ID)
	}
	if !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("accounts %v", got)
	}
	for i, r := range f.requests() {
		if r.Header.Get("ConsistencyLevel") != "eventual" || r.Header.Get("Authorization") == "" {
			t.Errorf("page %d was asked for with %v", i, r.Header)
		}
	}
}

func TestGuestsStopsWhereItIsToldAndAtAPageThatNamesItself(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.then(answer{200, `{"value":[{"id":"a"}],"@odata.nextLink":"` + f.URL + `/v1.0/users?$skiptoken=x"}`, nil})
	c := f.client(t)
	for range c.Guests(t.Context(), graph.Pending) {
		break
	}
	if n := len(f.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
	err := firstError(c.Guests(t.Context(), graph.Pending))
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.Class != graph.Transient {
		t.Errorf("endless pages: %v", err)
	}
}

func TestUsersAsksForFifteenAtATime(t *testing.T) {
	t.Parallel()
	f := serve(t, answer{200, `{"value":[{"id":"a"}]}`, nil}, answer{200, `{"value":[{"id":"b"}]}`, nil})
	got, err := f.client(t).Users(t.Context(), ids(16))
	if len(got) != 2 || err != nil || len(f.requests()) != 2 {
		t.Errorf("%+v, %v after %d requests", got, err, len(f.requests()))
	}
}

// TestConfirmHoldsOnToTheAccountThatALookUpWouldFind covers what may have become of a guest since it was recorded.
func TestConfirmHoldsOnToTheAccountThatALookUpWouldFind(t *testing.T) {
	t.Parallel()
	const nobody = `{"value":[]}`
	mine := `{"id":"` + userID + `","userType":"Guest","mail":"ana.o'hara@partner.example"}`
	for name, tc := range map[string]struct {
		answers []answer
		want    bool
		code    string
	}{
		"still there":       {[]answer{{200, `{"value":[` + mine + `]}`, nil}}, true, ""},
		"somebody else has": {[]answer{{200, `{"value":[{"id":"g","userType":"Guest","mail":"ana.o'hara@partner.example"}]}`, nil}}, false, ""},
		"two have":          {[]answer{{200, `{"value":[` + mine + `,{"id":"g"}]}`, nil}}, false, "guest.ambiguous"},
		"blocked":           {[]answer{{200, `{"value":[{"id":"` + userID + `","userType":"Guest","accountEnabled":false,"mail":"ana.o'hara@partner.example"}]}`, nil}}, false, "guest.disabled"},
		"not shown yet":     {[]answer{{200, nobody, nil}, {200, mine, nil}}, true, ""},
		"has moved":         {[]answer{{200, nobody, nil}, {200, `{"id":"` + userID + `","userType":"Guest","mail":"new@x.example"}`, nil}}, false, ""},
		"became a member":   {[]answer{{200, nobody, nil}, {200, `{"id":"` + userID + `","userType":"Member","mail":"ana.o'hara@partner.example"}`, nil}}, false, ""},
		"deleted":           {[]answer{{200, nobody, nil}, missing(userID)}, false, ""},
	} {
		f := serve(t, tc.answers...)
		got, err := f.client(t).Confirm(t.Context(), userID, address)
		failure, _ := errors.AsType[*message.Failure](err)
		if got != tc.want || (failure == nil) != (tc.code == "") || failure != nil && failure.Code != tc.code || failure == nil && err != nil {
			t.Errorf("%s: %v, %v; want %v %s", name, got, err, tc.want, tc.code)
		}
	}
}
