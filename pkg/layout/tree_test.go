package layout_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// module is the module's path, the prefix of every import of ours.
const module = "guestlist"

// source is one Go file.
type source struct {
	name    string // path in the repository
	test    bool
	pkg     string
	doc     string
	imports []string
	ast     *ast.File
}

// tree is the repository: its Go files by folder, and the names of all files.
type tree struct {
	fsys  fs.FS
	files []string
	dirs  map[string][]source
}

// generated names what git, make and npm write. It is in no commit. In a worktree .git is a file.
var generated = []string{".git", ".cache", "dist"}

func isGenerated(name string) bool {
	return slices.Contains(generated, name) || path.Base(name) == "node_modules"
}

// load reads the tree. Unlike go list it has no build cache behind it, and no build constraints: a rule holds on every
// platform. Folders that the go tool passes over (a leading dot, testdata) count as files, not as packages.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{fsys: fsys, dirs: map[string][]source{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case isGenerated(name) && d.IsDir():
			return fs.SkipDir
		case d.IsDir(), isGenerated(name):
			return nil
		}
		t.files = append(t.files, name)
		if path.Ext(name) != ".go" || passedOver(name) {
			return nil
		}
		s, err := parse(fsys, name)
		t.dirs[path.Dir(name)] = append(t.dirs[path.Dir(name)], s)
		return err
	})
	return t, err
}

func passedOver(name string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(elem string) bool {
		return elem == "testdata" || len(elem) > 1 && (elem[0] == '.' || elem[0] == '_')
	})
}

func parse(fsys fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return source{}, err
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, fmt.Errorf("parse: %w", err)
	}
	s := source{name: name, test: strings.HasSuffix(name, "_test.go"), pkg: f.Name.Name, doc: f.Doc.Text(), ast: f}
	for _, i := range f.Imports {
		s.imports = append(s.imports, strings.Trim(i.Path.Value, `"`))
	}
	return s, nil
}

// code returns the files of dir that are not tests.
func (t *tree) code(dir string) []source {
	return slices.DeleteFunc(slices.Clone(t.dirs[dir]), func(s source) bool { return s.test })
}

// has says whether a file or a folder of that name exists.
func (t *tree) has(name string) bool {
	return slices.ContainsFunc(t.files, func(f string) bool { return f == name || strings.HasPrefix(f, name+"/") })
}

// ours returns the folder of an import of this module.
func ours(imported string) (dir string, ok bool) { return strings.CutPrefix(imported, module+"/") }

// under says whether dir is root or lies below it.
func under(dir, root string) bool { return dir == root || strings.HasPrefix(dir, root+"/") }

// problems collects what breaks a rule, each with the place first.
type problems []string

func (p *problems) add(where, format string, args ...any) {
	*p = append(*p, where+": "+fmt.Sprintf(format, args...))
}
