package notify

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strings"
	"sync"
	"text/template"
)

//go:embed content
var content embed.FS

// Letter is what a mail says. Text comes from a file that somebody dropped, and so does Name: both are shown as text.
type Letter struct {
	Language     string // one of [Languages]
	Organization string // who invites
	Contact      string // address for questions
	Address      string // of the guest
	Name         string // of the guest; may be empty
	Text         string // the file's own words; may be empty
	Links        bool   // whether links in Text may be followed
	Access       []Access
	More         bool   // whether access is still being set up
	RedeemURL    string // secret; empty in a copy
	RedirectURL  string // where the guest lands in the end
	Copy         bool   // for somebody else's information
}

// Access is one thing that was granted.
type Access struct {
	Name        string
	Application bool // else a group
}

// view is a Letter as the templates see it.
type view struct {
	Letter
	Paragraphs [][]Piece
	Host       string
}

// written holds the templates of one language.
type written struct {
	text *template.Template
	html *htmltemplate.Template
}

// templates are read when the first mail of a language is written: a process that mails nobody starts without them.
var templates = func() map[string]func() written {
	all := map[string]func() written{}
	for _, l := range Languages {
		all[l] = sync.OnceValue(func() written {
			words := "content/" + l + ".tmpl"
			return written{
				text: template.Must(template.New(l).Option("missingkey=error").ParseFS(content, words, "content/mail.txt.tmpl")),
				html: htmltemplate.Must(htmltemplate.New(l).Option("missingkey=error").ParseFS(content, words, "content/mail.html.tmpl")),
			}
		})
	}
	return all
}()

// Write makes subject, plain text and HTML of a letter. It fails only for a language that is not one of [Languages].
func (l Letter) Write() (subject, plain, html string, err error) {
	read, ok := templates[l.Language]
	if !ok {
		return "", "", "", fmt.Errorf("no mail is written in language %q", l.Language)
	}
	w := read()
	if l.Copy {
		l.RedeemURL = ""
	}
	v := view{Letter: l, Paragraphs: lines(l.Text, l.Links), Host: host(l.RedirectURL)}
	v.Name, v.Organization, v.Contact = breakLinks(oneLine(l.Name)), oneLine(l.Organization), oneLine(l.Contact)
	name := "subject"
	if l.Copy {
		name = "copy-subject"
	}
	var b [3]bytes.Buffer
	if err := w.text.ExecuteTemplate(&b[0], name, v); err != nil {
		return "", "", "", err
	}
	if err := w.text.ExecuteTemplate(&b[1], "mail", v); err != nil {
		return "", "", "", err
	}
	if err := w.html.ExecuteTemplate(&b[2], "mail", v); err != nil {
		return "", "", "", err
	}
	return oneLine(b[0].String()), b[1].String(), b[2].String(), nil
}

// host is how a person recognises where a URL leads.
func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return raw
	}
	return strings.ToLower(u.Host)
}
