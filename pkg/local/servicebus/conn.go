package servicebus

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"guestlist/pkg/local/servicebus/internal/amqp"
)

const (
	maxFrame    = 65536            // what azservicebus itself asks for
	idleTimeout = time.Minute      // told to clients, which send something twice as often
	handshake   = 30 * time.Second // for the headers, SASL and open
	// maxBacklog is how many bytes may wait to be written before the connection stops reading: a client that sends and
	// never reads must not fill the memory.
	maxBacklog   = 1 << 20
	flushAt      = 128 << 10        // no more messages are taken from queues while that much waits to be written
	writeTimeout = 30 * time.Second // a client that takes nothing for so long is gone
)

var errClosed = errors.New("closed by the client")

// conn is one client connection. One goroutine reads and handles frames, one writes. Handling a frame appends the answer to
// out; the writer fills out with messages from the queues while there is credit, takes all of it, and writes it with mu
// unlocked. So what a client does not take stays in its queue, and nobody waits for a socket but its own writer.
type conn struct {
	server    *Server
	net       net.Conn
	in        *bufio.Reader
	frameSize int           // the largest frame that the client takes
	wake      chan struct{} // holds an element if the writer has something to look at

	mu       sync.Mutex // guards what follows
	out      []byte
	room     sync.Cond // out was taken
	ended    bool      // nothing more is coming
	sessions map[uint16]*session
	senders  []*link          // our ends that send
	replies  map[string]*link // those that bring answers, by link name and by target address
	claims   map[string]claim
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, net: nc, in: bufio.NewReaderSize(nc, maxFrame), wake: make(chan struct{}, 1),
		sessions: map[uint16]*session{}, replies: map[string]*link{}, claims: map[string]claim{}}
	c.room.L = &c.mu
	return c
}

// serve handles the connection to its end and tells why it ended.
func (c *conn) serve() error {
	defer c.net.Close()
	peer, err := c.open()
	if err != nil {
		return err
	}
	c.frameSize = int(max(min(peer.MaxFrameSize, maxFrame), 512))
	var writer sync.WaitGroup
	writer.Go(func() { c.writeAll(time.Duration(peer.IdleTimeout) * time.Millisecond / 2) })
	err = c.readAll()
	c.end()
	writer.Wait()
	return err
}

// end closes the sessions and makes the writer stop after what waits. Locks stay until they expire.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sessions {
		s.end()
	}
	c.ended = true
	c.signal()
	c.room.Broadcast()
}

// drop ends the connection without a word: TLS would say goodbye, and might wait for room to say it.
func (c *conn) drop() {
	if secure, ok := c.net.(*tls.Conn); ok {
		secure.NetConn().Close()
		return
	}
	c.net.Close()
}

// signal makes the writer look for something to write. It may be called with or without locks.
func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// push appends a frame for the writer; mu is locked. Who pushes besides the reader must signal.
func (c *conn) push(channel uint16, p amqp.Performative) {
	c.out = amqp.AppendFrame(c.out, amqp.Frame{Channel: channel}, p)
}

// hasFrame tells whether the next frame was read already: then the writer is not woken for the answers to this one alone.
func (c *conn) hasFrame() bool {
	if c.in.Buffered() < 4 {
		return false
	}
	size, err := c.in.Peek(4)
	return err == nil && int64(binary.BigEndian.Uint32(size)) <= int64(c.in.Buffered())
}

// readAll handles frames until the connection ends. A client that breaks the protocol is told so with a close frame.
func (c *conn) readAll() error {
	buf := make([]byte, maxFrame)
	var deadline time.Time
	for {
		if now := time.Now(); now.After(deadline.Add(-idleTimeout)) {
			deadline = now.Add(2 * idleTimeout)
			c.net.SetReadDeadline(deadline)
		}
		f, err := amqp.ReadFrame(c.in, maxFrame, buf)
		if err == nil {
			err = c.handle(f)
		}
		if !c.hasFrame() {
			c.signal()
		}
		if err == nil {
			continue
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if e := (*amqp.Error)(nil); errors.As(err, &e) {
			c.push(0, &amqp.Close{Error: e})
		} else if errors.Is(err, amqp.ErrMalformed) {
			c.push(0, &amqp.Close{Error: &amqp.Error{Condition: "amqp:decode-error", Description: err.Error()}})
		}
		return err
	}
}

func (c *conn) handle(f amqp.Frame) error {
	p, payload, err := f.Performative()
	if p == nil || err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) > maxBacklog && !c.ended {
		c.signal()
		c.room.Wait()
	}
	switch p := p.(type) {
	case *amqp.Close:
		c.push(0, &amqp.Close{})
		return errClosed
	case *amqp.Begin:
		return c.begin(f.Channel, p)
	}
	s := c.sessions[f.Channel]
	if s == nil {
		return &amqp.Error{Condition: "amqp:not-allowed", Description: fmt.Sprintf("%T on channel %d, where no session is", p, f.Channel)}
	}
	if _, ok := p.(*amqp.End); ok {
		s.end()
		delete(c.sessions, f.Channel)
		c.push(f.Channel, &amqp.End{})
		return nil
	}
	return s.handle(p, payload)
}

func (c *conn) begin(channel uint16, b *amqp.Begin) error {
	if c.sessions[channel] != nil || channel > channelMax {
		return &amqp.Error{Condition: "amqp:not-allowed", Description: fmt.Sprintf("channel %d is in use or too high", channel)}
	}
	c.sessions[channel] = newSession(c, channel, b)
	c.push(channel, &amqp.Begin{RemoteChannel: &channel, IncomingWindow: window, OutgoingWindow: window, HandleMax: handleMax})
	return nil
}

// writeAll writes until the end or until the connection fails. It sends an empty frame whenever beat has passed, so that
// the client does not time out; 0 is never.
func (c *conn) writeAll(beat time.Duration) {
	var beats <-chan time.Time
	if beat > 0 {
		t := time.NewTicker(max(beat, 10*time.Millisecond))
		defer t.Stop()
		beats = t.C
	}
	var frames []byte
	for {
		var ended bool
		frames, ended = c.collect(frames[:0])
		if len(frames) == 0 && ended {
			return
		}
		if len(frames) == 0 {
			select {
			case <-c.wake:
				continue
			case <-beats:
				frames = append(frames, amqp.Empty...)
			}
		}
		c.net.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := c.net.Write(frames); err != nil {
			c.drop() // the reader ends too
			c.end()
			return
		}
		if cap(frames) > 2*maxBacklog {
			frames = nil
		}
	}
}

// collect lets the links fill out with messages, then takes it and leaves an empty one.
func (c *conn) collect(empty []byte) (frames []byte, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for more := true; more && !c.ended && len(c.out) < flushAt; {
		more = false
		for _, l := range c.senders {
			more = l.deliver() || more
		}
	}
	frames, c.out = c.out, empty
	c.room.Broadcast()
	return frames, c.ended
}
