package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
	"guestlist/pkg/report"
)

// ended waits until every import has its results and no queue holds a message.
func (w *trial) ended(most time.Duration) {
	w.t.Helper()
	w.until(most, "the end", func() bool {
		for _, q := range message.Queues {
			if d := w.bus.Depth(q); d.Active+d.Scheduled > 0 {
				return false
			}
		}
		n := 0
		for i, err := range w.ledger.ListImports(w.t.Context(), false) {
			w.must(err)
			if i.Open() {
				return false
			}
			n++
		}
		return n > 0
	})
}

// result is one row of a result file.
type result struct{ outcome, reason string }

// promised is the oracle: it waits for the end, and then every row has ended exactly once, as done or as a failure with
// its reason and one dead letter; nothing is lost; nobody has two accounts or two mails; and what the directory holds is what
// the results say. want has a reason code for each address, "" for access; who is invited from none of the imports is not in it.
func (w *trial) promised(most time.Duration, want map[string]string) {
	w.t.Helper()
	w.ended(most)
	rows := w.results()
	letters := w.letters()
	var granted []string
	for address, code := range want {
		all := rows[address]
		if len(all) == 0 {
			w.t.Errorf("%s has no row in any result", address)
		}
		failed := false
		for _, r := range all {
			well := slices.Contains([]string{"done", "already", "repaired"}, r.outcome)
			if well != (code == "") || code != "" && !strings.Contains(r.reason, code+":") {
				w.t.Errorf("%s: %s, %q; want %q", address, r.outcome, r.reason, code)
			}
			failed = failed || r.outcome == "failed" || r.outcome == "partial" && letters[address] != ""
		}
		if got := letters[address]; failed && got != code || !failed && got != "" {
			w.t.Errorf("%s: dead letter %q, want %q", address, got, code)
		}
		delete(rows, address)
		delete(letters, address)
		if code == "" {
			granted = append(granted, address)
		}
	}
	if len(rows) > 0 || len(letters) > 0 {
		w.t.Errorf("rows of others: %v; dead letters of others: %v", rows, letters)
	}
	w.granted(granted)
	w.mailed(want)
	if w.t.Failed() {
		w.t.Log(w.describe())
	}
}

// results reads what the result files of all imports say of each address. Each file must have all rows of its upload.
func (w *trial) results() map[string][]result {
	w.t.Helper()
	all := map[string][]result{}
	for i, err := range w.ledger.ListImports(w.t.Context(), false) {
		w.must(err)
		t, err := w.ledger.Tally(w.t.Context(), i.ID)
		w.must(err)
		if t.Open != 0 || i.Results == "" {
			w.t.Errorf("import of %s: %+v, %+v", i.Path, i, t)
			continue
		}
		sum, n := w.summary(i.ID), 0
		for _, count := range sum.Outcomes {
			n += count
		}
		if n != sum.Rows || sum.Revision != i.Revision {
			w.t.Errorf("%s: %d rows, outcomes %v, revision %d of %d", i.Path, sum.Rows, sum.Outcomes, sum.Revision, i.Revision)
		}
		if sum.Result == "" {
			continue
		}
		table := w.table(sum.Result)
		if len(table) != sum.Rows+1 {
			w.t.Errorf("%s: %d lines of results for %d rows", i.Path, len(table)-1, sum.Rows)
		}
		email := slices.IndexFunc(table[0], func(h string) bool { return strings.Contains(strings.ToLower(h), "email") })
		for _, r := range table[1:] {
			address := strings.ToLower(strings.TrimSpace(r[max(0, email)]))
			all[address] = append(all[address], result{r[len(r)-3], r[len(r)-2]})
		}
	}
	return all
}

// summary reads the summary of an import's results.
func (w *trial) summary(id string) (sum report.Summary) {
	w.t.Helper()
	w.must(json.Unmarshal([]byte(w.read(report.Container, w.state(id).Results)), &sum))
	return sum
}

// table reads a result file.
func (w *trial) table(path string) [][]string {
	w.t.Helper()
	table, err := csv.NewReader(strings.NewReader(w.read(report.Container, path))).ReadAll()
	w.must(err)
	return table
}

// letters returns the reason of each guest's dead letters. Each step that failed has one, or one for each copy of its message
// that came (redelivery dead-letters again), and nobody else has any.
func (w *trial) letters() map[string]string {
	w.t.Helper()
	r := &replay.Replay{Ledger: w.ledger, DeadLetters: w.bus}
	list, err := r.List(w.t.Context(), "")
	w.must(err)
	all, dead := map[string]string{}, 0
	for _, q := range message.Queues {
		dead += w.bus.Depth(q).DeadLettered
	}
	if dead != len(list) {
		w.t.Errorf("%d dead letters, %d of them of steps that failed", dead, len(list))
	}
	for _, l := range list {
		key := strings.ToLower(l.Address)
		if key == "" {
			key = l.Reason
		}
		if all[key] != "" && all[key] != l.Reason {
			w.t.Errorf("%s has the dead letters %s and %s", key, all[key], l.Reason)
		}
		all[key] = l.Reason
	}
	return all
}

