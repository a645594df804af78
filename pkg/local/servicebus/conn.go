package servicebus

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"guestlist/pkg/local/servicebus/internal/amqp"
)

const (
	maxFrame    = 65536            // what azservicebus itself asks for
	idleTimeout = time.Minute      // told to clients, which send something twice as often
	handshake   = 30 * time.Second // for the headers, SASL and open
)

var errClosed = errors.New("closed by the client")

// conn is one client connection. One goroutine reads and handles frames, one writes. The maps of sessions and links
// belong to the reader; what the writer or a queue touches is guarded by the outbox.
type conn struct {
	server   *Server
	net      net.Conn
	in       *bufio.Reader
	out      *outbox
	sessions map[uint16]*session
	replies  map[string]*replyLink // by link name and by target address
}

func newConn(s *Server, nc net.Conn) *conn {
	return &conn{server: s, net: nc, in: bufio.NewReaderSize(nc, maxFrame), out: newOutbox(nc),
		sessions: map[uint16]*session{}, replies: map[string]*replyLink{}}
}

// serve handles the connection to its end and tells why it ended.
func (c *conn) serve() error {
	defer c.net.Close()
	peer, err := c.open()
	if err != nil {
		return err
	}
	c.out.frameSize = peer.MaxFrameSize
	var writer sync.WaitGroup
	writer.Go(c.out.run)
	beat := c.heartbeat(peer)
	err = c.read()
	if beat != nil {
		beat.Stop()
	}
	for _, s := range c.sessions {
		s.end()
	}
	c.out.finish()
	writer.Wait()
	return err
}

// heartbeat keeps the client from timing out: a frame in every half of the time it allows.
func (c *conn) heartbeat(peer *amqp.Open) *time.Timer {
	if peer.IdleTimeout == 0 {
		return nil
	}
	every := max(time.Duration(peer.IdleTimeout)*time.Millisecond/2, 10*time.Millisecond)
	var t *time.Timer
	var set sync.Mutex // the first beat may come before t is set
	set.Lock()
	defer set.Unlock()
	t = time.AfterFunc(every, func() {
		set.Lock()
		defer set.Unlock()
		if c.out.push(item{}) {
			t.Reset(every)
		}
	})
	return t
}

// open does the handshake: SASL, whose only mechanism is ANONYMOUS since tokens come later, and open frames.
func (c *conn) open() (*amqp.Open, error) {
	c.net.SetDeadline(time.Now().Add(handshake))
	defer c.net.SetDeadline(time.Time{})
	if err := c.header(amqp.HeaderSASL, &amqp.SASLMechanisms{Mechanisms: []amqp.Symbol{"ANONYMOUS"}}); err != nil {
		return nil, err
	}
	if _, err := expect[*amqp.SASLInit](c); err != nil {
		return nil, err
	}
	if err := c.write(amqp.AppendFrame(nil, amqp.Frame{Type: amqp.TypeSASL}, &amqp.SASLOutcome{})); err != nil {
		return nil, err
	}
	if err := c.header(amqp.HeaderAMQP, nil); err != nil {
		return nil, err
	}
	peer, err := expect[*amqp.Open](c)
	if err != nil {
		return nil, err
	}
	peer.MaxFrameSize = max(min(peer.MaxFrameSize, maxFrame), 512)
	return peer, c.write(amqp.AppendFrame(nil, amqp.Frame{}, &amqp.Open{ContainerID: "guestlist-servicebus", MaxFrameSize: maxFrame,
		ChannelMax: 4095, IdleTimeout: uint32(idleTimeout.Milliseconds())}))
}

// header reads the client's protocol header and answers with the same one; an unwanted header is answered with ours, as
// the protocol asks, and ends the connection.
func (c *conn) header(want string, then amqp.Performative) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.in, got); err != nil {
		return fmt.Errorf("read the protocol header: %w", err)
	}
	answer := []byte(want)
	if then != nil && string(got) == want {
		answer = amqp.AppendFrame(answer, amqp.Frame{Type: amqp.TypeSASL}, then)
	}
	if err := c.write(answer); err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("protocol header %q where %q is due", got, want)
	}
	return nil
}

func (c *conn) write(b []byte) error {
	_, err := c.net.Write(b)
	return err
}

// expect reads the one performative that may come now.
func expect[P amqp.Performative](c *conn) (p P, err error) {
	f, err := amqp.ReadFrame(c.in, maxFrame)
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

// read handles frames until the connection ends. A client that breaks the protocol is told so with a close frame.
func (c *conn) read() error {
	for {
		c.out.waitForRoom()
		c.net.SetReadDeadline(time.Now().Add(2 * idleTimeout))
		f, err := amqp.ReadFrame(c.in, maxFrame)
		if err == nil {
			err = c.handle(f)
		}
		if err == nil {
			continue
		}
		if e := (*amqp.Error)(nil); errors.As(err, &e) {
			c.out.push(item{frame: &amqp.Close{Error: e}})
		} else if errors.Is(err, amqp.ErrMalformed) {
			c.out.push(item{frame: &amqp.Close{Error: &amqp.Error{Condition: "amqp:decode-error", Description: err.Error()}}})
		}
		return err
	}
}

func (c *conn) handle(f amqp.Frame) error {
	p, payload, err := f.Performative()
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case nil:
		return nil
	case *amqp.Close:
		c.out.push(item{frame: &amqp.Close{}})
		return errClosed
	case *amqp.Begin:
		return c.begin(f.Channel, p)
	}
	s := c.sessions[f.Channel]
	if s == nil {
		return &amqp.Error{Condition: "amqp:not-allowed", Description: fmt.Sprintf("%T on channel %d, where no session is", p, f.Channel)}
	}
	if _, ok := p.(*amqp.End); ok {
		delete(c.sessions, f.Channel)
		s.end()
		c.out.push(item{session: s, frame: &amqp.End{}})
		return nil
	}
	return s.handle(p, payload)
}

func (c *conn) begin(channel uint16, b *amqp.Begin) error {
	if c.sessions[channel] != nil {
		return &amqp.Error{Condition: "amqp:not-allowed", Description: fmt.Sprintf("channel %d is in use", channel)}
	}
	s := newSession(c, channel, b)
	c.sessions[channel] = s
	c.out.push(item{session: s, frame: &amqp.Begin{RemoteChannel: &channel, IncomingWindow: window, OutgoingWindow: window, HandleMax: 4095}})
	return nil
}
