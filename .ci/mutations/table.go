package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const tableHead = "| broken on purpose | in | caught by |\n|---|---|---|\n"

// table returns the list as a table of Markdown.
func table(all []mutation) string {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, m := range all {
		where, by := filepath.Dir(m.File), "`"+m.Test+"`"
		if pkg := strings.TrimPrefix(m.Package, "./"); pkg != where {
			by += " in `" + pkg + "`"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", m.Sentence, where, by)
	}
	return b.String()
}

// writeTable puts the table in place of the one that the document has.
func writeTable(path, table string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(raw), tableHead)
	if !ok {
		return fmt.Errorf("%s has no table that begins with %q", path, strings.SplitN(tableHead, "\n", 2)[0])
	}
	for strings.HasPrefix(rest, "|") {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	return os.WriteFile(path, []byte(before+table+rest), 0o644)
}
