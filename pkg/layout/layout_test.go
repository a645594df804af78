package layout_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// houseRules are all rules, by what they say.
var houseRules = map[string]func(*tree) problems{
	"imports go downwards only":             downwards,
	"each SDK has one importer":             oneImporter,
	"testing stays out of programs":         onlyInTests,
	"messages need the standard library":    floorStandsAlone,
	"programs link what they need":          leanPrograms,
	"the top of the tree is fixed":          top,
	"only functions/cmd holds programs":     programs,
	"packages say what they do":             comments,
	"functions, folders and routes agree":   functionsAreRouted,
	"docs name what exists":                 docsNameWhatExists,
	"decisions have one number each":        decisionsAreNumbered,
	"no file knows the machine it comes of": machinePaths,
	"each fault of the list has its tests":  faultsAreListed,
}

func TestTheRepositoryKeepsTheRules(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	house, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(house.dirs) < 10 || !house.has("go.mod") {
		t.Fatalf("found %d packages: this is not the repository", len(house.dirs))
	}
	for name, rule := range houseRules {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			for _, problem := range rule(house) {
				t.Error(problem)
			}
		})
	}
}

// brokenCase is a small tree that breaks one rule, or keeps it where wants is empty. A value of files is the whole file,
// or, for Go files, only its imports separated by spaces.
type brokenCase struct {
	rule  string
	files map[string]string
	wants []string
}

func (c brokenCase) run(t *testing.T) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range c.files {
		if strings.HasSuffix(name, ".go") && !strings.Contains(text, "package ") {
			text = goFile(name, text)
		}
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	small, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	rule, ok := houseRules[c.rule]
	if !ok {
		t.Fatalf("no rule %q", c.rule)
	}
	if diff := cmp.Diff(c.wants, []string(rule(small))); diff != "" {
		t.Error(diff)
	}
}

func goFile(name, imports string) string {
	dir := strings.Split(name, "/")
	pkg := dir[len(dir)-2]
	doc := "Package " + pkg + " is a sample.\npackage " + pkg
	if strings.HasPrefix(name, "functions/cmd/") {
		doc = "Command " + pkg + " is a sample.\npackage main"
	}
	text := "// " + doc + "\n\n"
	for _, i := range strings.Fields(imports) {
		text += "import \"" + i + "\"\n"
	}
	return text
}

func TestEveryRuleIsShownToFail(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, c := range brokenCases {
		shown[c.rule] = shown[c.rule] || len(c.wants) > 0
	}
	for name := range houseRules {
		if !shown[name] {
			t.Errorf("no case breaks the rule %q", name)
		}
	}
}

func TestRulesFindWhatBreaksThem(t *testing.T) {
	t.Parallel()
	for name, c := range brokenCases {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}
