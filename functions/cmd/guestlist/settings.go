package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"guestlist/pkg/message"
)

// settings returns the look-up of settings: those of the file come before those of the environment.
func settings(file string, getenv func(string) string) (func(string) string, error) {
	if file == "" {
		return getenv, nil
	}
	values, err := readSettings(file)
	if err != nil {
		return nil, err
	}
	return func(name string) string {
		if v, ok := values[name]; ok {
			return v
		}
		return getenv(name)
	}, nil
}

// readSettings reads lines of NAME=value. Empty lines and those that begin with # are left out, "export" before a name
// and quotes around a value are allowed.
func readSettings(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = p.Err
		}
		return nil, &message.Failure{Code: "settings.unreadable", Text: fmt.Sprintf("The settings in %s cannot be read: %v.", path, err)}
	}
	defer f.Close()
	values := map[string]string{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\uFEFF"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			return nil, &message.Failure{Code: "settings.invalid", Text: fmt.Sprintf("Line %d of %s is no setting: write NAME=value.", n, path)}
		}
		values[strings.TrimSpace(name)] = unquote(strings.TrimSpace(value))
	}
	if err := lines.Err(); err != nil {
		return nil, &message.Failure{Code: "settings.unreadable", Text: fmt.Sprintf("The settings in %s cannot be read: %v.", path, err)}
	}
	return values, nil
}

func unquote(v string) string {
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		return v[1 : len(v)-1]
	}
	return v
}
