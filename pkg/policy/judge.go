package policy

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/message"
)

// Judge says what of a row the policy allows. It does not repeat the row's own problems. It may be called from many
// goroutines at once.
func (p Policy) Judge(row csvfile.Row) Verdict {
	var v Verdict
	refuse := func(code, format string, a ...any) {
		v.Problems = append(v.Problems, csvfile.Problem{Code: code, Text: fmt.Sprintf(format, a...)})
	}
	if d := domainOf(row.Email); d != "" && !p.allowsDomain(d) {
		refuse(DomainForbidden, "source %s may not invite addresses of %s: its policy must list the domain", p.Source, d)
	}
	if h := hostOf(row.RedirectURL); h != "" && !contains(p.RedirectHosts, h) {
		refuse(RedirectForbidden, "source %s may not send guests to %s: its policy must list the host under redirectHosts", p.Source, h)
	}
	if row.Text != "" && !p.AllowText {
		refuse(TextForbidden, "source %s may not bring its own invitation text: empty the cell, or set allowText in its policy", p.Source)
	}
	switch d := domainOf(row.CC); {
	case row.CC == "":
	case !p.AllowCC:
		refuse(CCForbidden, "source %s may not send copies: empty the cell, or set allowCC in its policy", p.Source)
	case !p.allowsDomain(d) && !allows(p.CCDomains, d):
		refuse(CCForbidden, "source %s may not send copies to addresses of %s: its policy must list the domain under domains or ccDomains", p.Source, d)
	}
	v.add(p, KindGroup, row.Groups)
	v.add(p, KindApplication, row.Applications)
	return v
}

// Refused returns the reason for which the whole row is refused: its first problem, or that of its targets if it has
// some and none is allowed.
func (v Verdict) Refused() (csvfile.Problem, bool) {
	if len(v.Problems) > 0 {
		return v.Problems[0], true
	}
	if len(v.Targets) == 0 || slices.ContainsFunc(v.Targets, func(t Target) bool { return t.Problem == nil }) {
		return csvfile.Problem{}, false
	}
	return *v.Targets[0].Problem, true
}

// Exceeds returns the reason to hold a file with that many guests; nil if the policy allows them.
func (p Policy) Exceeds(guests int) *message.Failure {
	if guests <= p.MaxGuests {
		return nil
	}
	return &message.Failure{Code: TooManyGuests, Text: fmt.Sprintf(
		"The file has %d guests, and source %q may bring %d in one file, so nobody was invited. Look it through: it can pass as it is, or be dropped again in smaller files. To let it pass: guestlist approve IMPORT",
		guests, p.Source, p.MaxGuests)}
}

// add resolves what a row names, and keeps each target once, however it is named.
func (v *Verdict) add(p Policy, kind Kind, asked []string) {
	for _, value := range asked {
		for _, t := range p.resolve(kind, value) {
			same := func(u Target) bool { return u.Kind == kind && u.ID == t.ID && u.Role == t.Role && t.ID != "" }
			if !slices.ContainsFunc(v.Targets, same) {
				v.Targets = append(v.Targets, t)
			}
		}
	}
}

// resolve finds the targets of one value. It may be several names in a row, since old files separate by space: then the
// longest run of words that is a name counts. If any word remains, the value is refused as a whole.
func (p Policy) resolve(kind Kind, value string) []Target {
	if t, ok := p.find(kind, value); ok {
		return []Target{t}
	}
	var found []Target
	for words := strings.Fields(value); len(words) > 0; {
		n := len(words)
		t, ok := p.find(kind, strings.Join(words, " "))
		for ; !ok && n > 1; t, ok = p.find(kind, strings.Join(words[:n], " ")) {
			n--
		}
		if !ok {
			return []Target{p.forbidden(kind, value)}
		}
		found, words = append(found, t), words[n:]
	}
	return found
}

