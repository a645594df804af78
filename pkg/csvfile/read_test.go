package csvfile_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/csvfile"
)

func codes(list []csvfile.Problem) string {
	var s []string
	for _, p := range list {
		s = append(s, p.Code)
	}
	return strings.Join(s, " ")
}

// verdicts gives a line for each row: its number, its address, the codes of its problems.
func verdicts(o outcome) string {
	var b strings.Builder
	for _, r := range o.Rows {
		fmt.Fprintln(&b, r.Line, r.Email, codes(r.Problems))
	}
	return b.String()
}

func TestLimitsRefuseOneRowAndGoOn(t *testing.T) {
	t.Parallel()
	const header, next = "Email,DisplayName,InvitationText\n", "\nben@partner.example,Ben,\n"
	fits := strings.Repeat("é", csvfile.MaxText)
	for name, c := range map[string]struct{ row, want string }{
		"text that fits": {"ana@partner.example,Ana," + fits, "2 ana@partner.example \n3 ben@partner.example \n"},
		"text too long":  {"ana@partner.example,Ana," + fits + "x", "2 ana@partner.example text.too-long\n3 ben@partner.example \n"},
		"cell too long": {"ana@partner.example," + strings.Repeat("é", csvfile.MaxField/2) + "x,",
			"2 ana@partner.example field.too-long\n3 ben@partner.example \n"},
		"line too long":  {"ana@partner.example,Ana," + strings.Repeat("é", csvfile.MaxRecord), "2 ana@partner.example row.too-long\n3 ben@partner.example \n"},
		"blank and long": {strings.Repeat(" ", csvfile.MaxRecord) + "cid@partner.example", "2  row.too-long\n3 ben@partner.example \n"},
		"unclosed and long": {`ana@partner.example,Ana,"` + strings.Repeat(strings.Repeat("x", 1023)+"\n", csvfile.MaxRecord>>10) + "x",
			"2 ana@partner.example row.unclosed-quote\n"},
		"broken and wide": {"ana@partner.example,\"a\"b" + strings.Repeat(",", csvfile.MaxCells) + "x", "2 ana@partner.example row.bare-quote\n3 ben@partner.example \n"},
		"too many cells":  {"ana@partner.example" + strings.Repeat(",", csvfile.MaxCells) + "x", "2 ana@partner.example row.too-many-cells\n3 ben@partner.example \n"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			got := read(t, strings.NewReader(header+c.row+next))
			if s := verdicts(got); !strings.HasPrefix(s, c.want) {
				t.Errorf("got:\n%.400s\nwant:\n%s", s, c.want)
			}
			if last := got.Rows[len(got.Rows)-1]; last.Email != "ben@partner.example" || last.Refused() {
				t.Errorf("the last row is %+v, want ben, accepted", last)
			}
		})
	}
}

const xs = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

// endless gives n bytes of x.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	k := copy(p[:min(len(p), e.n)], xs)
	e.n -= k
	return k, nil
}

func TestALineWithoutEndIsNotLoaded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := read(t, io.MultiReader(strings.NewReader("Email\n"), &endless{1 << 26}, strings.NewReader("\nben@partner.example\n")))
	runtime.ReadMemStats(&after)
	if s := verdicts(got); !strings.Contains(s, "row.too-long") || !strings.HasSuffix(s, "3 ben@partner.example \n") {
		t.Errorf("got %.200s", s)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("a line of 64 MiB took %d bytes of memory", n)
	}
}

func TestAHeaderWithoutEndIsNoCSV(t *testing.T) {
	t.Parallel()
	got := read(t, &endless{1 << 22})
	if got.Failure == nil || got.Failure.Code != csvfile.FileNotCSV {
		t.Errorf("got %+v, want file.not-csv", got)
	}
}

func TestReadErrorsOfTheSourceAreRecognised(t *testing.T) {
	t.Parallel()
	changed := errors.New("the blob changed")
	if _, err := csvfile.NewReader(iotest.ErrReader(changed)); !errors.Is(err, changed) {
		t.Errorf("NewReader: %v", err)
	}
	src := io.MultiReader(strings.NewReader("Email\nana@partner.example\n"), iotest.ErrReader(changed))
	if _, err := csvfile.NewReader(src); !errors.Is(err, changed) {
		t.Errorf("NewReader of a file that breaks off early: %v", err)
	}
}

// Half a row is no row: the connection broke, not the file.
func TestAnErrorMidwayEndsReadingAndStays(t *testing.T) {
	t.Parallel()
	changed := errors.New("the blob changed")
	for name, tail := range map[string]string{"row": "ben@par", "quote": "\"ben", "endless": strings.Repeat("x", 3<<20)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := "Email\n" + strings.Repeat("ana@partner.example\n", 10_000)
			r, err := csvfile.NewReader(io.MultiReader(strings.NewReader(whole+tail), iotest.ErrReader(changed)))
			if err != nil {
				t.Fatal(err)
			}
			rows := 0
			for err == nil {
				var row csvfile.Row
				if row, err = r.Next(); err == nil {
					rows++
					if row.Refused() {
						t.Fatalf("row %d: %v", row.Line, row.Problems)
					}
				}
			}
			if _, again := r.Next(); !errors.Is(err, changed) || !errors.Is(again, changed) || rows != 10_000 {
				t.Errorf("%d rows, then %v, then %v", rows, err, again)
			}
		})
	}
}

func TestWellFormedFilesReadAsEncodingCSVReadsThem(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"Email,B\na,b\n", "Email\r\na\r\n", "Email,B\n\"a\",\"b\"\"c\"\n", "Email,B\n\"x\r\ny\",\"\"\n", "Email,B\n,b", "Email\n\"\n\"\n\"x\"", "Email\n é , \n",
	} {
		c := csv.NewReader(strings.NewReader(file))
		c.FieldsPerRecord = -1
		want, err := c.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, strings.NewReader(file))
		cells := [][]string{got.Header}
		for _, r := range got.Rows {
			cells = append(cells, r.Cells)
		}
		// encoding/csv keeps records of blank cells, which are no rows here.
		want = withoutBlank(want)
		if diff := cmp.Diff(want, cells); diff != "" {
			t.Errorf("%q (-encoding/csv +here):\n%s", file, diff)
		}
	}
}

func withoutBlank(records [][]string) [][]string {
	var kept [][]string
	for _, r := range records {
		if strings.TrimSpace(strings.Join(r, "")) != "" {
			kept = append(kept, r)
		}
	}
	return kept
}
