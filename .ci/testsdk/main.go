// Command testsdk runs the live tests that come inside the azservicebus module, unmodified, against the emulator of
// pkg/local/servicebus. Those tests are what Microsoft runs against the service, so they are the best description of it
// that there is without an account.
//
//	testsdk [-run REGEXP] [-v]
//
// listed.txt names the tests that must fail, each with a reason. Any other that fails, a listed one that passes, and one
// that does not run are errors. It prints the listed tests and at last "N passed, N failed", and exits 1 if any failed.
//
// The tests need ports 443 and 5671, since the client takes no other port together with a certificate that it checks. Who
// may not listen there is told so, and that is no failure: not every machine lets a developer do it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// patience is for a machine that does much else; alone it takes a minute or two.
const patience = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == injectorCommand { // as the SDK's tests start it
		return fail(stderr, injector(ctx, args[1:]))
	}
	fs := flag.NewFlagSet("testsdk", flag.ContinueOnError)
	fs.SetOutput(stderr)
	only := fs.String("run", "", "run the tests that match `REGEXP` only")
	verbose := fs.Bool("v", false, "show what failing tests say even where their failure is expected")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	filter, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(stderr, "testsdk: -run:", err)
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := testSDK(ctx, filter, getenv, stdout)
	if errors.Is(err, errNotAllowed) {
		fmt.Fprintf(stdout, "The SDK's live tests were not run: %v. Run them as root on Linux, or in CI.\n", err)
		return 0
	}
	if err != nil {
		return fail(stderr, err)
	}
	return v.report(stdout, *verbose)
}

func fail(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "testsdk:", err)
	return 1
}

// testSDK starts the emulator, builds the tests, runs those that are live and match, and returns what came of them.
func testSDK(ctx context.Context, filter *regexp.Regexp, getenv func(string) string, stdout io.Writer) (*verdict, error) {
	listed, err := parseList(listedText)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "testsdk")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	n, err := startNamespace(dir)
	if err != nil {
		return nil, err
	}
	defer n.close()
	env, err := n.environment(getenv)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	fmt.Fprintln(stdout, "building the tests of", sdk)
	packages, err := build(ctx, dir, stdout)
	if err != nil {
		return nil, err
	}
	v := newVerdict(listed)
	if err := v.expect(ctx, packages, filter); err != nil {
		return nil, err
	}
	fmt.Fprintf(stdout, "running %d live tests against %s, %s after the start\n", len(v.results), n.host, time.Since(start).Round(time.Second))
	runAll(ctx, packages, env, v)
	return v, nil
}
