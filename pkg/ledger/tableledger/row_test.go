package tableledger

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

func TestLongTextsAreDividedAndJoined(t *testing.T) {
	t.Parallel()
	for _, want := range []string{
		"", "short", strings.Repeat("a", propertyUnits), strings.Repeat("a", propertyUnits+1), strings.Repeat("ü", 70_000),
		strings.Repeat("😀", 40_000), "a" + strings.Repeat("😀", 40_000), strings.Repeat("\"\\\n", 30_000),
	} {
		var found stored
		if err := json.Unmarshal(newRow("p", "r").put("Text", want).put("Text2", "other").done(), &found); err != nil {
			t.Fatal(err)
		}
		if got := found.text("Text"); got != want {
			t.Errorf("%d bytes came back as %d", len(want), len(got))
		}
		for name, value := range found {
			if units := len(utf16.Encode([]rune(value.(string)))); units > 32_768 {
				t.Errorf("property %s has %d code units", name, units)
			}
		}
	}
}

func TestKeysOfDueTimesSortLikeTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2001, 9, 9, 1, 46, 40, 0, time.UTC)
	last := dueRow(time.Unix(0, 0).Add(-time.Hour)) // before the epoch all is one
	for range 300 {
		key := dueRow(at)
		if key <= last || len(key) != len("d|")+19+len("|") {
			t.Fatalf("%s follows %s", key, last)
		}
		last, at = key, at.Add(1+at.Sub(time.Unix(0, 0))/100)
		if at.Year() > 2200 {
			return
		}
	}
}

func TestKeysHoldOnlyCharactersThatTheServiceTakes(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, text := range []string{"breaker", "a/b", `a\b`, "a#b", "a?b", "a|b", "a b", "a~b", "a~2Fb", "ü", "\x00", "a'b", "a%2Fb", ""} {
		key := safe(text)
		if strings.ContainsAny(key, "/\\#?|' %\x00") || seen[key] != "" {
			t.Errorf("%q becomes %q, as does %q", text, key, seen[key])
		}
		seen[key] = text
	}
}
