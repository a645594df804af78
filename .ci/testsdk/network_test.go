package main

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Frames as the emulator writes them: a message to settle, one that is settled, and a flow.
var (
	message = []byte{0, 0, 0, 22, 2, 0, 0, 1, 0, 0x53, 0x14, 0xc0, 9, 5, 0x52, 1, 0x52, 7, 0xa0, 1, 9, 0x43}
	settled = []byte{0, 0, 0, 23, 2, 0, 0, 1, 0, 0x53, 0x14, 0xc0, 10, 5, 0x52, 1, 0x52, 7, 0xa0, 1, 9, 0x43, 0x41}
	flow    = []byte{0, 0, 0, 14, 2, 0, 0, 1, 0, 0x53, 0x13, 0xc0, 1, 0}
	empty   = []byte{0, 0, 0, 8, 2, 0, 0, 0}
	header  = []byte("AMQP\x00\x01\x00\x00")
)

func TestMessagesAreTold(t *testing.T) {
	t.Parallel()
	for i, frame := range [][]byte{message, settled, flow, empty, header} {
		if got := isMessage(frame); got != (i == 0) {
			t.Errorf("frame %d: %v", i, got)
		}
	}
}

func TestMessagesAfterTheFirstComeLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, out := net.Pipe()
		in, service := net.Pipe()
		go lateRelay(out, in, 1, 5*time.Second)
		start := time.Now()
		go func() {
			for _, frame := range [][]byte{header, settled, message, settled, message, message} {
				service.Write(frame)
			}
			service.Close()
		}()
		var got []time.Duration
		for {
			if _, err := readFrame(client); err != nil {
				break
			}
			got = append(got, time.Since(start))
		}
		late := 5 * time.Second
		if d := cmp.Diff([]time.Duration{0, 0, 0, 0, late, late}, got); d != "" {
			t.Error(d)
		}
	})
}

func TestTheNetworkIsSlowInOneDirection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for speed, want := range map[int]time.Duration{0: 0, 100_000: 9 * time.Second} {
			client, out := net.Pipe()
			in, service := net.Pipe()
			go relay(out, in, speed)
			start := time.Now()
			go func() {
				service.Write(make([]byte, 1_000_000))
				service.Close()
			}()
			n, _ := io.Copy(io.Discard, client)
			if took := time.Since(start); n != 1_000_000 || took < want || took > want+time.Second {
				t.Errorf("speed %d: %d bytes in %s", speed, n, took)
			}
		}
	})
}
