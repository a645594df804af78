package entra

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// accept redeems u's invitation.
func (u *user) accept(now time.Time) {
	if u.ExternalUserState != accepted {
		u.ExternalUserState, u.changed = accepted, now
	}
}

// tile is one application on My Apps.
type tile struct{ Name, Homepage, Role, Group string }

// tiles lists the applications of a user: assigned directly, or by a group that the user is in (source: page on app roles;
// groups within groups are not looked into).
func (d *tenant) tiles(u *user) []tile {
	var list []tile
	for _, a := range d.apps {
		for _, it := range a.grants {
			t := tile{Name: a.DisplayName, Homepage: a.Homepage, Role: a.role(it.AppRoleID)}
			switch g := d.groups[it.PrincipalID]; {
			case it.PrincipalID == u.ID:
				list = append(list, t)
			case g != nil:
				if _, is := g.members[u.ID]; is {
					t.Group = g.DisplayName
					list = append(list, t)
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b tile) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Group, b.Group))
	})
	return list
}

// role is the name of a role; the default one has none.
func (a *app) role(id string) string {
	i := slices.IndexFunc(a.AppRoles, func(r AppRole) bool { return r.ID == id })
	if i < 0 {
		return ""
	}
	return cmp.Or(a.AppRoles[i].DisplayName, a.AppRoles[i].Value)
}

// myApps stands for Microsoft's My Apps. Whoever came by a redeem link sees the applications; others say who they are,
// which redeems a pending invitation too: the direct link (source: page redemption-experience).
func (g *graph) myApps(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch r.Method {
	case http.MethodPost:
		g.signIn(w, r)
		return
	case http.MethodGet:
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var u *user
	if c, err := r.Cookie(sessionCookie); err == nil {
		u = g.users[g.sessions[c.Value]]
	}
	if u == nil {
		g.signIn(w, r)
		return
	}
	show(w, http.StatusOK, myAppsPage, map[string]any{"Name": u.DisplayName, "Mail": u.Mail, "Organization": g.primary, "Applications": g.tiles(u)})
}

func (g *graph) askAddress(w http.ResponseWriter, status int, problem string) {
	show(w, status, signInPage, map[string]string{"TenantID": g.id, "Problem": problem})
}

// signIn asks for the address of a guest, or takes it. A direct link works only if it names the tenant, and only for
// addresses among the guest's proxy addresses: those of contacts and aliases need the link from the invitation (source:
// page redemption-experience).
func (g *graph) signIn(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.URL.Query().Get("tenantid"), g.id) {
		refusePage(w, http.StatusBadRequest, "Which organization?", "This link does not name the organization. Use the link from your invitation, or one that ends in ?tenantid= and the tenant's id.")
		return
	}
	if r.Method != http.MethodPost {
		g.askAddress(w, http.StatusOK, "")
		return
	}
	address := strings.ToLower(strings.TrimSpace(r.PostFormValue("address")))
	hits := slices.Concat(g.index["proxyAddresses SMTP "+address], g.index["proxyAddresses smtp "+address])
	if len(hits) != 1 || !*hits[0].AccountEnabled {
		g.askAddress(w, http.StatusForbidden, "No account of this organization can be found by that address. Use the link from your invitation.")
		return
	}
	if hits[0].ExternalUserState == pending {
		if _, fine := g.settings.welcomes(address); !fine {
			g.askAddress(w, http.StatusForbidden, "The organization does not take guests from your domain.")
			return
		}
		hits[0].accept(g.timing.now())
	}
	http.SetCookie(w, g.session(hits[0]))
	http.Redirect(w, r, g.url+"/myapps", http.StatusSeeOther)
}
