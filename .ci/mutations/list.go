package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// mutation is one defect made on purpose.
type mutation struct {
	Name     string
	Sentence string // what is broken, for people
	File     string // relative to the module
	Old, New string // Old begins where a line does and is found exactly once
	Package  string // of the test, relative to the module
	Test     string // as go test -v names it: TestName or TestName/subtest
}

const (
	headMark = "== "
	oldMark  = "-- old"
	newMark  = "-- new"
)

func readList(path string) ([]mutation, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all, err := parseList(string(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return all, nil
}

// parseList reads the list; its first lines explain the form. Text before the first mutation is a comment.
func parseList(text string) ([]mutation, error) {
	var all []mutation
	seen := map[string]bool{}
	for n, block := range strings.Split("\n"+text, "\n"+headMark) {
		if n == 0 {
			continue
		}
		m, err := parseOne(block)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		if seen[m.Name] {
			return nil, fmt.Errorf("%s is there twice", m.Name)
		}
		seen[m.Name] = true
		all = append(all, m)
	}
	return all, nil
}

func parseOne(block string) (mutation, error) {
	name, rest, _ := strings.Cut(block, "\n")
	m := mutation{Name: strings.TrimSpace(name)}
	head, body, ok := strings.Cut(rest, oldMark+"\n")
	if !ok {
		return m, fmt.Errorf("no line %q", oldMark)
	}
	if m.Old, m.New, ok = strings.Cut(body, newMark+"\n"); !ok {
		return m, fmt.Errorf("no line %q", newMark)
	}
	m.Old, m.New = strings.TrimRight(m.Old, "\n"), strings.TrimRight(m.New, "\n")
	var sentence []string
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "file: "); ok {
			m.File = v
		} else if v, ok := strings.CutPrefix(line, "test: "); ok {
			m.Package, m.Test, _ = strings.Cut(v, " ")
		} else if line != "" {
			sentence = append(sentence, line)
		}
	}
	m.Sentence = strings.Join(sentence, " ")
	return m, m.check()
}

// check refuses what cannot be tried.
func (m mutation) check() error {
	switch {
	case m.Name == "" || strings.ContainsAny(m.Name, " |\t"):
		return fmt.Errorf("the name %q is no single word", m.Name)
	case m.Sentence == "" || strings.Contains(m.Sentence, "|"):
		return fmt.Errorf("it takes a sentence without the sign |")
	case m.File == "" || strings.HasSuffix(m.File, "_test.go"):
		return fmt.Errorf("no source file")
	case m.Package == "" || m.Test == "":
		return fmt.Errorf("no test")
	case strings.TrimSpace(m.Old) == "" || m.Old == m.New:
		return fmt.Errorf("it changes nothing")
	}
	return nil
}

// apply returns the file with the defect.
func (m mutation) apply(root string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return nil, err
	}
	text := "\n" + string(raw) // so that old text begins where a line does
	if n := strings.Count(text, "\n"+m.Old); n != 1 {
		return nil, fmt.Errorf("the old text is %d times in %s, not once", n, m.File)
	}
	return []byte(strings.Replace(text, "\n"+m.Old, "\n"+m.New, 1)[1:]), nil
}

// pattern returns the pattern for go test -run that finds the test and no other.
func (m mutation) pattern() string {
	parts := strings.Split(m.Test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}
