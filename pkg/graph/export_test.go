package graph

import "slices"

// Rules is how many rows the table has.
func Rules() int { return len(table) }

// Advice returns, for every reason of the table, what it tells a person to do.
func Advice() map[string][]string {
	all := map[string][]string{}
	for _, r := range table {
		if r.reason != "" {
			all[r.reason] = append(all[r.reason], r.advice)
		}
	}
	return all
}

// Row is the index of the row that classifies e, or -1.
func Row(e *Error) int {
	return slices.IndexFunc(table, func(r rule) bool { return r.matches(e) })
}
