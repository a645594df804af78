package layout_test

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// layer is where a package stands. A layer may import what allowed names, and nothing else of ours.
type layer string

const (
	floor    layer = "floor"    // wire types; the standard library only
	contract layer = "contract" // what steps need from the outside
	step     layer = "step"     // what the system does
	host     layer = "host"     // the protocol between the Functions host and the steps
	adapter  layer = "adapter"  // one service behind one contract
	function layer = "function" // one Azure function
	command  layer = "command"  // one program
	seam     layer = "seam"     // wrappers of contracts for tests and for the test build of a program
	emulator layer = "emulator" // a service on this machine
	helper   layer = "helper"   // *test packages: suites and what tests share
	rules    layer = "rules"    // this package
)

// layers is the table to extend when a package is added below pkg/. A sub-package has the layer of its parent, except
// below a contract, where it is an adapter.
var layers = map[string]layer{
	"pkg/message": floor,
	"pkg/wait":    floor,

	"pkg/blobstore": contract,
	"pkg/bus":       contract,
	"pkg/ledger":    contract,

	"pkg/assign":   step,
	"pkg/breaker":  step,
	"pkg/csvfile":  step,
	"pkg/forecast": step,
	"pkg/invite":   step,
	"pkg/notify":   step,
	"pkg/pace":     step,
	"pkg/plan":     step,
	"pkg/policy":   step,
	"pkg/relay":    step,
	"pkg/replay":   step,
	"pkg/report":   step,
	"pkg/status":   step,
	"pkg/sweep":    step,
	"pkg/window":   step,
	"pkg/work":     step,
	"pkg/doctor":   step,

	"pkg/customhandler": host,
	"pkg/acts":          seam,

	"pkg/graph":           adapter,
	"pkg/notify/smtpmail": adapter,
	"pkg/relay/s3source":  adapter,

	"pkg/local":  emulator,
	"pkg/layout": rules,
}

var allowed = map[layer][]layer{
	floor:    {},
	contract: {floor},
	step:     {floor, contract, step},
	host:     {floor, contract},
	adapter:  {floor, contract},
	function: {floor, contract, step, host},
	command:  {floor, contract, step, host, adapter, function, command, seam},
	emulator: {emulator},
	helper:   {floor, contract, step, host, adapter, emulator, helper, seam},
	seam:     {floor, contract},
	rules:    {},
}

// layerOf returns the layer of a folder with Go files, or "" if nobody has said where it belongs.
func layerOf(dir string) layer {
	switch {
	case strings.HasSuffix(path.Base(dir), "test") && under(dir, "pkg"):
		return helper
	case under(dir, "functions/cmd"):
		return command
	case under(dir, "functions"):
		return function
	}
	for d := dir; d != "."; d = path.Dir(d) {
		if l, ok := layers[d]; ok {
			if l == contract && d != dir {
				return adapter
			}
			return l
		}
	}
	return ""
}

// downwards checks every import of ours that is not made by a test.
func downwards(t *tree) (p problems) {
	for _, dir := range slices.Sorted(maps.Keys(t.dirs)) {
		from := layerOf(dir)
		if from == "" {
			p.add(dir, "belongs to no layer; put it into the table of pkg/layout")
			continue
		}
		for _, s := range t.code(dir) {
			for _, imported := range s.imports {
				to, ok := ours(imported)
				if ok && !mayImport(dir, to) {
					p.add(s.name, "the %s layer must not import %s (%s)", from, to, layerOf(to))
				}
			}
		}
	}
	return p
}

func mayImport(dir, to string) bool {
	from, target := layerOf(dir), layerOf(to)
	switch {
	case target == command: // a command's own parts, and the wiring that commands share
		return path.Dir(to) != "functions/cmd" && (under(to, commandOf(dir)) || from == command && under(to, "functions/cmd/internal"))
	case target == emulator:
		return from == emulator || from == helper || under(dir, "functions/cmd/devstack")
	case from == adapter && target == adapter: // an adapter's own parts
		return under(to, dir) || under(dir, path.Dir(to)) && layers[path.Dir(to)] == adapter
	case from == helper && under(dir, "pkg/local"):
		return under(to, "pkg/local")
	}
	return slices.Contains(allowed[from], target)
}

// commandOf returns functions/cmd/x for every folder below it.
func commandOf(dir string) string {
	parts := strings.Split(dir, "/")
	return strings.Join(parts[:min(3, len(parts))], "/")
}
