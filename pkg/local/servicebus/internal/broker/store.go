package broker

import (
	"container/heap"
	"slices"
)

// log holds a queue's entries by sequence number, which is also the order of peeking.
type log struct {
	all  []*entry
	gone int
}

func (l *log) find(sequence int64) (int, bool) {
	return slices.BinarySearchFunc(l.all, sequence, func(e *entry, s int64) int {
		switch {
		case e.Sequence < s:
			return -1
		case e.Sequence > s:
			return 1
		}
		return 0
	})
}

// add inserts an entry, nearly always at the end; only dead letters come out of order.
func (l *log) add(e *entry) {
	i, taken := l.find(e.Sequence)
	if taken { // a removed entry of that number: its place is free
		l.all[i] = e
		l.gone--
		return
	}
	l.all = slices.Insert(l.all, i, e)
}

func (l *log) get(sequence int64) *entry {
	if i, ok := l.find(sequence); ok && !l.all[i].gone {
		return l.all[i]
	}
	return nil
}

// remove marks an entry and drops the marked ones once they are the greater half, so that removing costs little and the
// log stays within twice the live messages.
func (l *log) remove(e *entry) {
	if e.gone {
		return
	}
	e.gone = true
	e.Content = nil
	if l.gone++; l.gone > 32 && l.gone > len(l.all)/2 {
		l.all = slices.Clip(slices.DeleteFunc(l.all, func(e *entry) bool { return e.gone }))
		l.gone = 0
	}
}

// order says how a heap sorts, and where an entry keeps its index in that heap.
type order interface {
	less(a, b *entry) bool
	index(e *entry) *int
}

type readyOrder struct{}

func (readyOrder) less(a, b *entry) bool { return a.Sequence < b.Sequence }
func (readyOrder) index(e *entry) *int   { return &e.readyAt }

type dueOrder struct{}

func (dueOrder) less(a, b *entry) bool { return a.due.Before(b.due) }
func (dueOrder) index(e *entry) *int   { return &e.timerAt }

// heapOf is a heap of entries that know their index, so that any of them can be removed.
type heapOf[O order] struct {
	all []*entry
	by  O
}

func (h *heapOf[O]) push(e *entry) { heap.Push((*heapItems[O])(h), e) }
func (h *heapOf[O]) fix(i int)     { heap.Fix((*heapItems[O])(h), i) }
func (h *heapOf[O]) remove(i int)  { heap.Remove((*heapItems[O])(h), i) }

// heapItems is heapOf with the methods that package heap wants.
type heapItems[O order] heapOf[O]

func (h *heapItems[O]) Len() int           { return len(h.all) }
func (h *heapItems[O]) Less(i, j int) bool { return h.by.less(h.all[i], h.all[j]) }

func (h *heapItems[O]) Swap(i, j int) {
	h.all[i], h.all[j] = h.all[j], h.all[i]
	*h.by.index(h.all[i]), *h.by.index(h.all[j]) = i, j
}

func (h *heapItems[O]) Push(x any) {
	e := x.(*entry)
	*h.by.index(e) = len(h.all)
	h.all = append(h.all, e)
}

func (h *heapItems[O]) Pop() any {
	last := len(h.all) - 1
	e := h.all[last]
	h.all[last] = nil
	h.all = h.all[:last]
	*h.by.index(e) = -1
	return e
}
