package mailbox

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
)

// parse reads a mail: headers decoded, the first plain and the first HTML part. A mail without Message-ID, From or Date is
// refused, as a strict server would.
func parse(raw []byte) (Message, error) {
	in, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, err
	}
	m := Message{Header: map[string][]string{}}
	var words mime.WordDecoder
	for name, values := range in.Header {
		for _, v := range values {
			if plain, err := words.DecodeHeader(v); err == nil {
				v = plain
			}
			m.Header[name] = append(m.Header[name], v)
		}
	}
	for _, name := range []string{"From", "Date", "Message-Id"} {
		if n := len(m.Header[name]); n != 1 {
			return m, fmt.Errorf("it has %d %s headers", n, name)
		}
	}
	m.MessageID = strings.Trim(m.Header["Message-Id"][0], "<>")
	if s := m.Header["Subject"]; len(s) > 0 {
		m.Subject = s[0]
	}
	return m, m.part(textproto.MIMEHeader(in.Header), in.Body)
}

// part takes in one part and those within it.
func (m *Message) part(h textproto.MIMEHeader, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.part(p.Header, p); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	plain := strings.ReplaceAll(string(text), "\r\n", "\n")
	switch {
	case kind == "text/plain" && m.Text == "":
		m.Text = plain
	case kind == "text/html" && m.HTML == "":
		m.HTML = plain
	}
	return nil
}
