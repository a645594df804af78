package entra

import (
	"html/template"
	"net/http"
)

// redeem is the page behind a redeem link. GET shows a button, POST accepts and goes on to the invitation's redirect
// address. A link that was replaced by a newer one, or whose guest is gone, is 404.
func (g *graph) redeem(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // the link is a secret
	h.Set("Referrer-Policy", "no-referrer")
	id := r.FormValue("ticket")
	g.mu.Lock()
	t, known := g.tickets[id]
	u := g.users[t.user] // a deleted user takes its ticket along
	if known && r.Method == http.MethodPost {
		u.ExternalUserState, u.changed = accepted, g.timing.now()
	}
	g.mu.Unlock()
	switch {
	case !known:
		w.WriteHeader(http.StatusNotFound)
		_ = page.Execute(w, nil)
	case r.Method == http.MethodPost:
		http.Redirect(w, r, t.redirect, http.StatusSeeOther)
	case r.Method == http.MethodGet:
		_ = page.Execute(w, map[string]string{"Name": u.DisplayName, "Ticket": id})
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

var page = template.Must(template.New("redeem").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Invitation</title>
{{if .}}<h1>Review permissions</h1>
<p>{{.Name}}, this directory invites you as a guest.</p>
<form method="post" action="/redeem"><input type="hidden" name="ticket" value="{{.Ticket}}"><button>Accept</button></form>
{{else}}<h1>Invitation not found</h1>
<p>This link was replaced by a newer one, or the guest was removed.</p>
{{end}}</html>
`))
