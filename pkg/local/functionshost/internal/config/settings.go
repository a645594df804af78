// Package config reads the staging folder of a function app as the Functions host reads it: [ReadHost] for host.json,
// [ReadFunctions] for the folders with a function.json, both with the app settings applied.
//
// It promises the host's rules: settings named AzureFunctionsJobHost__… override host.json, %NAME% is replaced, a bad
// function.json is a [Problem] and does not keep the others from running. What the real host supports and this one does
// not (other triggers, output bindings, sessions, batches) is an error, never silently left out.
package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Settings are the app settings. Names are looked up exactly, then without regard to case.
type Settings map[string]string

// Lookup finds a setting. An empty one counts as missing, as in the host's configuration.
func (s Settings) Lookup(name string) (string, bool) {
	if v, ok := s[name]; ok {
		return v, v != ""
	}
	for key, v := range s {
		if strings.EqualFold(key, name) {
			return v, v != ""
		}
	}
	return "", false
}

var placeholder = regexp.MustCompile(`%([^%]*)%`)

// Resolve replaces %NAME% as bindings do: a missing setting is an error.
func (s Settings) Resolve(text string) (string, error) {
	var missing error
	out := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		v, ok := s.Lookup(strings.Trim(match, "%"))
		if !ok {
			missing = fmt.Errorf("%s does not resolve to a setting", match)
		}
		return v
	})
	return out, missing
}

// expand replaces %NAME% as the command line of the handler does: a missing setting is empty.
func (s Settings) expand(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(match string) string {
		v, _ := s.Lookup(strings.Trim(match, "%"))
		return v
	})
}

// Connection finds the setting of a connection by name, and its value. The host looks for AzureWebJobs<name> first.
// A connection by identity (<name>__fullyQualifiedNamespace) is an error of type [UnsupportedError]: it needs Azure.
func (s Settings) Connection(name string) (string, error) {
	for _, key := range []string{"AzureWebJobs" + name, name, "ConnectionStrings:" + name, "ConnectionStrings__" + name} {
		if v, ok := s.Lookup(key); ok {
			return v, nil
		}
	}
	if _, ok := s.Lookup(name + "__fullyQualifiedNamespace"); ok {
		return "", UnsupportedError(fmt.Sprintf(
			"setting %s__fullyQualifiedNamespace asks for an identity, which needs Azure: locally set %s to a connection string",
			name, name))
	}
	return "", fmt.Errorf("connection %s: no such setting", name)
}

// UnsupportedError says what the real host can do and this one cannot.
type UnsupportedError string

func (e UnsupportedError) Error() string { return string(e) }
