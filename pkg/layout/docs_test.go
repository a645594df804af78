package layout_test

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	inline   = regexp.MustCompile("`([^`\n]+)`")
	fenced   = regexp.MustCompile("(?ms)^```[^\n]*\n(.*?)^```")
	link     = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	makeRun  = regexp.MustCompile(`(?m)^\s*(?:\$ )?make((?: +[\w./=:'"-]+)*)`)
	target   = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
	lineNo   = regexp.MustCompile(`\.(?:go|json|csv|md):\d+`)
	exported = regexp.MustCompile(`\.[A-Z]\w*(?:\.\w+)?$`)
)

// docsNameWhatExists checks the README and the pages below docs/: paths and make targets in backticks, make commands in
// code blocks, and links to files. Line numbers are refused, since they are wrong after the next commit.
func docsNameWhatExists(t *tree) (p problems) {
	targets := makeTargets(t)
	for _, page := range t.files {
		if path.Ext(page) != ".md" || page != "README.md" && !under(page, "docs") {
			continue
		}
		raw, err := fs.ReadFile(t.fsys, page)
		if err != nil {
			p.add(page, "%v", err)
			continue
		}
		text := string(raw)
		commands := ""
		for _, m := range fenced.FindAllStringSubmatch(text, -1) {
			commands += "\n" + m[1]
		}
		for _, m := range inline.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			commands += "\n" + m[1]
			if !t.exists(m[1]) {
				p.add(page, "names `%s`, which does not exist", m[1])
			}
		}
		for _, name := range called(commands) {
			if !targets[name] {
				p.add(page, "names the make target %s, which does not exist", name)
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(m[1], ":") && !t.has(path.Join(path.Dir(page), m[1])) {
				p.add(page, "links to %s, which does not exist", m[1])
			}
		}
		if m := lineNo.FindString(text); m != "" {
			p.add(page, "cites a line number: %s", m)
		}
	}
	return p
}

// exists says whether a piece of code in backticks is no path of ours, or one that exists. A package may be followed by
// an identifier; a star stands for a name.
func (t *tree) exists(code string) bool {
	if strings.ContainsAny(code, " <>{}$…") {
		return true
	}
	name := strings.TrimSuffix(strings.TrimPrefix(code, "./"), "/")
	first, _, nested := strings.Cut(name, "/")
	if !slices.Contains(append(topLevel, ".ci", ".github"), first) || !nested && path.Ext(first) == "" {
		return true // a word, or something that the tree does not hold
	}
	if strings.HasSuffix(name, "...") {
		return true // a pattern of the go tool
	}
	if t.has(name) || t.has(exported.ReplaceAllString(name, "")) {
		return true
	}
	return strings.Contains(name, "*") && slices.ContainsFunc(t.files, func(f string) bool {
		parts, want := strings.Split(f, "/"), strings.Split(name, "/")
		if len(parts) < len(want) {
			return false
		}
		ok, err := path.Match(name, strings.Join(parts[:len(want)], "/"))
		return ok && err == nil
	})
}

// called returns the targets of the make commands in text, without variables and options.
func called(text string) (names []string) {
	for _, m := range makeRun.FindAllStringSubmatch(text, -1) {
		for _, word := range strings.Fields(m[1]) {
			if !strings.ContainsAny(word, "=./'\"") && word[0] != '-' {
				names = append(names, word)
			}
		}
	}
	return names
}

func makeTargets(t *tree) map[string]bool {
	found := map[string]bool{}
	text, err := fs.ReadFile(t.fsys, "Makefile")
	if err != nil {
		return found // then every target that a page names is a problem
	}
	for _, m := range target.FindAllSubmatch(text, -1) {
		found[string(m[1])] = true
	}
	return found
}

var decision = regexp.MustCompile(`^(?:docs/decisions/)0*(\d+)-[a-z0-9-]+\.md$`)

// decisionsAreNumbered checks that each decision has a number of its own, the same in its name and in its title.
func decisionsAreNumbered(t *tree) (p problems) {
	first := map[string]string{}
	for _, page := range t.files {
		if !under(page, "docs/decisions") {
			continue
		}
		m := decision.FindStringSubmatch(page)
		text, err := fs.ReadFile(t.fsys, page)
		if m == nil || err != nil || !strings.HasPrefix(string(text), "# "+m[1]+". ") {
			p.add(page, "needs a name NUMBER-words.md and a title \"# NUMBER. Words\" of the same number")
			continue
		}
		if other := first[m[1]]; other != "" {
			p.add(page, "has the number of %s", path.Base(other))
		}
		first[m[1]] = page
	}
	return p
}
