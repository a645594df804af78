package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/policy"
)

// typist does something before it answers.
type typist struct {
	act func()
	r   io.Reader
}

func (y *typist) Read(p []byte) (int, error) {
	if y.act != nil {
		act := y.act
		y.act = nil
		act()
	}
	return y.r.Read(p)
}

// TestSourceAddLeavesAColleaguesChange: one operator is asked; meanwhile a colleague takes a group away from the source. Then the
// first one answers.
func TestSourceAddLeavesAColleaguesChange(t *testing.T) {
	t.Parallel()
	w := alone(t)
	old := policy.Policy{Version: 1, Source: "overtaken", MaxGuests: 10, Groups: []policy.Group{{ID: finance, Name: "Finance"}}, Domains: []string{"partner.example"}}
	w.blob("config", policy.File("overtaken"), old.JSON())
	w.held("88ab0000000000000001", "overtaken", asked)
	var out, errs bytes.Buffer
	p := program{getenv: w.getenv, setenv: os.Setenv, stdout: &out, stderr: &errs, every: time.Millisecond, stdin: &typist{r: bytes.NewBufferString("y\n"), act: func() {
		tight := old
		tight.Groups = nil
		path := t.TempDir() + "/p.json"
		if err := os.WriteFile(path, tight.JSON(), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := w.run("", "source", "add", "overtaken", "-file", path, "-yes"); r.code != 0 {
			t.Errorf("%+v", r)
		}
	}}}
	if code := p.run(t.Context(), []string{"source", "add", "overtaken", "-from", "88ab"}); code == 0 || !strings.Contains(errs.String(), "policy.changed") {
		t.Errorf("exit %d %s %s", code, out.String(), errs.String())
	}
	got, _ := w.policyOf("overtaken")
	for _, g := range got.Groups {
		if g.ID == finance {
			t.Errorf("the group that a colleague took away is allowed again: %s", got.JSON())
		}
	}
}
