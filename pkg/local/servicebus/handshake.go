package servicebus

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"guestlist/pkg/local/servicebus/internal/amqp"
)

const (
	channelMax = 4095
	handleMax  = 4095
)

// open does the handshake: SASL and the open frames.
func (c *conn) open() (*amqp.Open, error) {
	c.net.SetDeadline(time.Now().Add(handshake))
	defer c.net.SetDeadline(time.Time{})
	mechanisms := amqp.ArrayOf([]amqp.Symbol{"ANONYMOUS", "PLAIN"})
	if err := c.header(amqp.HeaderSASL, amqp.AppendFrame(nil, amqp.Frame{Type: amqp.TypeSASL}, &amqp.SASLMechanisms{Mechanisms: mechanisms})); err != nil {
		return nil, err
	}
	init, err := expect[*amqp.SASLInit](c)
	if err != nil {
		return nil, err
	}
	outcome, err := &amqp.SASLOutcome{}, c.logIn(init)
	if err != nil {
		outcome.Outcome = 1
	}
	if _, werr := c.net.Write(amqp.AppendFrame(nil, amqp.Frame{Type: amqp.TypeSASL}, outcome)); werr != nil || err != nil {
		return nil, errors.Join(err, werr)
	}
	if err := c.header(amqp.HeaderAMQP, nil); err != nil {
		return nil, err
	}
	peer, err := expect[*amqp.Open](c)
	if err != nil {
		return nil, err
	}
	_, err = c.net.Write(amqp.AppendFrame(nil, amqp.Frame{}, &amqp.Open{ContainerID: "guestlist-servicebus", MaxFrameSize: maxFrame,
		ChannelMax: channelMax, IdleTimeout: uint32(idleTimeout.Milliseconds())}))
	return peer, err
}

// logIn checks what a client says in SASL. ANONYMOUS is fine, since tokens come later; PLAIN is the name of a key and the
// key.
func (c *conn) logIn(init *amqp.SASLInit) error {
	switch init.Mechanism {
	case "ANONYMOUS":
		return nil
	case "PLAIN":
		parts := strings.Split(string(init.Response), "\x00")
		if len(parts) != 3 {
			return errors.New("SASL PLAIN without a name and a key")
		}
		return c.grantKey(parts[1], parts[2])
	}
	return fmt.Errorf("SASL mechanism %q", init.Mechanism)
}

// header reads the client's protocol header and answers with the same one and what follows; an unwanted header is answered
// with ours, as the protocol asks, and ends the connection.
func (c *conn) header(want string, then []byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.in, got); err != nil {
		return fmt.Errorf("read the protocol header: %w", err)
	}
	answer := append([]byte(want), then...)
	switch {
	case strings.HasPrefix(string(got), "GET "):
		answer = []byte("HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 70\r\n\r\n" +
			"This port speaks AMQP 1.0. WebSockets are not served by this emulator.")
	case string(got) != want:
		answer = answer[:len(want)]
	}
	if _, err := c.net.Write(answer); err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("protocol header %q where %q is due", got, want)
	}
	return nil
}

// expect reads the one performative that may come now.
func expect[P amqp.Performative](c *conn) (p P, err error) {
	f, err := amqp.ReadFrame(c.in, maxFrame, nil)
	if err != nil {
		return p, err
	}
	got, _, err := f.Performative()
	if err != nil {
		return p, err
	}
	p, ok := got.(P)
	if !ok {
		return p, fmt.Errorf("%T where %T is due", got, p)
	}
	return p, nil
}
