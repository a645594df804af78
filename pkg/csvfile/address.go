package csvfile

import (
	"fmt"
	"strings"
)

// microsoftForbids are the characters that Microsoft documents as not permitted in an invited address. The apostrophe
// is in one version of that list and not in the other; it is not here, because many people have one in their name and
// the service has the last word on each address anyway.
const microsoftForbids = "~!#$%^&*()+=[]{}\\/|;:\"<>?,"

// NormalAddress returns an address as it is compared and used: without the space, mailto: or Name <…> around it, and in
// lower case. It does not judge; what is no address comes back as it is, trimmed and in lower case.
func NormalAddress(s string) string {
	s = trim(s)
	if i := strings.LastIndexByte(s, '<'); i >= 0 && strings.HasSuffix(s, ">") {
		s = trim(s[i+1 : len(s)-1])
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s, _, _ = strings.Cut(s[7:], "?")
		s = trim(s)
	}
	return strings.ToLower(s)
}

// judgeAddress says what is wrong with a normal address; code is empty if nothing is. Lengths are those of RFC 5321.
// Only ASCII is taken: nobody documents what the service makes of other letters, mail servers need an extension for
// them, and a Cyrillic look-alike must not pass for an allowed domain. A domain may be written in its xn-- form.
func judgeAddress(s, forbidden string) (code, text string) {
	local, domain, _ := strings.Cut(s, "@")
	switch {
	case s == "":
		return EmailMissing, "there is no address"
	case strings.Count(s, "@") > 1:
		return EmailInvalid, "there is more than one @: write one address to a line"
	case local == "" || domain == "":
		return EmailInvalid, fmt.Sprintf("%q is no address: write name@domain", clip(s, 80))
	case notASCII(s):
		return EmailNotASCII, "the address has a letter that is not ASCII: write the domain in its xn-- form, and use an address without such letters before the @"
	case len(local) > 64 || len(s) > 254:
		return EmailInvalid, "the address is too long: at most 64 characters before the @ and 254 in all"
	case strings.Contains(local, "+") && strings.Contains(forbidden, "+"):
		return EmailForbidden, "Microsoft refuses addresses with a plus sign (name+tag@domain) as guests: use the address without the tag"
	case strings.ContainsAny(local, forbidden):
		return EmailForbidden, fmt.Sprintf("Microsoft refuses addresses with %q as guests: use another address of this person",
			local[strings.IndexAny(local, forbidden)])
	case !localPart(local):
		return EmailInvalid, "what stands before the @ must be letters, digits, dots, hyphens and underscores, without a dot or hyphen at either end and without two dots in a row"
	case !domainName(domain):
		return EmailInvalid, fmt.Sprintf("%q is no domain: write one such as partner.example", clip(domain, 80))
	}
	return "", ""
}

// localPart takes what RFC 5321 allows without quotes, and Microsoft's rule for dot and hyphen at the ends.
func localPart(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", rune(c)) {
			return false
		}
	}
	return strings.Trim(s, ".-") == s && !strings.Contains(s, "..")
}

// domainName takes at least two labels of letters, digits and hyphens, the last not a number: no IP address, no
// host of the local network.
func domainName(s string) bool {
	labels := 0
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || strings.Trim(label, "-") != label {
			return false
		}
		for i := range len(label) {
			if !alphanumeric(label[i]) && label[i] != '-' {
				return false
			}
		}
		last = label
		labels++
	}
	return labels > 1 && len(last) > 1 && strings.Trim(last, "0123456789") != ""
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
