package policy_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/policy"
)

const samples = "../../docs/samples/"

func TestTheSamplesFitEachOther(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(samples + "partners.policy.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.ParseFor("partners", raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(raw), string(p.JSON())); diff != "" {
		t.Errorf("the sample policy is not as it would be written (-file +written):\n%s", diff)
	}
	want := `2 ana.prieto@partner.example Partner Engineers, Timesheets
3 ana.prieto@partner.example Design Wiki
4 ana.prieto@partner.example Supplier Portal
5 ben.okafor@partner.example Partner Engineers, Timesheets, Design Wiki
6 claire.dubois@partner.example Partner Engineers, Launch Team
7 dieter.oneill@partner.example Launch Team, Design Wiki
8 elif.kaya@supplier.example Launch Team, Supplier Portal
9 elif.kaya@supplier.example Timesheets
10 farid+contoso@supplier.example refused: email.forbidden-character
11 grace.lindqvist@partner.example Partner Engineers, Old Tracker
12 hugo.martins@partner.example refused: target.forbidden
13 ines.costa@partner.example target.forbidden, Timesheets
`
	if diff := cmp.Diff(want, judged(t, p, samples+"partners.csv")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// judged gives a line for each row: what it asks for and is allowed, or why it is refused.
func judged(t *testing.T, p policy.Policy, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := csvfile.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for {
		row, err := r.Next()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%d %s %s\n", row.Line, row.Email, answer(p.Judge(row), row))
	}
}

func answer(v policy.Verdict, row csvfile.Row) string {
	if row.Refused() {
		return "refused: " + row.Problems[0].Code
	}
	if p, refused := v.Refused(); refused {
		return "refused: " + p.Code
	}
	var names []string
	for _, t := range v.Targets {
		if t.Problem != nil {
			names = append(names, t.Problem.Code)
			continue
		}
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}
