package mailbox

import (
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one SMTP connection.
type session struct {
	server *Server
	conn   *smtp.Conn
	known  bool // has authenticated
	from   string
	to     []string
}

var _ smtp.AuthSession = (*session)(nil)

func answer(code int, enhanced smtp.EnhancedCode, text, otherwise string) error {
	if text == "" {
		text = otherwise
	}
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if s.server.config.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		same := subtle.ConstantTimeCompare([]byte(user+"\x00"+password), []byte(s.server.config.Username+"\x00"+s.server.config.Password))
		if s.known = same == 1; !s.known {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.config.Username != "" && !s.known {
		return answer(530, smtp.EnhancedCode{5, 7, 0}, "", "Authentication required")
	}
	s.from, s.to = from, nil
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if f, ok := s.server.faults.next(time.Now(), []string{to}, Greylist, Reject, Defer); ok {
		s.server.log.Info("recipient refused", slog.String("fault", f.Kind))
		switch f.Kind {
		case Reject:
			return answer(550, smtp.EnhancedCode{5, 1, 1}, f.Text, "The e-mail account that you tried to reach does not exist")
		case Defer:
			return answer(450, smtp.EnhancedCode{4, 2, 1}, f.Text, "The mailbox is busy, try again later")
		}
		return answer(451, smtp.EnhancedCode{4, 7, 1}, f.Text, "Greylisted, try again later")
	}
	s.to = append(s.to, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f, faulty := s.server.faults.next(time.Now(), s.to, Slow, Drop, Lose)
	if !faulty || f.Kind != Lose {
		if err := s.server.store.add(s.from, s.to, raw, time.Now()); err != nil {
			return answer(554, smtp.EnhancedCode{5, 6, 0}, "", "The message cannot be read: "+err.Error())
		}
	}
	if !faulty {
		return nil
	}
	s.server.log.Info("fault after the data", slog.String("fault", f.Kind))
	if f.Kind == Slow {
		s.server.pause(time.Duration(f.Delay))
		return nil
	}
	_ = s.conn.Conn().Close()
	return errBroken
}

var errBroken = errors.New("the connection was broken on purpose")

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	delete(s.server.open, s.conn)
	return nil
}
