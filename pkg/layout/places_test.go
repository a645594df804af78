package layout_test

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// topLevel is what may lie at the top, besides names with a leading dot. The tree says what the system is; a new name
// there is a decision.
var topLevel = []string{"LICENSE", "Makefile", "README.md", "docs", "functions", "go.mod", "go.sum", "host.json", "infra", "pkg", "staticcheck.conf"}

func top(t *tree) (p problems) {
	seen := map[string]bool{}
	for _, name := range t.files {
		first, _, _ := strings.Cut(name, "/")
		if !seen[first] && first[0] != '.' && !slices.Contains(topLevel, first) {
			p.add(first, "is not a name for the top of the tree")
		}
		seen[first] = true
	}
	return p
}

// programs checks that the folders functions/cmd/* are programs and that nothing else is, and that a package is called
// as its folder.
func programs(t *tree) (p problems) {
	for _, dir := range slices.Sorted(maps.Keys(t.dirs)) {
		for _, s := range t.code(dir) {
			isProgram := path.Dir(dir) == "functions/cmd"
			switch {
			case isProgram && s.pkg != "main":
				p.add(s.name, "is package %s; functions/cmd/* are programs", s.pkg)
			case !isProgram && s.pkg == "main":
				p.add(s.name, "is package main; programs lie in functions/cmd/*")
			case !isProgram && s.pkg != path.Base(dir):
				p.add(s.name, "is package %s in folder %s", s.pkg, path.Base(dir))
			}
		}
	}
	return p
}

// comments checks that every package says what it does: the first sentence names it, as go doc expects.
func comments(t *tree) (p problems) {
	for _, dir := range slices.Sorted(maps.Keys(t.dirs)) {
		code := t.code(dir)
		if len(code) == 0 {
			continue
		}
		want := "Package " + code[0].pkg + " "
		if code[0].pkg == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		if !slices.ContainsFunc(code, func(s source) bool { return strings.HasPrefix(s.doc, want) }) {
			p.add(dir, "has no package comment that begins with %q", strings.TrimSpace(want))
		}
	}
	return p
}

// machine matches absolute paths that are true on one machine only: homes, and a checkout below /work. The Functions
// host's own folder is the same everywhere.
var machine = regexp.MustCompile(`(?:^|[^\w./>-])(/(?:home|Users|root|work)/[\w.@-]+)`)

func machinePaths(t *tree) (p problems) {
	for _, name := range t.files {
		text, err := fs.ReadFile(t.fsys, name)
		if err != nil {
			p.add(name, "%v", err)
			continue
		}
		for _, m := range machine.FindAllSubmatch(text, -1) {
			if at := string(m[1]); at != "/home/site" {
				p.add(name, "names %s, which is there on one machine only", at)
			}
		}
	}
	return p
}
