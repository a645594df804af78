package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/report"
	"guestlist/pkg/status"
)

// row returns a CSV line; what is not given is empty.
func row(cells map[string]string) string {
	var line []string
	for name := range strings.SplitSeq(strings.TrimSpace(header), ",") {
		line = append(line, `"`+strings.ReplaceAll(cells[name], `"`, `""`)+`"`)
	}
	return strings.Join(line, ",") + "\n"
}

// TestLimitsHaveTheirCodes drops one file in which one row or guest exceeds each limit. Each gets its code in the results,
// in its own line, and everybody else goes on.
func TestLimitsHaveTheirCodes(t *testing.T) {
	t.Parallel()
	var groups []string
	p := policy.Policy{Version: 1, Source: "partners", Domains: []string{"partner.example"}, RedirectHosts: []string{"apps.example"}, MaxGuests: 30, AllowText: true}
	for n := range plan.MaxTargets + 1 {
		id := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n)
		groups = append(groups, id)
		p.Groups = append(p.Groups, policy.Group{ID: id})
	}
	w := newWorld(t, func(o *options) {
		o.policy = filepath.Join(t.TempDir(), "policy.json")
		o.seed = ""
		if err := os.WriteFile(o.policy, p.JSON(), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	for _, id := range groups {
		if _, err := w.entra.AddGroup(entra.Group{ID: id, DisplayName: "Group " + id[30:]}); err != nil {
			t.Fatal(err)
		}
	}

	var file strings.Builder
	file.WriteString(header)
	line := 1
	want := map[int]string{} // outcome and code, by line
	add := func(outcome string, cells map[string]string) {
		cells["DisplayName"] = cmp.Or(cells["DisplayName"], "Somebody")
		cells["InvitedToGroups"] = cmp.Or(cells["InvitedToGroups"], groups[0])
		line++
		want[line] = outcome
		file.WriteString(row(cells))
	}
	who := func(name string) string { return name + "@partner.example" }
	long := func(n int) string { return strings.Repeat("é", n) }

	add("done", map[string]string{"Email": who("good")})
	add("rejected name.too-long", map[string]string{"Email": who("name"), "DisplayName": long(257)})
	add("done", map[string]string{"Email": who("name-fits"), "DisplayName": long(256)})
	add("rejected redirect.too-long", map[string]string{"Email": who("url"), "InviteRedirectUrl": "https://apps.example/" + strings.Repeat("x", 1980)})
	add("done", map[string]string{"Email": who("url-fits"), "InviteRedirectUrl": "https://apps.example/" + strings.Repeat("x", 1979)})
	add("done language.unknown", map[string]string{"Email": who("language"), "Language": strings.Repeat("e", 257)})
	add("rejected text.too-long", map[string]string{"Email": who("text"), "InvitationText": long(plan.MaxText + 1)})
	add("done", map[string]string{"Email": who("text-fits"), "InvitationText": long(plan.MaxText)})
	add("done", map[string]string{"Email": who("joined"), "InvitationText": "first " + long(6_000)})
	add("done text.left-out", map[string]string{"Email": who("joined"), "InvitationText": "second " + long(4_000)})
	add("rejected field.too-long", map[string]string{"Email": who("field"), "InvitedToGroups": strings.Repeat("x", csvfile.MaxField+1)})
	add("rejected field.too-long", map[string]string{"Email": who("megabyte"), "InvitationText": strings.Repeat("x", 1_000_000)})
	add("rejected row.too-long", map[string]string{"Email": who("record"), "InvitationText": strings.Repeat("x", csvfile.MaxRecord)})
	line++
	want[line] = "rejected row.too-many-cells"
	file.WriteString(strings.TrimSuffix(row(map[string]string{"Email": who("cells")}), "\n") + ",one more\n")
	add("partial guest.too-many-targets", map[string]string{"Email": who("targets"), "InvitedToGroups": strings.Join(groups, " ")})
	add("done", map[string]string{"Email": who("targets-fit"), "InvitedToGroups": strings.Join(groups[:plan.MaxTargets], " ")})
	for range plan.MaxRows {
		add("done", map[string]string{"Email": who("rows")})
	}
	add("rejected guest.too-many-rows", map[string]string{"Email": who("rows")})
	add("done", map[string]string{"Email": who("last")})

	i := w.wait(w.put(w.file("limits.csv", file.String()), "limits.csv"))[0]
	got := w.rowsOf(i, who)
	for _, n := range slices.Sorted(maps.Keys(want)) {
		outcome, code, _ := strings.Cut(want[n], " ")
		if got[n][0] != outcome || code == "" && got[n][1] != "" || !strings.HasPrefix(got[n][1], code) {
			t.Errorf("line %d: %.200q, want %s", n, got[n], want[n])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows in the results, want %d", len(got), len(want))
	}
	w.oracle(0, i)
	w.approved(p)
}

// rowsOf reads outcome and reason of every row from the results, by line of the file.
func (w *world) rowsOf(i status.Import, who func(string) string) map[int][2]string {
	w.t.Helper()
	sum := w.summary(i)
	r, _, err := w.services.Blobs.Open(w.ctx, report.Container, sum.Result, "")
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	reader := csv.NewReader(r)
	reader.FieldsPerRecord = -1
	all, err := reader.ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	rows := map[int][2]string{}
	for n, cells := range all[1:] {
		rows[n+2] = [2]string{cells[len(cells)-3], cells[len(cells)-2]}
	}
	return rows
}

// approved drops a file with more guests than the policy allows: it is held until somebody lets it pass.
func (w *world) approved(p policy.Policy) {
	w.t.Helper()
	var b strings.Builder
	b.WriteString("Email,InvitedToGroups\n")
	for n := range p.MaxGuests + 1 {
		fmt.Fprintf(&b, "many%s@partner.example,%s\n", strconv.Itoa(n), p.Groups[0].ID)
	}
	d := w.put(w.file("many.csv", b.String()), "many.csv")
	i := w.wait(d)[0]
	var ask policy.Ask
	if err := json.Unmarshal(i.Ask, &ask); err != nil || i.State != "held" || i.Code != policy.TooManyGuests || ask.Guests != p.MaxGuests+1 {
		w.t.Fatalf("import %+v, %v", i, err)
	}
	before := w.entra.Stats().UsersCreated
	s := &plan.Sources{Ledger: w.services.Ledger, Blobs: w.services.Blobs, Bus: w.services.Bus}
	if _, _, err := s.Approve(w.ctx, i.ID, ledger.Approval{Guests: ask.Guests, By: "ana", Reason: "agreed"}); err != nil {
		w.t.Fatal(err)
	}
	i = w.wait(d)[0]
	if n := w.entra.Stats().UsersCreated - before; outcomesOf(i) != fmt.Sprint(ask.Guests, " done") || n != ask.Guests || i.Approval == nil || i.Approval.By != "ana" {
		w.t.Errorf("after the approval: %d users, import %+v", n, i)
	}
	w.oracle(0, i)
}
