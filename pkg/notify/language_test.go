package notify_test

import (
	"testing"

	"guestlist/pkg/notify"
)

func TestLanguagesAreMappedAndFallBack(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"en": "en", "en-GB": "en", "de": "de", "de-AT": "de", "DE-ch": "de", "es": "es", "es-MX": "es", "fr": "fr", "fr-CA": "fr", "it": "it", "ja": "ja", "ja-JP": "ja",
		"ko": "ko", "ko-KR": "ko", "pt": "pt-BR", "pt-BR": "pt-BR", "pt-PT": "pt-BR", "ru": "ru", "ru-RU": "ru",
		"zh": "zh-Hans", "zh-CN": "zh-Hans", "zh-SG": "zh-Hans", "zh-Hans": "zh-Hans", "zh-Hant": "zh-Hant", "zh-TW": "zh-Hant", "zh-HK": "zh-Hant",
		"": "fr", "nl": "fr", "uk": "fr", "ca": "fr", "x-klingon": "fr", "not a tag": "fr",
	} {
		if got := notify.Pick(tag, "fr"); got != want {
			t.Errorf("%q is mailed in %s, want %s", tag, got, want)
		}
	}
}

func TestEveryLanguageKnowsItself(t *testing.T) {
	t.Parallel()
	if len(notify.Languages) != 11 {
		t.Errorf("%d languages", len(notify.Languages))
	}
	for _, l := range notify.Languages {
		if !notify.Known(l) {
			t.Errorf("%s is not known", l)
		}
	}
	if notify.Known("de-AT") || notify.Known("") {
		t.Error("a setting must name the language exactly")
	}
}
