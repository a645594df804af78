package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"guestlist/.ci/internal/testevent"
)

const sdk = "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

// sdkPackages are those with live tests, by the end of their path.
var sdkPackages = []string{"", "/admin", "/internal"}

// testPackage is a package of the SDK, its tests built.
type testPackage struct {
	name   string // azservicebus, admin or internal
	dir    string // in the module cache: tests read files from there
	binary string
}

// build builds the tests in a module of its own, so that what only they need does not get into ours. That module starts
// with the versions that ours has: it is the SDK as we link it that is tested.
func build(ctx context.Context, dir string, out io.Writer) ([]testPackage, error) {
	module := filepath.Join(dir, "module")
	if err := os.Mkdir(module, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("testsdk runs in the folder of go.mod: %w", err)
		}
		if err := os.WriteFile(filepath.Join(module, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	var paths []string
	for _, p := range sdkPackages {
		paths = append(paths, sdk+p)
	}
	if _, err := goTool(ctx, module, out, append([]string{"test", "-mod=mod", "-c", "-o", dir + "/"}, paths...)...); err != nil {
		return nil, err
	}
	dirs, err := goTool(ctx, module, out, append([]string{"list", "-mod=mod", "-f", "{{.Dir}}"}, paths...)...)
	if err != nil {
		return nil, err
	}
	var packages []testPackage
	for i, d := range strings.Fields(dirs) {
		name := filepath.Base(paths[i])
		packages = append(packages, testPackage{name: name, dir: d, binary: filepath.Join(dir, name+".test")})
	}
	return packages, nil
}

func goTool(ctx context.Context, dir string, stderr io.Writer, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = dir, stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	return string(out), nil
}

// run runs the tests that match a pattern and hands over what happens. Its error is no verdict: a failing test is one.
func (p testPackage) run(ctx context.Context, env []string, pattern string, add func(testevent.Event)) error {
	cmd := exec.CommandContext(ctx, p.binary, "-test.v=test2json", "-test.timeout=5m", "-test.run="+pattern)
	cmd.Dir, cmd.Env = p.dir, env
	convert := exec.CommandContext(ctx, "go", "tool", "test2json", "-t")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	convert.Stdin = pipe
	events, err := convert.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := convert.Start(); err != nil {
		return err
	}
	testevent.Read(events, io.Discard, add)
	if err := convert.Wait(); err != nil {
		return fmt.Errorf("go tool test2json: %w", err)
	}
	_ = cmd.Wait() // the exit code repeats the verdicts
	return ctx.Err()
}
