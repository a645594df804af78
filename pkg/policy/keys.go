package policy

import (
	"bytes"
	"encoding/json"
	"strings"
)

// twice returns a key that stands more than once in one object of valid JSON; empty if there is none. Package
// encoding/json would silently take the last, and takes keys in any letter case, so "Groups" beside "groups" counts.
func twice(raw []byte) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	var open []map[string]bool // the keys seen, for each level; nil in a list
	key := false               // the next string at this level is a key
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		switch v := t.(type) {
		case json.Delim:
			switch v {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			key = inObject(open)
			continue
		case string:
			if key {
				name := strings.ToLower(v)
				if open[len(open)-1][name] {
					return v
				}
				open[len(open)-1][name] = true
				key = false
				continue
			}
		}
		key = inObject(open)
	}
}

func inObject(open []map[string]bool) bool { return len(open) > 0 && open[len(open)-1] != nil }
