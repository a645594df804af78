package layout_test

import (
	"go/ast"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oneWord is the form of a function's name: folder, package, function and URL path share it.
var oneWord = regexp.MustCompile(`^[a-z][a-z0-9]{0,127}$`)

// functionsAreRouted checks that three sets are one: folders with a function.json, Go packages of functions, and names
// that the handler registers.
func functionsAreRouted(t *tree) (p problems) {
	folders, packages, routes := map[string]bool{}, map[string]bool{}, routes(t)
	for _, name := range t.files {
		dir := path.Dir(name)
		if under(dir, "functions") && path.Base(name) == "function.json" {
			folders[strings.TrimPrefix(dir, "functions/")] = true
		}
	}
	for dir := range t.dirs {
		if layerOf(dir) == function && len(t.code(dir)) > 0 {
			packages[strings.TrimPrefix(dir, "functions/")] = true
		}
	}
	all := maps.Clone(folders)
	maps.Copy(all, packages)
	maps.Copy(all, routes)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		where := "functions/" + name
		if !oneWord.MatchString(name) {
			p.add(where, "is not one lower-case word directly below functions/")
		}
		for what, set := range map[string]map[string]bool{"function.json": folders, "Go package": packages, "route in functions/cmd/handler": routes} {
			if !set[name] {
				p.add(where, "has no %s", what)
			}
		}
	}
	slices.Sort(p)
	return p
}

// routes returns the names that are given to pkg/customhandler: the values of the field Name wherever a file of the
// handler, or of a function that the handler imports, builds its Functions and Timers.
func routes(t *tree) map[string]bool {
	found := map[string]bool{}
	linked := reach(t, "functions/cmd/handler")
	for dir := range t.dirs {
		_, isLinked := linked[module+"/"+dir]
		if dir != "functions/cmd/handler" && (!isLinked || layerOf(dir) != function) {
			continue
		}
		for _, s := range t.code(dir) {
			if slices.Contains(s.imports, module+"/pkg/customhandler") {
				collect(s.ast, path.Base(dir), found)
			}
		}
	}
	return found
}

// collect adds what `Name: "x"`, `Name: x.Name` and, within package x, `Name: Name` stand for.
func collect(f *ast.File, pkg string, found map[string]bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		kv, ok := n.(*ast.KeyValueExpr)
		if !ok || !isIdent(kv.Key, "Name") {
			return true
		}
		switch v := kv.Value.(type) {
		case *ast.BasicLit:
			if name, err := strconv.Unquote(v.Value); err == nil && v.Kind == token.STRING {
				found[name] = true
			}
		case *ast.SelectorExpr:
			if x, ok := v.X.(*ast.Ident); ok && v.Sel.Name == "Name" {
				found[x.Name] = true
			}
		case *ast.Ident:
			if v.Name == "Name" {
				found[pkg] = true
			}
		}
		return true
	})
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}
