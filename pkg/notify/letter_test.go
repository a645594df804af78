package notify_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/notify"
)

var update = flag.Bool("update", false, "write the golden files anew")

func letter(language string) notify.Letter {
	return notify.Letter{Language: language, Organization: "Contoso", Contact: "partners@contoso.example",
		Address: "ana.prieto@partner.example", Name: "Ana Prieto",
		Text:   "Welcome, and thank you for joining us.\nThe <plan> & the \"who does what\" are in the wiki: https://wiki.example/start?a=1&b=2 (see there).",
		Access: []notify.Access{{Name: "Partner Engineers"}, {Name: "Design Wiki", Application: true}}, More: true,
		RedeemURL: "https://login.microsoftonline.com/redeem?rd=https%3a%2f%2finvitations.microsoft.com%2fredeem%2f%3ftenant%3d1%26ticket%3dSECRET", RedirectURL: "https://myapplications.microsoft.com/"}
}

// TestGoldenMails keeps the mails of every language, as they are sent: read them before you accept a change.
func TestGoldenMails(t *testing.T) {
	t.Parallel()
	for _, language := range notify.Languages {
		for name, l := range map[string]notify.Letter{"mail": letter(language), "copy": asCopy(letter(language))} {
			subject, plain, html, err := l.Write()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, language+"."+name+".txt", "Subject: "+subject+"\n\n"+plain)
			golden(t, language+"."+name+".html", html)
		}
	}
}

func asCopy(l notify.Letter) notify.Letter { l.Copy = true; return l }

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
