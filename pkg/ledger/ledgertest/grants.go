package ledgertest

import (
	"testing"
)

var grants = []test{
	{"OnlyWhatWasGrantedIsKnown", grantedOnly},
	{"LastGrantCounts", lastGrant},
	{"ManyGuestsAtOnce", manyGrants},
	{"OnlyAnImportsOwnGrantsAreForgotten", forgotten},
}

func grantedBy(t *testing.T, h Harness, target string, guests ...string) map[string]string {
	t.Helper()
	by, err := h.Second.GrantedBy(t.Context(), target, guests)
	must(t, err)
	return by
}

func grantedOnly(t *testing.T, h Harness) {
	const group, app = "group:1/ü'", "application:1"
	must(t, h.Store.Grant(t.Context(), group, map[string]string{key(1): "one", key(2): "two"}))
	must(t, h.Store.Grant(t.Context(), app, map[string]string{key(3): "one"}))
	same(t, "group", map[string]string{key(1): "one", key(2): "two"}, grantedBy(t, h, group, keys(9)...))
	same(t, "one of the group", map[string]string{key(2): "two"}, grantedBy(t, h, group, key(2)))
	same(t, "application", map[string]string{key(3): "one"}, grantedBy(t, h, app, keys(9)...))
	same(t, "another group", nil, grantedBy(t, h, "group:2", keys(9)...))
	same(t, "nobody", nil, grantedBy(t, h, group))
	must(t, h.Store.Grant(t.Context(), group, nil))
}

func lastGrant(t *testing.T, h Harness) {
	for _, by := range []string{"one", "two", "two"} {
		must(t, h.Store.Grant(t.Context(), "group:1", map[string]string{key(1): by}))
	}
	same(t, "granted by", map[string]string{key(1): "two"}, grantedBy(t, h, "group:1", key(1)))
}

func manyGrants(t *testing.T, h Harness) {
	want := map[string]string{}
	for _, guest := range keys(230) {
		want[guest] = importID
	}
	must(t, h.Store.Grant(t.Context(), "group:1", want))
	same(t, "granted by", want, grantedBy(t, h, "group:1", keys(240)...))
}

func forgotten(t *testing.T, h Harness) {
	by := map[string]string{}
	for n, guest := range keys(40) {
		by[guest] = []string{"one", "two"}[n%2]
	}
	must(t, h.Store.Grant(t.Context(), "group:1", by))
	must(t, h.Store.Grant(t.Context(), "group:2", map[string]string{key(0): "one"}))
	want := map[string]string{}
	for guest, importID := range by {
		if importID == "two" || guest == key(2) {
			want[guest] = importID
		}
	}
	for range 2 {
		asked := append(keys(50)[:2:2], keys(50)[3:]...) // some of whom it never heard, one left out
		must(t, h.Store.Forget(t.Context(), "group:1", "one", asked))
		same(t, "granted by", want, grantedBy(t, h, "group:1", keys(50)...))
	}
	same(t, "another target", map[string]string{key(0): "one"}, grantedBy(t, h, "group:2", key(0)))
	must(t, h.Store.Forget(t.Context(), "group:3", "one", nil))
}
