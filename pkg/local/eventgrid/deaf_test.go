package eventgrid_test

import (
	"bytes"
	"net"
	"runtime"
	"sync/atomic"
)

// deafOnce stands before the broker. The first connection that carries an event of this test hears no answer to it, and
// is closed once the broker has it.
func (w *world) deafOnce() (address string) {
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { front.Close() })
	var done atomic.Bool
	go func() {
		for {
			client, err := front.Accept()
			if err != nil {
				return
			}
			broker, err := net.Dial("tcp", w.bus.Addr())
			if err != nil {
				client.Close()
				return
			}
			c := &deaf{client: client, broker: broker, ends: &done, word: []byte(w.id)}
			go c.answers()
			go c.requests(func() bool { return w.bus.Stats()[0].Sent > 0 })
		}
	}()
	return front.Addr().String()
}

type deaf struct {
	client, broker net.Conn
	ends           *atomic.Bool // whether a connection was cut already
	word           []byte
	mute           atomic.Bool
}

func (c *deaf) requests(accepted func() bool) {
	defer c.client.Close()
	defer c.broker.Close()
	for buf := make([]byte, 1<<16); ; {
		n, err := c.client.Read(buf)
		if n > 0 && bytes.Contains(buf[:n], c.word) && c.ends.CompareAndSwap(false, true) {
			c.mute.Store(true)
		}
		if _, werr := c.broker.Write(buf[:n]); err != nil || werr != nil {
			return
		}
		if c.mute.Load() {
			for !accepted() {
				runtime.Gosched()
			}
			return
		}
	}
}

func (c *deaf) answers() {
	for buf := make([]byte, 1<<16); ; {
		n, err := c.broker.Read(buf)
		if err != nil {
			return
		}
		if !c.mute.Load() {
			_, _ = c.client.Write(buf[:n])
		}
	}
}
