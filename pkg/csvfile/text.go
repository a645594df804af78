package csvfile

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// invisible are characters that come along when people copy from mail and office programs: zero-width ones, marks of
// writing direction, a byte order mark. NBSP is space to package unicode.
const invisible = "\u200B\u200C\u200D\u200E\u200F\u202A\u202B\u202C\u202D\u202E\u2060\uFEFF"

// trim cuts space and invisible characters from both ends.
func trim(s string) string {
	if s == "" || plainASCII(s[0]) && plainASCII(s[len(s)-1]) {
		return s
	}
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(invisible, r) })
}

func plainASCII(c byte) bool { return ' ' < c && c < utf8.RuneSelf }

// hasControl reports characters that no cell may have. Tab and line breaks are text; DEL and the C1 range are not.
func hasControl(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' && c != '\t' && c != '\n', c == 0x7F:
			return true
		case c == 0xC2 && i+1 < len(s) && s[i+1] < 0xA0 && s[i+1] != 0x85: // U+0080 to U+009F without NEL
			return true
		}
	}
	return false
}

// notASCII goes by bytes, eight times as fast as by characters: every cell of every file passes here.
func notASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return true
		}
	}
	return false
}

// clip cuts s to at most n characters.
func clip(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// judgeURL says why s is no address to send a person to; empty if it is one, or if there is none.
func judgeURL(s string) string {
	if s == "" {
		return ""
	}
	if strings.ContainsFunc(s, unicode.IsSpace) || strings.Contains(s, `\`) {
		return "the redirect URL has a space or a backslash in it"
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "the redirect URL cannot be read: write it as https://host/path"
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return "the redirect URL must be complete, such as https://host/path"
	case u.User != nil:
		return "the redirect URL has a user name before the host: leave out what stands before the @"
	}
	return ""
}

// languageTag returns the tag with its usual letter case: pt-BR, zh-Hans. It checks the form only; which languages
// there are texts for is known elsewhere.
func languageTag(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	parts := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == '-' || r == '_' })
	if len(parts) == 0 || len(parts) > 4 {
		return "", false
	}
	for i, p := range parts {
		if len(p) < 2 || len(p) > 8 || strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || i == 0 && len(p) > 3 {
			return "", false
		}
		switch {
		case i > 0 && len(p) == 2:
			parts[i] = strings.ToUpper(p)
		case i > 0 && len(p) == 4:
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-"), true
}
