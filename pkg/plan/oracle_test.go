package plan_test

import (
	"fmt"
	"slices"
	"strings"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/status"
)

// people returns a file with the guests of one version, told apart by the first letter.
func people(version string, n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "%s%d@partner.example,Guest %d,,,,%s,,\n", version, i, i, groupA)
	}
	return b.String()
}

// outcome describes every import: its state, and which versions its guests are of, or its code. It fails the test where an
// import that did not run has guests or messages, where a version is not whole, or where status does not explain itself.
func (w *world) outcome() []string {
	w.t.Helper()
	var all []string
	invited := map[string]int{}
	ids := map[string]bool{}
	for _, m := range w.sent {
		if m.Kind == message.Invite && !ids[m.ID()] {
			ids[m.ID()] = true
			invited[m.Import]++
		}
	}
	list := w.imports()
	for _, i := range list {
		versions := w.versions(i)
		if i.State != ledger.Running {
			w.explained(i, list)
			if versions != "" || invited[i.ID] > 0 {
				w.t.Errorf("import %s is %s, has guests of %q and %d invitations", i.ID, i.State, versions, invited[i.ID])
			}
			versions = i.Code
		} else if invited[i.ID] != i.GuestsPlanned {
			w.t.Errorf("import %s: %d invitations for %d guests", i.ID, invited[i.ID], i.GuestsPlanned)
		}
		all = append(all, string(i.State)+" "+versions)
	}
	slices.Sort(all)
	return all
}

// versions lists the versions that the guests of an import are of; more than one is a mixture.
func (w *world) versions(i ledger.Import) string {
	w.t.Helper()
	count := map[string]int{}
	for part := range ledger.Parts {
		for e, err := range w.ledger.ListEntries(w.t.Context(), i.ID, part, "") {
			w.must(err)
			count[e.Address[:1]]++
		}
	}
	var names []string
	for v, n := range count {
		if n != sizes[v] {
			w.t.Errorf("import %s has %d of the %d guests of version %s", i.ID, n, sizes[v], v)
		}
		names = append(names, v)
	}
	slices.Sort(names)
	if len(names) > 1 {
		w.t.Errorf("import %s is a mixture of %v", i.ID, names)
	}
	return strings.Join(names, "")
}

// sizes is how many guests each version has.
var sizes = map[string]int{"a": 50, "b": 4, "c": 7}

// version returns the content of a version.
func version(name string) string { return people(name, sizes[name]) }

// explained fails the test unless what a person sees of an import that did not run says what happened. One that was
// changed names an import that is there.
func (w *world) explained(i ledger.Import, all []ledger.Import) {
	w.t.Helper()
	v, err := status.Find(w.t.Context(), w.ledger, i.ID)
	w.must(err)
	want := map[string]string{"file.changed": "is the newer version", "file.deleted": "dropped again", "file.empty": "the file is empty"}[i.Code]
	if want == "" || !strings.Contains(v.Text, want) {
		w.t.Errorf("import %s, %s: %s", i.ID, i.Code, v.Text)
	}
	named := func(o ledger.Import) bool { return o.ID != i.ID && strings.Contains(v.Text, o.ID) }
	if i.Code == "file.changed" && !slices.ContainsFunc(all, named) {
		w.t.Errorf("import %s names no import that is there: %s", i.ID, v.Text)
	}
}

// settled delivers messages and all that they lead to.
func (w *world) settled(msgs ...message.Message) {
	w.t.Helper()
	for _, m := range msgs {
		w.must(w.deliver(m))
	}
}

// until works on messages until the only import has a state.
func (w *world) until(state ledger.ImportState, m message.Message) {
	w.t.Helper()
	w.queue = append(w.queue, m)
	for n := 0; ; n++ {
		if all := w.imports(); len(all) == 1 && all[0].State == state {
			return
		}
		if len(w.queue) == 0 || n > 50 {
			w.t.Fatalf("no import becomes %s: %+v", state, w.imports())
		}
		next := w.queue[0]
		w.queue = w.queue[1:]
		w.must(w.one(next))
	}
}

// rest works on what is queued.
func (w *world) rest() {
	w.t.Helper()
	if len(w.queue) > 0 {
		first := w.queue[0]
		w.queue = w.queue[1:]
		w.settled(first)
	}
}
