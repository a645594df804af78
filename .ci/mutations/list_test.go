package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

func list(t *testing.T) []mutation {
	t.Helper()
	all, err := readList(filepath.Join(root, listFile))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryMutationStillApplies(t *testing.T) {
	t.Parallel()
	for _, m := range list(t) {
		changed, err := m.apply(root)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.File, changed, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s is no Go any more: %v", m.Name, err)
		}
	}
}

func TestEveryMutationNamesATestThatIsThere(t *testing.T) {
	t.Parallel()
	known := map[string]map[string]bool{}
	for _, m := range list(t) {
		if known[m.Package] == nil {
			known[m.Package] = testsOf(t, filepath.Join(root, m.Package))
		}
		if name, _, _ := strings.Cut(m.Test, "/"); !known[m.Package][name] {
			t.Errorf("%s: %s has no test %s", m.Name, m.Package, name)
		}
	}
}

// testsOf returns the names of the test functions in a folder.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}

func TestTheTableInTheDocsIsThatOfTheList(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(root, docFile))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), "\n"+table(list(t))+"\n") {
		t.Errorf("%s does not have the table of the list; run: make mutations ARGS=-markdown", docFile)
	}
}
