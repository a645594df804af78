package notify

import (
	"slices"

	"golang.org/x/text/language"
)

// Languages are those in which mails are written: the ones that the legacy file format names. The first is the default.
var Languages = []string{"en", "de", "es", "fr", "it", "ja", "ko", "pt-BR", "ru", "zh-Hans", "zh-Hant"}

var matcher = func() language.Matcher {
	tags := make([]language.Tag, len(Languages))
	for i, l := range Languages {
		tags[i] = language.MustParse(l)
	}
	return language.NewMatcher(tags)
}()

// Pick returns the language of [Languages] for a tag of a file, such as de-AT or zh-TW; otherwise for a tag that is none,
// or of a language that people who read one of them need not understand. CLDR's matching is used, but only where it is
// confident: it would give Ukrainians Russian.
func Pick(tag, otherwise string) string {
	want, err := language.Parse(tag)
	if err != nil {
		return otherwise
	}
	_, n, confidence := matcher.Match(want)
	if confidence < language.Low || confidence == language.Low && !sameLanguage(want, n) {
		return otherwise
	}
	return Languages[n]
}

// sameLanguage accepts what CLDR holds for a distant variety, such as pt-PT for pt-BR.
func sameLanguage(want language.Tag, n int) bool {
	a, _ := want.Base()
	b, _ := language.MustParse(Languages[n]).Base()
	return a == b
}

// Known reports whether mails can be written in exactly this language.
func Known(tag string) bool { return slices.Contains(Languages, tag) }
