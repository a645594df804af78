package ncrontab

import (
	"fmt"
	"strconv"
	"strings"
)

// parse reads a list such as "1-10/2,30" into a set of bits.
func (f field) parse(text string) (uint64, error) {
	var set uint64
	for item := range strings.SplitSeq(text, ",") {
		bits, err := f.item(item)
		if err != nil {
			return 0, fmt.Errorf("%s %q: %w", f.name, text, err)
		}
		set |= bits
	}
	return set, nil
}

// item reads "*", "7", "1-5", each with an optional step. A single value with a step runs from there to the end.
func (f field) item(text string) (uint64, error) {
	base, step, stepped := strings.Cut(text, "/")
	every := 1
	if stepped {
		n, err := strconv.Atoi(step)
		if err != nil || n < 1 {
			return 0, fmt.Errorf("step %q is no positive number", step)
		}
		every = n
	}
	from, to, err := f.span(base, stepped)
	if err != nil {
		return 0, err
	}
	var set uint64
	for v := from; v <= to; v += every {
		set |= 1 << v
	}
	return set, nil
}

func (f field) span(base string, stepped bool) (from, to int, err error) {
	if base == "*" {
		return f.min, f.max, nil
	}
	first, second, ranged := strings.Cut(base, "-")
	if from, err = f.value(first); err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		to, err = f.value(second)
	case stepped:
		to = f.max
	default:
		to = from
	}
	if err == nil && from > to { // the dialect lets a range be written from either end
		from, to = to, from
	}
	return from, to, err
}

// value reads a number or a name. A name may be cut short as long as it names one value.
func (f field) value(text string) (int, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n < f.min || n > f.max {
			return 0, fmt.Errorf("%d is not between %d and %d", n, f.min, f.max)
		}
		return n, nil
	}
	found := -1
	for i, name := range f.names {
		if len(text) >= 3 && strings.HasPrefix(name, strings.ToLower(text)) {
			found = f.min + i
		}
	}
	if found < 0 {
		return 0, fmt.Errorf("%q is neither a number nor a name", text)
	}
	return found, nil
}
