package layout_test

import (
	"maps"
	"slices"
	"strings"
)

// sdks are the client libraries that have one importer each outside pkg/local, tests and *test packages, so that a new
// version, a quirk or a time-out is dealt with in one place.
var sdks = []string{
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity",
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables",
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus",
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob",
	"github.com/aws/aws-lambda-go",
	"github.com/aws/aws-sdk-go-v2/config",
	"github.com/aws/aws-sdk-go-v2/service/s3",
	"github.com/aws/aws-sdk-go-v2/service/sqs",
	"github.com/aws/aws-sdk-go-v2/service/sts",
	"github.com/microsoftgraph/msgraph-sdk-go",
}

func oneImporter(t *tree) (p problems) {
	for _, sdk := range sdks {
		users := map[string]bool{}
		for dir := range t.dirs {
			wiring := under(dir, "functions/cmd") && strings.HasSuffix(sdk, "/azidentity") // commands choose the credential
			if under(dir, "pkg/local") || layerOf(dir) == helper || wiring {
				continue
			}
			for _, s := range t.code(dir) {
				users[dir] = users[dir] || slices.ContainsFunc(s.imports, func(i string) bool { return under(i, sdk) })
			}
		}
		maps.DeleteFunc(users, func(_ string, uses bool) bool { return !uses })
		if len(users) > 1 {
			p.add(sdk, "has %d importers: %s", len(users), strings.Join(slices.Sorted(maps.Keys(users)), ", "))
		}
	}
	return p
}

// onlyInTests checks what no program may carry: testing, go-cmp and our *test packages.
func onlyInTests(t *tree) (p problems) {
	for _, dir := range slices.Sorted(maps.Keys(t.dirs)) {
		if layerOf(dir) == helper {
			continue
		}
		for _, s := range t.code(dir) {
			for _, imported := range s.imports {
				if isTesting(imported) {
					p.add(s.name, "only tests and *test packages import %s", imported)
				}
			}
		}
	}
	return p
}

func isTesting(imported string) bool {
	dir, ok := ours(imported)
	return under(imported, "testing") || under(imported, "github.com/google/go-cmp") || ok && layerOf(dir) == helper
}

// floorStandsAlone checks that the wire types need the standard library only, whose paths have no dot in front.
func floorStandsAlone(t *tree) (p problems) {
	for _, s := range t.code("pkg/message") {
		for _, imported := range s.imports {
			first, _, _ := strings.Cut(imported, "/")
			if first == module || strings.Contains(first, ".") {
				p.add(s.name, "imports %s; pkg/message imports the standard library only", imported)
			}
		}
	}
	return p
}

// deployed names the programs that run in a cloud, and what none of their imports, at any depth, may be.
var deployed = map[string][]string{
	"functions/cmd/handler": {module + "/pkg/local", "testing", "github.com/aws"},
	"functions/cmd/s3relay": {module + "/pkg/local", "testing", module + "/pkg/customhandler", module + "/pkg/graph"},
}

func leanPrograms(t *tree) (p problems) {
	for _, program := range slices.Sorted(maps.Keys(deployed)) {
		for imported, chain := range reach(t, program) {
			for _, banned := range deployed[program] {
				if under(imported, banned) {
					p.add(program, "links %s, by way of %s", imported, chain)
				}
			}
		}
	}
	slices.Sort(p)
	return p
}

// reach returns everything that the program in dir imports, directly or through packages of ours, each with one folder
// that imports it.
func reach(t *tree, dir string) map[string]string {
	found, todo := map[string]string{}, []string{dir}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		for _, s := range t.code(next) {
			for _, imported := range s.imports {
				if found[imported] != "" {
					continue
				}
				found[imported] = next
				if d, ok := ours(imported); ok {
					todo = append(todo, d)
				}
			}
		}
	}
	return found
}
