package protocoltest_test

import (
	"fmt"
	"slices"
	"strings"
)

// found is what a search has seen.
type found struct {
	states []state
	number map[state]int32
	parent []int32
	via    []action
	edges  [][2]int32 // without those of faults
	broken string     // the promise that the last state breaks
}

// search goes breadth first from a state until a promise is broken or all is seen. until, where given, ends it early.
func (r rules) search(from state, until func(state, action, state) bool) *found {
	f := &found{number: map[state]int32{r.key(from): 0}, states: []state{from}, parent: []int32{-1}, via: []action{{}}}
	for at := 0; at < len(f.states); at++ {
		stop := false
		s := f.states[at]
		r.next(s, func(a action, n state) {
			if stop {
				return
			}
			stop = f.add(r, int32(at), a, n, until != nil && until(s, a, n))
		})
		if stop {
			return f
		}
	}
	f.stuck()
	return f
}

// add notes one step; true ends the search, with the step's end as the last state.
func (f *found) add(r rules, from int32, a action, n state, goal bool) bool {
	key := r.key(n)
	at, seen := f.number[key]
	if !seen || goal {
		at = int32(len(f.states))
		f.number[key] = at
		f.states, f.parent, f.via = append(f.states, n), append(f.parent, from), append(f.via, a)
	}
	if !a.Faulty {
		f.edges = append(f.edges, [2]int32{from, at})
	}
	if seen || goal {
		return goal
	}
	f.broken = r.breaks(n)
	return f.broken != ""
}

// stuck looks for a state from which no path without further faults comes to an end. In a finite graph, where every step
// that stays possible is taken some day, all paths come to an end if from every state one does.
func (f *found) stuck() {
	back := make([][]int32, len(f.states))
	for _, e := range f.edges {
		back[e[1]] = append(back[e[1]], e[0])
	}
	ends := make([]bool, len(f.states))
	var queue []int32
	for i, s := range f.states {
		if s.over() {
			ends[i] = true
			queue = append(queue, int32(i))
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, from := range back[queue[0]] {
			if !ends[from] {
				ends[from] = true
				queue = append(queue, from)
			}
		}
	}
	if i := slices.Index(ends, false); i >= 0 {
		f.broken = "every fair path comes to an end"
		f.states, f.parent, f.via = append(f.states, f.states[i]), append(f.parent, f.parent[i]), append(f.via, f.via[i])
	}
}

// trace is a shortest way to the last state.
func (f *found) trace() (steps []action) {
	for at := int32(len(f.states) - 1); at > 0; at = f.parent[at] {
		steps = append(steps, f.via[at])
	}
	slices.Reverse(steps)
	return steps
}

func (f *found) last() state { return f.states[len(f.states)-1] }

func written(steps []action) string {
	var b strings.Builder
	for i, a := range steps {
		fmt.Fprintf(&b, "%3d  %s\n", i+1, a)
	}
	return b.String()
}
