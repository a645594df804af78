// Command cloudformation checks a CloudFormation template without AWS. Each resource is compared with the schema of its
// type as goformation ships it: its properties, their types, what is required. References are followed: every Ref, GetAtt,
// Sub, If, Condition and DependsOn must name something that the template has, and every parameter must be used. It does not
// know which values AWS accepts, nor what IAM makes of a policy.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: cloudformation TEMPLATE")
		return 2
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		fmt.Fprintln(stderr, "cloudformation:", err)
		return 1
	}
	problems, resources := check(text)
	for _, p := range problems {
		fmt.Fprintf(stderr, "%s: %s\n", args[0], p)
	}
	if len(problems) > 0 {
		return 1
	}
	fmt.Fprintf(stdout, "%s: %d resources are as their schemas ask\n", args[0], resources)
	return 0
}

// check returns what is wrong with a template, and how many resources it has.
func check(text []byte) (problems []string, resources int) {
	t, err := parse(text)
	if err != nil {
		return []string{err.Error()}, 0
	}
	r := &resolver{template: t, used: map[string]bool{}}
	found := map[string]any{}
	for name, resource := range t.section("Resources") {
		found[name] = r.resolve("Resources/"+name, resource)
	}
	for _, section := range []string{"Outputs", "Conditions"} {
		r.resolve(section, t[section])
	}
	problems = append(r.problems, r.unused()...)
	problems = append(problems, conform(found)...)
	slices.Sort(problems)
	return slices.Compact(problems), len(found)
}
