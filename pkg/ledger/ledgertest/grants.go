package ledgertest

import (
	"testing"
)

var grants = []test{
	{"OnlyWhatWasGrantedIsKnown", grantedOnly},
	{"LastGrantCounts", lastGrant},
	{"ManyGuestsAtOnce", manyGrants},
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