// find returns the target with that id or name; for an application a colon and the value of an app role may follow. A
// name that is there twice is found, with a problem, and so is a role that is not allowed.
func (p Policy) find(kind Kind, asked string) (Target, bool) {
	if t, ok := p.byName(kind, asked); ok || kind != KindApplication {
		return t, ok
	}
	for name := asked; ; { // names and roles may hold colons: the longest name counts
		i := strings.LastIndexByte(name, ':')
		if i < 0 {
			return Target{}, false
		}
		name = name[:i]
		role := asked[i+1:]
		if strings.ContainsAny(role, " \t") {
			return Target{}, false // no role, but another name
		}
		if t, ok := p.byName(kind, strings.TrimSpace(name)); ok {
			return p.withRole(t, asked, role), true
		}
	}
}

// withRole gives t the app role that a row names, if the policy allows it.
func (p Policy) withRole(t Target, asked, role string) Target {
	if t.Asked = asked; t.Problem != nil {
		return t
	}
	i := slices.IndexFunc(p.Applications, func(a Application) bool { return strings.EqualFold(a.ID, t.ID) })
	all := p.Applications[i].Roles
	if r := p.Applications[i].Role; r != "" {
		all = append([]string{r}, all...)
	}
	if j := slices.IndexFunc(all, func(r string) bool { return strings.EqualFold(r, role) }); j >= 0 {
		t.Role = all[j]
		return t
	}
	return Target{Kind: t.Kind, Asked: asked, Problem: &csvfile.Problem{Code: TargetForbidden, Text: fmt.Sprintf(
		"source %s may not grant the app role %q of application %q: its policy must list it under the application's roles", p.Source, role, cmp.Or(t.Name, t.ID))}}
}

// byName returns the target with that id or name. A name that is there twice is found, with a problem.
func (p Policy) byName(kind Kind, asked string) (Target, bool) {
	found := Target{Kind: kind, Asked: asked}
	n := 0
	for t := range p.targets(kind) {
		if strings.EqualFold(t.ID, asked) {
			t.Asked = asked
			return t, true
		}
		if t.Name != "" && strings.EqualFold(t.Name, asked) {
			t.Asked = asked
			found = t
			n++
		}
	}
	if n > 1 {
		found = Target{Kind: kind, Asked: asked, Problem: &csvfile.Problem{Code: TargetAmbiguous, Text: fmt.Sprintf(
			"%d %ss that source %s may grant are named %q: write the id instead", n, kind, p.Source, asked)}}
	}
	return found, n > 0
}

func (p Policy) forbidden(kind Kind, asked string) Target {
	text := fmt.Sprintf("source %s may not grant %s %q: its policy must list it", p.Source, kind, asked)
	if _, ok := p.find(other(kind), asked); ok {
		text = fmt.Sprintf("%q is no %s but a %s: move it to the other column", asked, kind, other(kind))
	}
	return Target{Kind: kind, Asked: asked, Problem: &csvfile.Problem{Code: TargetForbidden, Text: text}}
}

func other(k Kind) Kind {
	if k == KindGroup {
		return KindApplication
	}
	return KindGroup
}

// targets lists what the policy allows of a kind, ids in lower case.
func (p Policy) targets(kind Kind) func(yield func(Target) bool) {
	return func(yield func(Target) bool) {
		if kind == KindGroup {
			for _, g := range p.Groups {
				if !yield(Target{Kind: kind, ID: strings.ToLower(g.ID), Name: g.Name}) {
					return
				}
			}
			return
		}
		for _, a := range p.Applications {
			if !yield(Target{Kind: kind, ID: strings.ToLower(a.ID), Name: a.Name, Role: a.Role}) {
				return
			}
		}
	}
}

func (p Policy) allowsDomain(domain string) bool { return allows(p.Domains, domain) }

func allows(domains []string, domain string) bool {
	return contains(domains, domain) || slices.Contains(domains, "*")
}

func contains(list []string, s string) bool {
	return slices.ContainsFunc(list, func(v string) bool { return strings.EqualFold(v, s) })
}

// domainOf returns the domain of an address; empty if it has none.
func domainOf(address string) string {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return ""
	}
	return strings.ToLower(address[i+1:])
}

// hostOf returns the host of a URL, without port and without the dot that may stand at its end.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}