// granted compares group and application with those who should have access, and looks for second accounts.
func (w *trial) granted(addresses []string) {
	w.t.Helper()
	state, stats := w.entra.State(), w.entra.Stats()
	if len(stats.DuplicateUsers) > 0 {
		w.t.Errorf("two accounts: %v", stats.DuplicateUsers)
	}
	seeded := map[string]bool{}
	for _, u := range w.setup.entra.Seed.Users {
		seeded[strings.ToLower(u.Mail)] = true
	}
	address := map[string]string{}
	for _, u := range state.Users {
		address[u.ID] = strings.ToLower(u.Mail)
	}
	slices.Sort(addresses)
	check := func(what string, ids []string) {
		var got []string
		for _, id := range ids {
			got = append(got, address[id])
		}
		if slices.Sort(got); !slices.Equal(got, addresses) {
			w.t.Errorf("%s: %d have it, want %d: missing %v, too many %v", what, len(got), len(addresses), without(addresses, got), without(got, addresses))
		}
	}
	for _, g := range state.Groups {
		if g.ID == partners {
			check("the group", g.Members)
		}
	}
	var ids []string
	for _, a := range state.Applications {
		for _, grant := range a.Assignments {
			if a.AppID != wiki {
				w.t.Errorf("%s got %s", address[grant.PrincipalID], a.DisplayName)
			}
			ids = append(ids, grant.PrincipalID)
		}
	}
	check("the application", ids)
	for _, u := range state.Users {
		if mail := strings.ToLower(u.Mail); !seeded[mail] && !slices.Contains(addresses, mail) {
			w.t.Errorf("an account was made for %s", mail)
		}
	}
}

// mailed checks that every new guest got one mail, from whom the mode says, and nobody else any.
func (w *trial) mailed(want map[string]string) {
	w.t.Helper()
	mails := maps.Clone(w.entra.State().Mails)
	w.post.mu.Lock()
	defer w.post.mu.Unlock()
	for _, u := range w.entra.State().Users {
		address := strings.ToLower(u.Mail)
		if u.UserType != "Guest" || slices.ContainsFunc(w.setup.entra.Seed.Users, func(s entra.User) bool { return strings.EqualFold(s.Mail, address) }) {
			continue
		}
		byUs := w.post.got[address]
		if byUs == nil {
			byUs = &posted{}
		}
		own := w.setup.mail == "" || w.setup.mail == "own"
		switch {
		case own && (len(byUs.ids) != 1 || mails[address] != 0), !own && (len(byUs.ids) != 0 || mails[address] != 1):
			w.t.Errorf("%s (%s): %d mails by us, %d by Microsoft", address, want[address], len(byUs.ids), mails[address])
		}
		for id, n := range byUs.ids {
			if n > 1 && !w.uncertain(address) {
				w.t.Errorf("%s got mail %s %d times, and no row says so", address, id, n)
			}
		}
		delete(mails, address)
	}
	if len(mails) > 0 {
		w.t.Errorf("mails by Microsoft to others: %v", mails)
	}
}

// uncertain reports whether a guest's row says that the mail may have come more than once.
func (w *trial) uncertain(address string) bool {
	for i, err := range w.ledger.ListImports(w.t.Context(), false) {
		w.must(err)
		e, err := w.ledger.Entry(w.t.Context(), i.ID, message.GuestKey(address))
		if err == nil && e.Notify.Code == "mail.uncertain" {
			return true
		}
	}
	return false
}

func (w *trial) read(container, path string) string {
	w.t.Helper()
	r, _, err := w.blobs.Open(w.t.Context(), container, path, "")
	w.must(err)
	defer r.Close()
	b, err := io.ReadAll(r)
	w.must(err)
	return string(b)
}

// state returns an import as it is.
func (w *trial) state(id string) ledger.Import {
	w.t.Helper()
	i, err := w.ledger.Import(w.t.Context(), id)
	w.must(err)
	return i
}

func (w *trial) tally(id string) ledger.Tally {
	w.t.Helper()
	t, err := w.ledger.Tally(w.t.Context(), id)
	w.must(err)
	return t
}

func (w *trial) breaker() ledger.Breaker {
	w.t.Helper()
	row, err := w.ledger.Breaker(w.t.Context())
	w.must(err)
	return row
}

func (w *trial) describe() string {
	var b strings.Builder
	for i, err := range w.ledger.ListImports(w.t.Context(), false) {
		w.must(err)
		fmt.Fprintf(&b, "%s %s %s %s: %+v\n", i.Path, i.State, i.Code, i.Text, w.tally(i.ID))
	}
	for _, q := range message.Queues {
		fmt.Fprintf(&b, "%+v\n", w.bus.Depth(q))
		letters, _ := w.bus.Browse(w.t.Context(), q, 5)
		for _, l := range letters {
			fmt.Fprintf(&b, "  %s: %s\n", l.Reason, l.Description)
		}
	}
	s := w.entra.Stats()
	fmt.Fprintf(&b, "breaker %+v\nentra: %d faults, %d users, %d invitations, paths %v\n", w.breaker(), s.Faults, s.UsersCreated, s.Invitations, s.Paths)
	return b.String()
}

func without(all, some []string) (rest []string) {
	for _, a := range all {
		if !slices.Contains(some, a) {
			rest = append(rest, a)
		}
	}
	return rest
}
