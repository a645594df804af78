//go:build !faultbuild

package main

import (
	"go/build"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDeployedHandlerCannotBeToldToDie: the settings of the test build are not read, and what obeys them is not linked.
func TestDeployedHandlerCannotBeToldToDie(t *testing.T) {
	t.Parallel()
	if _, err := newSeams(func(name string) string { t.Errorf("the handler reads %s", name); return "x" }); err != nil {
		t.Error(err)
	}
	const wrappers = "guestlist/pkg/acts"
	if slices.Contains(linked(t), wrappers) {
		t.Errorf("the deployed handler has %s in it", wrappers)
	}
	if !slices.Contains(linked(t, "faultbuild"), wrappers) {
		t.Errorf("the test build has no %s in it: this test looks at the wrong place", wrappers)
	}
}

// linked returns our packages that the handler is built of.
func linked(t *testing.T, tags ...string) (packages []string) {
	t.Helper()
	c := build.Default
	c.BuildTags = tags
	next := []string{"guestlist/functions/cmd/handler"}
	for len(next) > 0 {
		path := next[0]
		next = next[1:]
		dir, ours := strings.CutPrefix(path, "guestlist/")
		if !ours || slices.Contains(packages, path) {
			continue
		}
		packages = append(packages, path)
		p, err := c.ImportDir(filepath.Join("..", "..", "..", dir), 0)
		if err != nil {
			t.Fatal(err)
		}
		next = append(next, p.Imports...)
	}
	return packages
}
