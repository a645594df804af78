package layout_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// faultList is the page that lists the faults, by number, with the tests of each; faultCount is how many there are.
const (
	faultList    = "docs/reliability.md"
	faultSection = "## The fault list"
	faultCount   = 24
)

var (
	faultRow  = regexp.MustCompile(`(?m)^\| *(\d+) *\|.*$`)
	faultTest = regexp.MustCompile("`(Test\\w+)`")
	faultName = regexp.MustCompile(`^TestFault(\d\d)\D`)
)

// faultsAreListed checks that the list of faults has a row for each number, that each row names tests that exist, one of
// them named after the fault, and that no such test is left out.
func faultsAreListed(t *tree) (p problems) {
	tests := t.tests()
	raw, err := fs.ReadFile(t.fsys, faultList)
	if err != nil {
		if slices.ContainsFunc(tests, faultName.MatchString) {
			p.add(faultList, "%v", err)
		}
		return p
	}
	_, section, _ := strings.Cut(string(raw), faultSection)
	section, _, _ = strings.Cut(section, "\n## ")
	rows, named := map[string]string{}, map[string]bool{}
	for _, m := range faultRow.FindAllStringSubmatch(section, -1) {
		rows[m[1]] += m[0]
	}
	for n := 1; n <= faultCount; n++ {
		row, ok := rows[fmt.Sprint(n)]
		if !ok {
			p.add(faultList, "has no row for fault %d", n)
			continue
		}
		own := false
		for _, m := range faultTest.FindAllStringSubmatch(row, -1) {
			if named[m[1]] = true; !slices.Contains(tests, m[1]) {
				p.add(faultList, "fault %d names %s, which does not exist", n, m[1])
			}
			own = own || strings.HasPrefix(m[1], fmt.Sprintf("TestFault%02d", n))
		}
		if !own {
			p.add(faultList, "fault %d names no test of its own", n)
		}
	}
	for _, name := range tests {
		if faultName.MatchString(name) && !named[name] {
			p.add(faultList, "leaves out %s", name)
		}
	}
	return p
}

// tests are the names of all tests, in order.
func (t *tree) tests() (names []string) {
	for _, sources := range t.dirs {
		for _, s := range sources {
			for _, d := range s.ast.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && s.test && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
					names = append(names, f.Name.Name)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}
