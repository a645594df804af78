package policy

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Describe writes the policy for a person who has to agree to it: every group, application, domain and host in full.
func (p Policy) Describe(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "source %s, files in container %s\n", p.Source, Container(p.Source))
	var groups, applications []string
	for _, g := range p.Groups {
		groups = append(groups, fmt.Sprintf("%s  %s", g.ID, orNone(g.Name, "(name unknown)")))
	}
	for _, a := range p.Applications {
		line := fmt.Sprintf("%s  %s", a.ID, orNone(a.Name, "(name unknown)"))
		if a.Role != "" {
			line += ", role " + a.Role
		}
		if len(a.Roles) > 0 {
			line += ", roles that rows may name: " + strings.Join(a.Roles, ", ")
		}
		applications = append(applications, line)
	}
	section(&b, "groups, by object id", groups)
	section(&b, "applications, by application (client) id", applications)
	domains := p.Domains
	if p.allowsDomain("*") {
		domains = append([]string{"* (any domain)"}, without(domains, "*")...)
	}
	section(&b, "domains of guests", domains)
	if len(p.CCDomains) > 0 {
		section(&b, "more domains of copies (CC)", p.CCDomains)
	}
	section(&b, "redirect hosts", p.RedirectHosts)
	fmt.Fprintf(&b, "  at most %d guests in a file\n", p.MaxGuests)
	fmt.Fprintf(&b, "  own text: %s   links in it: %s   copies (CC): %s   resend: %s   mail: %s\n",
		yes(p.AllowText), yes(p.AllowLinks), yes(p.AllowCC), yes(p.AllowResend), orNone(p.MailMode, "as the installation"))
	_, err := w.Write(b.Bytes())
	if err != nil {
		return fmt.Errorf("describe source %s: %w", p.Source, err)
	}
	return nil
}

func section(b *bytes.Buffer, title string, lines []string) {
	fmt.Fprintf(b, "  %s: %d\n", title, len(lines))
	for _, line := range lines {
		fmt.Fprintf(b, "    %s\n", line)
	}
}

func without(list []string, s string) []string {
	var rest []string
	for _, v := range list {
		if v != s {
			rest = append(rest, v)
		}
	}
	return rest
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
