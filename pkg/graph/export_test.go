package graph

import "slices"

// Rules is how many rows the table has.
func Rules() int { return len(table) }

// Row is the index of the row that classifies e, or -1.
func Row(e *Error) int {
	return slices.IndexFunc(table, func(r rule) bool { return r.matches(e) })
}
