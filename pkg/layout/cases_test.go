package layout_test

import "fmt"

// brokenCases show each rule at work, on both sides of its line.
var brokenCases = map[string]brokenCase{
	"a contract imports a step": {
		"imports go downwards only",
		map[string]string{"pkg/bus/bus.go": "guestlist/pkg/message guestlist/pkg/invite"},
		[]string{"pkg/bus/bus.go: the contract layer must not import pkg/invite (step)"},
	},
	"a step imports an adapter": {
		"imports go downwards only",
		map[string]string{"pkg/plan/plan.go": "guestlist/pkg/ledger/tableledger guestlist/pkg/ledger guestlist/pkg/csvfile"},
		[]string{"pkg/plan/plan.go: the step layer must not import pkg/ledger/tableledger (adapter)"},
	},
	"an adapter imports a step and another adapter": {
		"imports go downwards only",
		map[string]string{"pkg/bus/sbbus/a.go": "guestlist/pkg/bus guestlist/pkg/plan guestlist/pkg/graph"},
		[]string{
			"pkg/bus/sbbus/a.go: the adapter layer must not import pkg/plan (step)",
			"pkg/bus/sbbus/a.go: the adapter layer must not import pkg/graph (adapter)",
		},
	},
	"an adapter may have parts": {
		"imports go downwards only",
		map[string]string{"pkg/graph/graph.go": "guestlist/pkg/graph/filter", "pkg/graph/filter/f.go": ""},
		nil,
	},
	"a function imports another and an adapter": {
		"imports go downwards only",
		map[string]string{"functions/planupload/p.go": "guestlist/functions/inviteguest guestlist/pkg/graph guestlist/pkg/plan"},
		[]string{
			"functions/planupload/p.go: the function layer must not import functions/inviteguest (function)",
			"functions/planupload/p.go: the function layer must not import pkg/graph (adapter)",
		},
	},
	"pkg imports functions": {
		"imports go downwards only",
		map[string]string{"pkg/plan/plan.go": "guestlist/functions/planupload guestlist/functions/cmd/handler"},
		[]string{
			"pkg/plan/plan.go: the step layer must not import functions/planupload (function)",
			"pkg/plan/plan.go: the step layer must not import functions/cmd/handler (command)",
		},
	},
	"emulators are for devstack": {
		"imports go downwards only",
		map[string]string{
			"functions/cmd/devstack/main.go":  "guestlist/pkg/local/entra",
			"functions/cmd/guestlist/main.go": "guestlist/pkg/local/entra",
			"pkg/graph/graph.go":              "guestlist/pkg/local/entra",
			"pkg/graph/graph_test.go":         "guestlist/pkg/local/entra",
		},
		[]string{
			"functions/cmd/guestlist/main.go: the command layer must not import pkg/local/entra (emulator)",
			"pkg/graph/graph.go: the adapter layer must not import pkg/local/entra (emulator)",
		},
	},
	"an emulator shares code": {
		"imports go downwards only",
		map[string]string{
			"pkg/local/entra/entra.go":               "guestlist/pkg/message guestlist/pkg/local/azurite",
			"pkg/local/azurite/azuritetest/share.go": "guestlist/pkg/message guestlist/pkg/local/azurite",
		},
		[]string{
			"pkg/local/azurite/azuritetest/share.go: the helper layer must not import pkg/message (floor)",
			"pkg/local/entra/entra.go: the emulator layer must not import pkg/message (floor)",
		},
	},
	"a package without a place": {
		"imports go downwards only",
		map[string]string{"pkg/util/util.go": ""},
		[]string{"pkg/util: belongs to no layer; put it into the table of pkg/layout"},
	},
	"a command has parts of its own": {
		"imports go downwards only",
		map[string]string{
			"functions/cmd/devstack/main.go":    "guestlist/functions/cmd/devstack/table guestlist/functions/cmd/internal/connect",
			"functions/cmd/guestlist/main.go":   "guestlist/functions/cmd/devstack/table",
			"functions/cmd/devstack/table/t.go": "",
		},
		[]string{"functions/cmd/guestlist/main.go: the command layer must not import functions/cmd/devstack/table (command)"},
	},

	"an SDK with two importers": {
		"each SDK has one importer",
		map[string]string{
			"pkg/bus/sbbus/a.go":             "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus",
			"pkg/replay/r.go":                "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus/admin",
			"pkg/replay/r_test.go":           "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob",
			"pkg/local/eventgrid/e.go":       "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob",
			"pkg/blobstore/azblobstore/a.go": "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container",
			"functions/cmd/handler/main.go":  "github.com/Azure/azure-sdk-for-go/sdk/azidentity",
			"functions/cmd/s3relay/main.go":  "github.com/Azure/azure-sdk-for-go/sdk/azidentity",
		},
		[]string{"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus: has 2 importers: pkg/bus/sbbus, pkg/replay"},
	},

	"testing in a program": {
		"testing stays out of programs",
		map[string]string{
			"pkg/ledger/l.go":              "testing/iotest github.com/google/go-cmp/cmp guestlist/pkg/ledger/ledgertest",
			"pkg/ledger/l_test.go":         "testing",
			"pkg/ledger/ledgertest/run.go": "testing github.com/google/go-cmp/cmp",
		},
		[]string{
			"pkg/ledger/l.go: only tests and *test packages import testing/iotest",
			"pkg/ledger/l.go: only tests and *test packages import github.com/google/go-cmp/cmp",
			"pkg/ledger/l.go: only tests and *test packages import guestlist/pkg/ledger/ledgertest",
		},
	},

	"messages with a dependency": {
		"messages need the standard library",
		map[string]string{"pkg/message/m.go": "encoding/json github.com/google/uuid", "pkg/message/m_test.go": "github.com/google/go-cmp/cmp"},
		[]string{"pkg/message/m.go: imports github.com/google/uuid; pkg/message imports the standard library only"},
	},

	"the handler links an emulator at some depth": {
		"programs link what they need",
		map[string]string{
			"functions/cmd/handler/main.go": "guestlist/functions/planupload",
			"functions/planupload/p.go":     "guestlist/pkg/plan",
			"pkg/plan/plan.go":              "testing guestlist/pkg/local/entra",
			"pkg/plan/plan_test.go":         "github.com/aws/aws-lambda-go/lambda",
		},
		[]string{
			"functions/cmd/handler: links guestlist/pkg/local/entra, by way of pkg/plan",
			"functions/cmd/handler: links testing, by way of pkg/plan",
		},
	},
	"the relay links the Functions protocol": {
		"programs link what they need",
		map[string]string{"functions/cmd/s3relay/main.go": "guestlist/pkg/customhandler github.com/aws/aws-lambda-go/lambda"},
		[]string{"functions/cmd/s3relay: links guestlist/pkg/customhandler, by way of functions/cmd/s3relay"},
	},

	"a new name at the top": {
		"the top of the tree is fixed",
		map[string]string{"cmd/main.txt": "", "notes.txt": "", ".editorconfig": "", "docs/a.md": "", "dist/azure/handler": ""},
		[]string{"cmd: is not a name for the top of the tree", "notes.txt: is not a name for the top of the tree"},
	},

	"programs in the wrong place": {
		"only functions/cmd holds programs",
		map[string]string{
			"pkg/tool/main.go":              "package main",
			"functions/cmd/handler/h.go":    "package handler",
			"functions/cmd/devstack/d.go":   "package main",
			"pkg/plan/plan.go":              "package planner",
			"pkg/plan/plan_test.go":         "package plan_test",
			".ci/gotest/main.go":            "package main",
			"pkg/plan/testdata/x/sample.go": "package main",
		},
		[]string{
			"functions/cmd/handler/h.go: is package handler; functions/cmd/* are programs",
			"pkg/plan/plan.go: is package planner in folder plan",
			"pkg/tool/main.go: is package main; programs lie in functions/cmd/*",
		},
	},

	"packages without a comment": {
		"packages say what they do",
		map[string]string{
			"pkg/a/a.go":                  "package a",
			"pkg/b/b.go":                  "// Does things.\npackage b",
			"pkg/c/c.go":                  "package c",
			"pkg/c/doc.go":                "// Package c is a sample.\npackage c",
			"pkg/d/d_test.go":             "package d_test",
			"functions/cmd/tool/main.go":  "// Package main runs.\npackage main",
			"functions/cmd/other/main.go": "// Command other runs.\npackage main",
		},
		[]string{
			`functions/cmd/tool: has no package comment that begins with "Command tool"`,
			`pkg/a: has no package comment that begins with "Package a"`,
			`pkg/b: has no package comment that begins with "Package b"`,
		},
	},

	"functions without a route": {
		"functions, folders and routes agree",
		map[string]string{
			"functions/planupload/function.json":   "{}",
			"functions/planupload/p.go":            "",
			"functions/inviteguest/function.json":  "{}",
			"functions/inviteguest/i.go":           "// Package inviteguest.\npackage inviteguest\nimport \"guestlist/pkg/customhandler\"\nvar F = customhandler.Function{Name: \"inviteguest\"}",
			"functions/sweepledger/function.json":  "{}",
			"functions/sweepledger/s.go":           "",
			"functions/deep/er/function.json":      "{}",
			"functions/cmd/handler/main.go":        "package main\nimport (\n\"guestlist/functions/inviteguest\"\n\"guestlist/functions/sweepledger\"\n\"guestlist/pkg/customhandler\"\n)\nvar fs = []customhandler.Timer{{Name: sweepledger.Name}, {Name: \"orphan\"}}",
			"functions/cmd/handler/unrelated.go":   "package main\nvar x = struct{Name string}{Name: \"unrelated\"}",
			"functions/cmd/handler/more_test.go":   "package main\nimport \"guestlist/pkg/customhandler\"\nvar f = customhandler.Function{Name: \"planupload\"}",
			"functions/planupload/testdata/p.json": "{}",
		},
		[]string{
			"functions/deep/er: has no Go package",
			"functions/deep/er: has no route in functions/cmd/handler",
			"functions/deep/er: is not one lower-case word directly below functions/",
			"functions/orphan: has no Go package",
			"functions/orphan: has no function.json",
			"functions/planupload: has no route in functions/cmd/handler",
		},
	},

	"docs that are out of date": {
		"docs name what exists",
		map[string]string{
			"Makefile":                 "test: tools\n\tgo test\nrun:\ndemo-2: run\n",
			"pkg/ledger/ledger.go":     "",
			"docs/a.md":                "`pkg/ledger`, `pkg/ledger/`, `pkg/ledger.Store`, `pkg/*/ledger.go`, `functions/<name>/`, `dist/azure`, `./pkg/...`, `docs/gone.md`, `pkg/*/gone.go`, `host.json`, `ledger`",
			"docs/sub/b.md":            "`make test CSV=x`, `make demo-2`, `make lost`, we make do. [a](../a.md#top) [b](c.md) [c](https://example.com/d)",
			"docs/sub/d.md":            "See ledger.go:17.",
			"README.md":                "They\nmake sure.\n```sh\ngit clone x && cd x\nmake run\n$ make up\n```\n",
			"pkg/ledger/testdata/n.md": "`pkg/gone`",
		},
		[]string{
			"README.md: names the make target up, which does not exist",
			"docs/a.md: names `docs/gone.md`, which does not exist",
			"docs/a.md: names `pkg/*/gone.go`, which does not exist",
			"docs/a.md: names `host.json`, which does not exist",
			"docs/sub/b.md: names the make target lost, which does not exist",
			"docs/sub/b.md: links to c.md, which does not exist",
			"docs/sub/d.md: cites a line number: .go:17",
		},
	},

	"decisions of one number": {
		"decisions have one number each",
		map[string]string{
			"docs/decisions/0003-a.md": "# 3. Words\n",
			"docs/decisions/0003-b.md": "# 3. Other words\n",
			"docs/decisions/0004-c.md": "# 5. Words\n",
		},
		[]string{
			"docs/decisions/0003-b.md: has the number of 0003-a.md",
			"docs/decisions/0004-c.md: needs a name NUMBER-words.md and a title \"# NUMBER. Words\" of the same number",
		},
	},

	"faults without tests": {
		"each fault of the list has its tests",
		map[string]string{
			"docs/reliability.md": "## The fault list\n\n| 1 | kill | `TestFault01Kill` |\n| 2 | lost | `TestFault02Gone` |\n| 3 | again | `TestOther` |\n" +
				rowsOfFaults(4, 23) + "\n## Another\n\n| 24 | deploy | `TestFault01Kill` |\n",
			"pkg/a/a_test.go": "package a\nimport \"testing\"\nfunc TestFault01Kill(*testing.T) {}\nfunc TestOther(*testing.T) {}\nfunc TestFault23More(*testing.T) {}\n" + testsOfFaults(4, 23),
		},
		[]string{
			"docs/reliability.md: fault 2 names TestFault02Gone, which does not exist",
			"docs/reliability.md: fault 3 names no test of its own",
			"docs/reliability.md: has no row for fault 24",
			"docs/reliability.md: leaves out TestFault23More",
		},
	},

	"paths of one machine": {
		"no file knows the machine it comes of",
		map[string]string{
			"docs/a.md":   "see /" + "home/ada/guestlist and file:///" + "Users/ada",
			"infra/b.sh":  "cd /" + "work/main\ncd /home/site/wwwroot\nls results/home/x /homework work/import/rows",
			"infra/c.txt": "https://graph.microsoft.com/users/home and $ROOT/root/x",
		},
		[]string{
			"docs/a.md: names /" + "home/ada, which is there on one machine only",
			"infra/b.sh: names /" + "work/main, which is there on one machine only",
		},
	},
}

// rowsOfFaults are rows of the list, and testsOfFaults the tests that they name.
func rowsOfFaults(from, to int) (rows string) {
	for n := from; n <= to; n++ {
		rows += fmt.Sprintf("| %d | fault | `TestFault%02dX` |\n", n, n)
	}
	return rows
}

func testsOfFaults(from, to int) (code string) {
	for n := from; n <= to; n++ {
		code += fmt.Sprintf("func TestFault%02dX(*testing.T) {}\n", n)
	}
	return code
}
