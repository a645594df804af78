package policy

import "strings"

const prefix = "inbox-"

// SourceOf returns the source whose files lie in a container; false if the container is no inbox.
func SourceOf(container string) (source string, ok bool) {
	source, ok = strings.CutPrefix(container, prefix)
	if !ok || !ValidSource(source) {
		return "", false
	}
	return source, true
}

// Container returns the name of a source's inbox.
func Container(source string) string { return prefix + source }

// File returns the path of a source's policy in container "config".
func File(source string) string { return "sources/" + source + ".json" }

// ValidSource reports whether inbox-<name> can be the name of a blob container: lower-case letters, digits and single
// hyphens, none at the end, at most 63 characters with the prefix.
func ValidSource(name string) bool {
	if name == "" || len(prefix)+len(name) > 63 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return false
	}
	return !strings.HasPrefix(name, "-") && !strings.HasSuffix(name, "-") && !strings.Contains(name, "--")
}
