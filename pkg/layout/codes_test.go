package layout_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// code matches the literals that can be reason codes: two lower-case words with a dot, the first from a family of codes. A
// few file names look like that too.
var (
	code = regexp.MustCompile(`"((?:file|email|redirect|cc|text|field|row|name|language|domain|target|group|application|guest|member|invite|mail|import|` +
		`source|policy|event|message|delivery|attempts|waited|permission|tenant|graph|role|replay|ledger|stage|step|conflict|settings)\.[a-z]+(?:-[a-z]+)*)"`)
	fileName = regexp.MustCompile(`\.(csv|json|go|md|html|txt)$`)
)

// TestEveryCodeIsExplained keeps docs/codes.md complete: operators search it for what they read.
func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "codes.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, dir := range []string{"pkg", "functions"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/local/") {
				return err
			}
			raw, err := os.ReadFile(path)
			for line := range strings.SplitSeq(string(raw), "\n") {
				for _, m := range code.FindAllStringSubmatch(line, -1) {
					if !fileName.MatchString(m[1]) {
						found[m[1]] = true
					}
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 50 {
		t.Fatalf("only %d codes found in the source: the pattern has gone stale", len(found))
	}
	for c := range found {
		if !strings.Contains(string(page), "`"+c+"`") {
			t.Errorf("code %s is not explained in docs/codes.md", c)
		}
	}
	t.Logf("%d codes", len(found))
}
