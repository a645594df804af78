package oracle

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
)

var redeemLink = regexp.MustCompile(`https?://[^/\s"<>]+/redeem\?ticket=[0-9a-f]+`)

// deadLinks are the recipients whose last mail has no redeem link, or one that leads nowhere: a newer invitation has ended
// it, or it is not theirs. Copies have none.
func deadLinks(s Sources) (dead []string) {
	last := map[string]int{}
	for _, m := range s.Mailbox.Messages() {
		if !strings.HasPrefix(m.MessageID, "copy-") {
			last[strings.ToLower(strings.Join(m.To, " "))] = m.ID
		}
	}
	for to, id := range last {
		m, _ := s.Mailbox.Message(id)
		link := redeemLink.FindString(m.Text)
		if link == "" || !opens(s, link) {
			dead = append(dead, to)
		}
	}
	return dead
}

func opens(s Sources, link string) bool {
	w := httptest.NewRecorder()
	s.Entra.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, link, nil))
	return w.Code == http.StatusOK
}
