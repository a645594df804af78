package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a module with one promise, its test, and a list of ways to break it.
var sample = map[string]string{
	"go.mod":        "module sample\n\ngo 1.26\n",
	"sum/sum.go":    "package sum\n\n// Sum adds.\nfunc Sum(a, b int) int {\n\treturn a + b\n}\n\n// Half halves.\nfunc Half(a int) int { return a / 2 }\n",
	"sum/s_test.go": "package sum\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) {\n\tt.Run(\"two and two\", func(t *testing.T) {\n\t\tif Sum(2, 2) != 4 {\n\t\t\tt.Error(\"no\")\n\t\t}\n\t})\n}\n\nfunc TestHalf(t *testing.T) { _ = Half(2) }\n",
	"cmd/main.go":   "package main\n\nimport \"os\"\n\nfunc main() {\n\tos.Stdout.WriteString(\"42\")\n}\n",
	// The test builds the program by itself.
	"cmd/m_test.go": "package main\n\nimport (\n\t\"os/exec\"\n\t\"testing\"\n)\n\nfunc TestAnswer(t *testing.T) {\n\tif out, err := exec.Command(\"go\", \"run\", \".\").Output(); string(out) != \"42\" {\n\t\tt.Error(string(out), err)\n\t}\n}\n",
	docFile:         "# Doc\n\n" + tableHead + "| old | `x` | `TestOld` |\n\nAfter.\n",
	listFile: `How to use this list.

== caught
A sum is a difference.
file: sum/sum.go
test: ./sum TestSum
-- old
	return a + b
-- new
	return a - b

== caught-in-a-program
The answer is another.
file: cmd/main.go
test: ./cmd TestAnswer
-- old
	os.Stdout.WriteString("42
-- new
	os.Stdout.WriteString("41

== panics
A sum panics.
file: sum/sum.go
test: ./sum TestSum/two_and_two
-- old
	return a + b
-- new
	panic(a)

== survives
A half is a third.
file: sum/sum.go
test: ./sum TestHalf
-- old
func Half(a int) int { return a / 2
-- new
func Half(a int) int { return a / 3

== does-not-compile
A sum is a word.
file: sum/sum.go
test: ./sum TestSum
-- old
	return a + b
-- new
	return "four"

== does-not-apply
A sum is gone.
file: sum/sum.go
test: ./sum TestSum
-- old
	return b + a
-- new
`,
}

// module writes the sample and returns its folder.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range sample {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEveryMutationGetsItsVerdict(t *testing.T) {
	t.Parallel()
	dir := module(t)
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"-C", dir}, os.Getenv, &out, &errs)
	if code != 1 {
		t.Errorf("exit code %d, want 1\n%s", code, &errs)
	}
	for _, want := range []string{
		" caught: caught by TestSum/two_and_two\n",
		" caught-in-a-program: caught by TestAnswer\n",
		" panics: caught by TestSum/two_and_two\n",
		" survives: SURVIVED ./sum -run '^TestHalf$'\n",
		" does-not-compile: does not compile: ",
		" does-not-apply: does not apply: the old text is 0 times in sum/sum.go, not once\n",
		"\n6 mutations, 3 caught, 3 not, ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		raw, err := os.ReadFile(path)
		if files++; string(raw) != sample[filepath.ToSlash(name)] {
			t.Errorf("the tree was changed: %s", name)
		}
		return err
	})
	if err != nil || files != len(sample) {
		t.Errorf("%d files in the tree, %v; want %d", files, err, len(sample))
	}
}

func TestATestThatFailsAnywayCatchesNothing(t *testing.T) {
	t.Parallel()
	dir := module(t)
	broken := strings.Replace(sample["sum/sum.go"], "a + b", "a + b + 1", 1)
	if err := os.WriteFile(filepath.Join(dir, "sum/sum.go"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"-C", dir, "-run", "^survives$", "-by", "./sum TestSum"}, os.Getenv, &out, &errs)
	if code != 1 || !strings.Contains(errs.String(), "fails without a mutation: ./sum") {
		t.Errorf("exit code %d: %s%s", code, &out, &errs)
	}
}

func TestNamesAreListedAndTheTableIsReplaced(t *testing.T) {
	t.Parallel()
	dir := module(t)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-C", dir, "-list", "-run", "^caught$"}, os.Getenv, &out, &errs); code != 0 || out.String() != "caught\tA sum is a difference.\n" {
		t.Errorf("exit code %d: %s%s", code, &out, &errs)
	}
	if code := run(t.Context(), []string{"-C", dir, "-markdown"}, os.Getenv, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	raw, err := os.ReadFile(filepath.Join(dir, docFile))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	if !strings.HasPrefix(doc, "# Doc\n\n"+tableHead+"| A sum is a difference. | `sum` | `TestSum` |\n") ||
		!strings.HasSuffix(doc, "| A sum is gone. | `sum` | `TestSum` |\n\nAfter.\n") || strings.Contains(doc, "old") {
		t.Errorf("the document is:\n%s", doc)
	}
}

func TestWrongUsageSaysWhatIsRight(t *testing.T) {
	t.Parallel()
	dir := module(t)
	for want, args := range map[string][]string{
		"takes no arguments":             {"sum"},
		"-run: error parsing regexp":     {"-run", "("},
		"-by takes a package and a":      {"-by", "./sum"},
		"none of 6 matches -run \"no$\"": {"-C", dir, "-run", "no$"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, os.Getenv, &out, &errs); code != 2 || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: exit code %d, %s; want %q", args, code, &errs, want)
		}
	}
}

func TestALineOfTheListThatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	good := "== name\nA sentence.\nfile: a.go\ntest: ./a TestA\n-- old\nx\n-- new\ny\n"
	if all, err := parseList(good + "\n" + strings.Replace(good, "name", "other", 1)); err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for text, want := range map[string]string{
		good + "\n" + good: "name is there twice",
		strings.Replace(good, "A sentence.\n", "", 1):   "name: it takes a sentence",
		strings.Replace(good, "file: a.go\n", "", 1):    "name: no source file",
		strings.Replace(good, "a.go", "a_test.go", 1):   "name: no source file",
		strings.Replace(good, " TestA", "", 1):          "name: no test",
		strings.Replace(good, "-- old\n", "", 1):        "name: no line \"-- old\"",
		strings.Replace(good, "-- new\n", "", 1):        "name: no line \"-- new\"",
		strings.Replace(good, "new\ny", "new\nx", 1):    "name: it changes nothing",
		strings.Replace(good, "== name", "== a b", 1):   "the name \"a b\" is no single word",
		strings.Replace(good, "sentence.", "a | b.", 1): "without the sign |",
	} {
		if _, err := parseList(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
