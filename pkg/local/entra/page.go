package entra

import (
	"embed"
	"html/template"
	"net/http"
)

//go:embed pages
var pageFiles embed.FS

var (
	redeemPage  = pageOf("redeem")
	myAppsPage  = pageOf("myapps")
	signInPage  = pageOf("signin")
	refusedPage = pageOf("refused")
)

func pageOf(name string) *template.Template {
	return template.Must(template.ParseFS(pageFiles, "pages/page.html", "pages/"+name+".html"))
}

// show writes a page. Its address may be a secret, so nothing keeps or passes it on.
func show(w http.ResponseWriter, status int, page *template.Template, data any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' https: http:; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_ = page.Execute(w, data) // a browser that went away needs no page
}

// refusePage says why there is no page of the asked kind.
func refusePage(w http.ResponseWriter, status int, title, text string) {
	show(w, status, refusedPage, map[string]string{"Title": title, "Text": text})
}
