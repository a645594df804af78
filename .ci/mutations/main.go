// Command mutations breaks Guestlist on purpose, one promise at a time, and shows that a test notices. The list of defects
// is list.txt beside this file: each names a change of one source file and the test that must fail with it.
//
// The tree is never touched: go test reads the changed file from an overlay. A defect that no test notices, that no longer
// applies to its file or does not compile ends the program with 1.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

const (
	listFile = ".ci/mutations/list.txt"
	docFile  = "docs/reliability.md"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// options are what the command line says.
type options struct {
	root     string
	pkg      string // of the tests that are tried instead of the named ones; may be empty
	pattern  string // of those tests
	only     *regexp.Regexp
	parallel int
	timeout  time.Duration
	list     bool
	markdown bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("mutations", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.root, "C", ".", "the module's `directory`")
	only := flags.String("run", "", "only mutations whose name matches this `regexp`")
	flags.IntVar(&o.parallel, "parallel", min(2, runtime.GOMAXPROCS(0)), "how many to try at the same time")
	flags.DurationVar(&o.timeout, "timeout", 3*time.Minute, "how long one test may take before it counts as failed")
	by := flags.String("by", "", "which `tests` to try instead of the named ones: a package and a pattern, in one argument")
	flags.BoolVar(&o.list, "list", false, "print the names and end")
	flags.BoolVar(&o.markdown, "markdown", false, "write the table into "+docFile+" and end")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("mutations takes no arguments, only flags; got %q", flags.Arg(0))
	}
	o.pkg, o.pattern, _ = strings.Cut(*by, " ")
	if *by != "" && o.pattern == "" {
		return o, fmt.Errorf("-by takes a package and a pattern, for example -by './pkg/plan Test'; got %q", *by)
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-run: %w", err)
	}
	if o.root, err = filepath.Abs(o.root); err != nil {
		return o, err
	}
	return o, nil
}

// run returns 0 if every mutation was caught, 1 if one was not, 2 if the command line is wrong.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "mutations:", err)
		return 2
	}
	all, err := readList(filepath.Join(o.root, listFile))
	if err != nil {
		fmt.Fprintln(stderr, "mutations:", err)
		return 1
	}
	if o.markdown {
		if err := writeTable(filepath.Join(o.root, docFile), table(all)); err != nil {
			fmt.Fprintln(stderr, "mutations:", err)
			return 1
		}
		return 0
	}
	var chosen []mutation
	for _, m := range all {
		if o.only.MatchString(m.Name) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		fmt.Fprintf(stderr, "mutations: none of %d matches -run %q\n", len(all), o.only)
		return 2
	}
	if o.list {
		for _, m := range chosen {
			fmt.Fprintf(stdout, "%s\t%s\n", m.Name, m.Sentence)
		}
		return 0
	}
	return try(ctx, o, chosen, getenv, stdout, stderr)
}
