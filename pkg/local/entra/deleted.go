package entra

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// restorable is how long a deleted user stays in the recycle bin (source: page users-restore).
const restorable = 30 * 24 * time.Hour

// purge empties the recycle bin of what is too old.
func (d *tenant) purge() {
	now := d.timing.now()
	maps.DeleteFunc(d.deleted, func(_ string, u *user) bool { return now.Sub(u.deleted) >= restorable })
}

// objects counts what the quota counts: deleted objects too, until they are purged (source: include entra-service-limits).
func (d *tenant) objects() int {
	d.purge()
	return len(d.users) + len(d.groups) + len(d.apps) + len(d.contacts) + len(d.deleted)
}

// listDeleted is GET /directory/deletedItems/microsoft.graph.user (source: page directory-deleteditems-list).
func (g *graph) listDeleted(q *request) answer {
	g.purge()
	return g.page(q, "users", slices.Sorted(maps.Keys(g.deleted)), func(id string) object { return g.deleted[id].object() }, append([]string{"deletedDateTime"}, userDefaults...))
}

// gone returns the deleted user of the path, or the refusal.
func (g *graph) gone(q *request) (*user, answer, bool) {
	g.purge()
	u := g.deleted[strings.ToLower(q.segments[2])]
	if u == nil {
		return nil, missing(q.segments[2]), false
	}
	return u, answer{}, true
}

// getDeleted is GET /directory/deletedItems/{id} (source: page directory-deleteditems-get).
func (g *graph) getDeleted(q *request) answer {
	u, no, fine := g.gone(q)
	if !fine {
		return no
	}
	return g.one(q, "users", u.object(), append([]string{"deletedDateTime"}, userDefaults...))
}

// restore is POST /directory/deletedItems/{id}/restore (source: page directory-deleteditems-restore). The user comes back
// without its groups and roles here. That somebody else has taken its address meanwhile is a conflict; the page says so,
// but not in which words.
func (g *graph) restore(q *request) answer {
	u, no, fine := g.gone(q)
	if !fine {
		return no
	}
	if len(g.index["userPrincipalName "+strings.ToLower(u.UserPrincipalName)]) > 0 || u.Mail != "" && g.owner(u.Mail) != nil {
		return refuse(http.StatusBadRequest, codeBad, "One or more property values of the user are in use by another object.")
	}
	g.bring(u)
	return g.one(q, "users", u.object(), userDefaults)
}

// bring takes u out of the recycle bin.
func (d *tenant) bring(u *user) {
	delete(d.deleted, u.ID)
	u.deleted = time.Time{}
	d.enter(u)
}

// resurrect brings back the deleted guest with an address, pending again; nil if there is none.
func (g *graph) resurrect(address string) *user {
	g.purge()
	for _, u := range g.deleted {
		if strings.EqualFold(u.Mail, address) && u.UserType == "Guest" {
			g.bring(u)
			u.ExternalUserState, u.changed = pending, g.timing.now()
			return u
		}
	}
	return nil
}
