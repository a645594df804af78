package entra

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// redeem is the page behind a redeem link. GET shows a button, POST accepts and goes on to the invitation's redirect
// address. A link that was replaced by a newer one, or whose guest is gone, is 404; a domain that was blocked meanwhile
// is 403 (source: Entra page allow-deny-list).
func (g *graph) redeem(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("ticket")
	g.mu.Lock()
	defer g.mu.Unlock()
	t, known := g.tickets[id]
	if !known {
		refusePage(w, http.StatusNotFound, "Invitation not found", "This link was replaced by a newer one, or the guest was removed. Ask whoever invited you for a new invitation.")
		return
	}
	u := g.users[t.user] // a deleted user takes its ticket along
	if _, fine := g.settings.welcomes(u.Mail); !fine {
		refusePage(w, http.StatusForbidden, "Invitation not accepted", "The organization does not take guests from your domain. Ask whoever invited you.")
		return
	}
	switch r.Method {
	case http.MethodPost:
		u.accept(g.timing.now())
		http.SetCookie(w, g.session(u))
		http.Redirect(w, r, g.landing(t.redirect), http.StatusSeeOther)
	case http.MethodGet:
		show(w, http.StatusOK, redeemPage, map[string]string{"Name": u.DisplayName, "Ticket": id, "Organization": g.primary, "Redirect": t.redirect})
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// myAppsHosts are where Microsoft's page of a guest's applications is or was (sources: pages on My Apps; the first format
// of bulk invitations). The emulator has a page of its own in their place.
var myAppsHosts = []string{"myapplications.microsoft.com", "myapps.microsoft.com", "account.activedirectory.windowsazure.com"}

// landing is where an accepted invitation leads: to its redirect address, or to the emulated My Apps.
func (g *graph) landing(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil || !slices.Contains(myAppsHosts, strings.ToLower(u.Hostname())) {
		return redirect
	}
	landing := g.url + "/myapps"
	if id := u.Query().Get("tenantid"); id != "" {
		landing += "?" + url.Values{"tenantid": {id}}.Encode()
	}
	return landing
}

// session signs u in to My Apps in one browser.
func (g *graph) session(u *user) *http.Cookie {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	id := hex.EncodeToString(b)
	g.sessions[id] = u.ID
	return &http.Cookie{Name: sessionCookie, Value: id, Path: "/myapps", HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

const sessionCookie = "guest"
