package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"guestlist/pkg/csvfile"
)

// Parse reads a policy file strictly: what it does not know it refuses, since a misspelt key would silently allow or
// forbid something. The error names every key that is wrong and says what to do.
func Parse(raw []byte) (Policy, error) {
	raw = bytes.TrimPrefix(raw, []byte("\uFEFF")) // some editors put a byte order mark
	var p Policy
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Policy{}, explain(err)
	}
	if key := twice(raw); key != "" {
		return Policy{}, fmt.Errorf("source policy: key %q is there twice in one object: merge the two", key)
	}
	if _, err := d.Token(); err != io.EOF {
		return Policy{}, errors.New("source policy: there is something after the closing brace: one file holds one policy")
	}
	if err := p.validate(); err != nil {
		return Policy{}, fmt.Errorf("source policy: %w", err)
	}
	return p, nil
}

// ParseFor is Parse for the file of one source: the policy must name that source, so that a copied file does not lend
// one partner the rights of another.
func ParseFor(source string, raw []byte) (Policy, error) {
	p, err := Parse(raw)
	if err == nil && p.Source != source {
		return Policy{}, fmt.Errorf("source policy: key source is %q, but this is the file of source %q: correct the key or rename the file", p.Source, source)
	}
	return p, err
}

// JSON returns the policy as a file: indented, keys always in the same order, empty lists as such.
func (p Policy) JSON() []byte {
	p.Groups, p.Applications = listed(p.Groups), listed(p.Applications)
	p.Domains, p.RedirectHosts = listed(p.Domains), listed(p.RedirectHosts)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // names are read by people
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		panic(err) // strings, ints and bools only
	}
	return b.Bytes()
}

func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func explain(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("source policy: key %s is a JSON %s where a %s is needed", e.Field, e.Value, e.Type.Kind())
	}
	if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("source policy: unknown key %s: correct its spelling or delete it; the keys are version, source, groups (id, name), "+
			"applications (id, name, role, roles), domains, ccDomains, redirectHosts, maxGuests, allowText, allowCC, allowLinks, allowResend and mailMode", key)
	}
	return fmt.Errorf("source policy: not valid JSON: %w", err)
}

// validate reports everything that is wrong at once.
func (p Policy) validate() error {
	var errs []error
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if p.Version != Version {
		wrong("key version is %d: this build reads version %d only", p.Version, Version)
	}
	if !ValidSource(p.Source) {
		wrong("key source: %q cannot be a source: use lower-case letters, digits and single hyphens, at most %d characters", p.Source, 63-len(prefix))
	}
	if p.MaxGuests < 1 {
		wrong("key maxGuests is %d: say how many guests one file may hold, such as 2000", p.MaxGuests)
	}
	if !slices.Contains([]string{"", "own", "microsoft", "none"}, p.MailMode) {
		wrong("key mailMode is %q: use own, microsoft, none, or leave it empty", p.MailMode)
	}
	groups := make([]string, len(p.Groups))
	for i, g := range p.Groups {
		groups[i] = g.ID
		validateName(wrong, fmt.Sprintf("groups[%d].name", i), g.Name)
	}
	applications := make([]string, len(p.Applications))
	for i, a := range p.Applications {
		applications[i] = a.ID
		validateName(wrong, fmt.Sprintf("applications[%d].name", i), a.Name)
		each(wrong, fmt.Sprintf("applications[%d].roles", i), a.Roles, "the value of an app role, without spaces, semicolons and bars", isRole)
	}
	each(wrong, "groups", groups, "the object id of the group (8-4-4-4-12 hexadecimal digits)", csvfile.IsID)
	each(wrong, "applications", applications, "the application (client) id (8-4-4-4-12 hexadecimal digits)", csvfile.IsID)
	each(wrong, "domains", p.Domains, `a domain such as partner.example, or "*" for any`, func(d string) bool { return d == "*" || isHost(d) })
	each(wrong, "ccDomains", p.CCDomains, `a domain such as partner.example, or "*" for any`, func(d string) bool { return d == "*" || isHost(d) })
	each(wrong, "redirectHosts", p.RedirectHosts, "a host without scheme, port or path, such as myapplications.microsoft.com", isHost)
	return errors.Join(errs...)
}

// each checks the form of every entry of a list, and that none is there twice.
func each(wrong func(string, ...any), key string, list []string, want string, ok func(string) bool) {
	seen := make(map[string]int, len(list))
	for i, v := range list {
		if !ok(v) {
			wrong("key %s[%d] is %q: it must be %s", key, i, v, want)
			continue
		}
		if first, twice := seen[strings.ToLower(v)]; twice {
			wrong("key %s[%d]: %q is there twice, first as %s[%d]: delete one", key, i, v, key, first)
			continue
		}
		seen[strings.ToLower(v)] = i
	}
}

// validateName keeps names in a form in which a file can name them: names that are alike but for letter case are
// allowed (two groups may have the same name), but then only their ids can be used.
func validateName(wrong func(string, ...any), key, name string) {
	if strings.ContainsAny(name, ";|\r\n\t") || strings.TrimSpace(name) != name {
		wrong("key %s is %q: leave out semicolons, bars, line breaks and space at the ends; the name here need not be the directory's", key, name)
	}
}

// isRole takes values that a row can name: a cell separates by space, semicolon and bar. An app role whose value has one
// of the latter two can still be an application's role, which no row names.
func isRole(s string) bool { return s != "" && !strings.ContainsAny(s, " ;|\r\n\t") }

// isHost takes host names in ASCII, with or without a dot, in any letter case.
func isHost(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(s) <= 253
}
