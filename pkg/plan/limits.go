package plan

import (
	"fmt"
	"unicode/utf8"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/message"
)

// Limits of single values. With [MaxTargets] and [MaxText] they keep an entry inside one entity of a table, whatever
// somebody puts into a file: 1 MiB in all, 32,000 characters a value.
const (
	maxName   = 256   // characters of a display name, the directory's own limit, and of a target's name
	maxURL    = 2_000 // characters; longer ones fail in browsers and proxies
	maxReason = 500   // characters of a reason that quotes the file
)

// tooLong refuses values that no directory would take. A language needs no limit: the reader drops what is no language tag.
func tooLong(row csvfile.Row) []message.Failure {
	var out []message.Failure
	for _, v := range []struct {
		column, value, code string
		most                int
	}{
		{"DisplayName", row.DisplayName, "name.too-long", maxName},
		{"InviteRedirectUrl", row.RedirectURL, "redirect.too-long", maxURL},
	} {
		if n := utf8.RuneCountInString(v.value); n > v.most {
			out = append(out, message.Failure{Code: v.code, Text: fmt.Sprintf("%s has %d characters; at most %d are possible. Shorten it.", v.column, n, v.most)})
		}
	}
	return out
}

// clip shortens a text to at most n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
