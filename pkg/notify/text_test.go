package notify_test

import (
	"regexp"
	"strings"
	"testing"

	"guestlist/pkg/notify"
)

func write(t testing.TB, l notify.Letter) (subject, plain, body string) {
	t.Helper()
	subject, plain, body, err := l.Write()
	if err != nil {
		t.Fatal(err)
	}
	return subject, plain, body
}

func TestLinksOnlyIfThePolicyAllows(t *testing.T) {
	t.Parallel()
	l := letter("en")
	l.RedeemURL, l.Text = "", "See https://wiki.example/a?b=1&c=2, or (http://x.example/). Mail eve@evil.example, visit www.evil.example or javascript:alert(1)"
	_, plain, body := write(t, l)
	if strings.Contains(body, "<a ") || regexp.MustCompile(`\w\.example|://|\w@evil`).MatchString(strings.ReplaceAll(plain, "partner.example", "")[strings.Index(plain, "> "):strings.Index(plain, "What you get")]) {
		t.Errorf("without leave there is a link, or what becomes one:\n%s", plain)
	}
	if shown := strings.ReplaceAll(plain, "\u2060", ""); !strings.Contains(shown, l.Text) {
		t.Errorf("the text does not read the same:\n%s", shown)
	}
	l.Links = true
	_, plain, body = write(t, l)
	for _, want := range []string{`<a href="https://wiki.example/a?b=1&amp;c=2">https://wiki.example/a?b=1&amp;c=2</a>, or (`, `<a href="http://x.example/">http://x.example/</a>).`} {
		if !strings.Contains(body, want) {
			t.Errorf("with leave there is no %s in\n%s", want, body)
		}
	}
	if n := strings.Count(body, "<a "); n != 2 || !strings.Contains(plain, l.Text) {
		t.Errorf("%d links, want the two web addresses", n)
	}
}

func TestNamesAreNoPlaceForLinksEither(t *testing.T) {
	t.Parallel()
	l := letter("en")
	l.Name = "Ana, your account is locked: https://evil.example\r\nSubject: x"
	subject, plain, body := write(t, l)
	if strings.Contains(plain+body, "evil.example") || strings.ContainsAny(subject, "\r\n") || strings.Contains(plain, "\nSubject:") {
		t.Errorf("%s\n%s", subject, plain)
	}
}

// FuzzText holds for whatever a file brings: it is shown as text, line by line behind a mark, adds no tag and no link, and
// leaves nothing in the mail that turns the direction of writing.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "Hi", "<script>alert(1)</script>", "</blockquote><a href=\"https://evil.example\">x</a>", "a\r\nb\n\n> c", "{{.RedeemURL}}",
		"\u202eevil", "https://a.example/\"onmouseover=\"x", "\x00\x1b[31m", "-- \n"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	quiet := letter("en")
	quiet.Text, quiet.Name = "x", "Ana"
	_, _, calm := write(f, quiet)
	f.Fuzz(func(t *testing.T, s string, links bool) {
		l := quiet
		l.Text, l.Links = "x"+s, links
		subject, plain, body := write(t, l)
		if strings.ContainsAny(subject, "\r\n") || strings.ContainsAny(plain+body, "\u202e\u202d\u2066\x00\x1b") {
			t.Errorf("%q brought control characters along", s)
		}
		tags := regexp.MustCompile(`<[a-zA-Z/!]`)
		extra := strings.Count(body, "<a ") - strings.Count(calm, "<a ")
		breaks := strings.Count(body, "<br>") - strings.Count(calm, "<br>")
		if n := len(tags.FindAllString(body, -1)) - len(tags.FindAllString(calm, -1)); n != 2*extra+breaks {
			t.Errorf("%q brought %d tags, %d links and %d line breaks", s, n, extra, breaks)
		}
		if !links && extra != 0 {
			t.Errorf("%q made a link", s)
		}
		quoted := plain[strings.Index(plain, "> x"):strings.Index(plain, "\nWhat you get access to")]
		for line := range strings.SplitSeq(strings.TrimSuffix(strings.TrimRight(quoted, "\n"), "\n"), "\n") {
			if !strings.HasPrefix(line, ">") {
				t.Errorf("%q: line %q does not look like the file's", s, line)
			}
		}
	})
}
