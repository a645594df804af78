package mailbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/local/mailbox"
)

func serve(t *testing.T, c mailbox.Config) *mailbox.Server {
	t.Helper()
	s, err := mailbox.Serve(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func raw(id, subject string) []byte {
	return []byte("From: Contoso <c@contoso.example>\r\nTo: ana@partner.example\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\nMessage-ID: <" + id + ">\r\n" +
		"Subject: " + subject + "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n" +
		"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+R3LDvMOfZTwvYj4=\r\n--b--\r\n")
}

func send(s *mailbox.Server, to string, mail []byte) error {
	return smtp.SendMail(s.SMTPAddr(), nil, "c@contoso.example", []string{to}, mail)
}

func get(t *testing.T, url string, into any) (body string, r *http.Response) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", url, err, b)
	}
	return string(b), r
}

func do(t *testing.T, method, url, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

func TestMailsCanBeRead(t *testing.T) {
	t.Parallel()
	s := serve(t, mailbox.Config{NoTLS: true})
	if err := send(s, "ana@partner.example", raw("one@x", "=?utf-8?q?Gr=C3=BC=C3=9Fe_<script>?=")); err != nil {
		t.Fatal(err)
	}
	var list []mailbox.Summary
	get(t, s.URL()+"/messages?to=ANA@partner.example", &list)
	if len(list) != 1 || list[0].Subject != "Grüße <script>" || list[0].MessageID != "one@x" || list[0].From != "c@contoso.example" {
		t.Fatalf("list: %+v", list)
	}
	var m mailbox.Message
	get(t, s.URL()+"/messages/1", &m)
	if strings.TrimSpace(m.Text) != "Grüße" || m.HTML != "<b>Grüße</b>" || m.Header["From"][0] != "Contoso <c@contoso.example>" {
		t.Errorf("mail: %+v", m)
	}
	if body, r := get(t, s.URL()+"/messages/1/html", nil); body != m.HTML || !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("HTML: %q with %v", body, r.Header)
	}
	if body, _ := get(t, s.URL()+"/messages/1/raw", nil); body != string(raw("one@x", "=?utf-8?q?Gr=C3=BC=C3=9Fe_<script>?=")) {
		t.Errorf("as sent: %q", body)
	}
	for _, page := range []string{"/", "/mail/1"} {
		if body, _ := get(t, s.URL()+page, nil); !strings.Contains(body, "Grüße &lt;script&gt;") || strings.Contains(body, "<script>") {
			t.Errorf("page %s does not show the subject as text", page)
		}
	}
	if do(t, "DELETE", s.URL()+"/messages", "") != http.StatusNoContent || len(s.Messages()) != 0 || do(t, "GET", s.URL()+"/messages/1", "") != http.StatusNotFound {
		t.Error("the mail is still there")
	}
}

func TestMailsOfNoUseAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, mailbox.Config{NoTLS: true})
	good := raw("one@x", "Hi")
	for name, mail := range map[string][]byte{
		"no Message-ID":       bytes.Replace(good, []byte("Message-ID: <one@x>\r\n"), nil, 1),
		"two Message-IDs":     append([]byte("Message-ID: <two@x>\r\n"), good...),
		"a part that breaks":  bytes.Replace(good, []byte("--b--\r\n"), nil, 1),
		"bad base64":          bytes.Replace(good, []byte("PGI+"), []byte("PG*+"), 1),
		"nothing like a mail": []byte("hello\r\n"),
	} {
		if err := send(s, "ana@partner.example", mail); err == nil || !strings.HasPrefix(err.Error(), "554") {
			t.Errorf("%s: %v, want 554", name, err)
		}
	}
	if len(s.Messages()) != 0 {
		t.Errorf("%d mails were kept", len(s.Messages()))
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s := serve(t, mailbox.Config{NoTLS: true})
	fault := func(f string) {
		if do(t, "DELETE", s.URL()+"/faults", "") != http.StatusNoContent || do(t, "POST", s.URL()+"/faults", f) != http.StatusCreated {
			t.Fatal("the fault was not taken")
		}
	}
	code := func(err error) string { return fmt.Sprint(err)[:min(3, len(fmt.Sprint(err)))] }
	fault(`{"kind":"greylist","delay":"10m"}`)
	if c := code(send(s, "a@x.example", raw("1", "x"))); c != "451" {
		t.Errorf("greylisted: %s", c)
	}
	fault(`{"kind":"greylist"}`)
	if c := code(send(s, "a@x.example", raw("1", "x"))); c != "451" {
		t.Errorf("greylisted: %s", c)
	}
	if err := send(s, "a@x.example", raw("1", "x")); err != nil {
		t.Errorf("after greylisting: %v", err)
	}
	fault(`{"kind":"reject","address":"Bob@","text":"no bob here"}`)
	if err := send(s, "bob@x.example", raw("2", "x")); code(err) != "550" || !strings.Contains(err.Error(), "no bob here") {
		t.Errorf("rejected: %v", err)
	}
	if err := send(s, "ann@x.example", raw("3", "x")); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	fault(`{"kind":"drop","count":1}`)
	if err := send(s, "a@x.example", raw("4", "x")); err == nil {
		t.Error("dropped: the sender got an answer")
	}
	if err := send(s, "a@x.example", raw("4", "x")); err != nil {
		t.Errorf("after the drop: %v", err)
	}
	fault(`{"kind":"lose"}`)
	if err := send(s, "a@x.example", raw("5", "x")); err == nil {
		t.Error("lost: the sender got an answer")
	}
	fault(`{"kind":"slow","delay":"50ms"}`)
	start := time.Now()
	if err := send(s, "a@x.example", raw("6", "x")); err != nil || time.Since(start) < 50*time.Millisecond {
		t.Errorf("slow: %v after %s", err, time.Since(start))
	}
	var st mailbox.Stats
	get(t, s.URL()+"/stats", &st)
	if st.Messages != 5 || st.MessageIDs != 4 || st.Repeated["4"] != 2 {
		t.Errorf("stats: %+v", st)
	}
	if do(t, "POST", s.URL()+"/faults", `{"kind":"rain"}`) != http.StatusBadRequest {
		t.Error("an unknown fault was taken")
	}
}

func TestRateDecidesOnceForGreylisting(t *testing.T) {
	t.Parallel()
	s := serve(t, mailbox.Config{NoTLS: true, RandSeed: 7, Faults: []mailbox.Fault{{Kind: mailbox.Greylist, Rate: 0.5}}})
	refused := 0
	for n := range 60 {
		to := fmt.Sprintf("g%d@x.example", n)
		if send(s, to, raw(to, "x")) != nil {
			refused++
			if err := send(s, to, raw(to, "x")); err != nil {
				t.Errorf("the second attempt: %v", err)
			}
		}
	}
	if refused < 15 || refused > 45 {
		t.Errorf("%d of 60 were greylisted at a rate of one half", refused)
	}
}
