package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"flag"
	"io"
	"net"
	"os"
	"time"
)

// injectorCommand makes this program the fault injector that the SDK's tests start: a proxy in front of the service that
// delivers the first messages at once and the rest late.
const injectorCommand = "transfer_delay"

// injector listens on a free port, writes the address to a file and forwards until it is killed.
func injector(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet(injectorCommand, flag.ContinueOnError)
	after := fs.Int("after", 0, "delay what comes after `N` messages")
	delay := fs.Duration("delay", 0, "how late it comes")
	host := fs.String("host", "", "the service")
	file := fs.String("address-file", "", "`FILE` to write the address to")
	fs.String("cert", "", "unused: clients do not check the certificate")
	fs.String("logs", "", "unused")
	if err := fs.Parse(args); err != nil {
		return err
	}
	certificate, err := selfSigned("127.0.0.1", "")
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	if err := writeWhole(*file, l.Addr().String()); err != nil {
		return err
	}
	for {
		client, err := l.Accept()
		if err != nil {
			return nil // interrupted
		}
		service, err := tls.Dial("tcp", net.JoinHostPort(*host, "5671"), nil)
		if err != nil {
			return err
		}
		go relay(service, client, 0)
		go lateRelay(client, service, *after, *delay)
	}
}

// writeWhole lets nobody read half of a file.
func writeWhole(name, text string) error {
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// lateRelay copies frames. From the first message after n on, each goes delay after it came.
func lateRelay(to, from net.Conn, n int, delay time.Duration) {
	type late struct {
		frame []byte
		due   time.Time
	}
	line := make(chan late, 1024)
	defer close(line)
	go func() {
		defer to.Close()
		for l := range line {
			time.Sleep(time.Until(l.due))
			if _, err := to.Write(l.frame); err != nil {
				from.Close()
			}
		}
	}()
	for messages := 0; ; {
		frame, err := readFrame(from)
		if err != nil {
			return
		}
		if isMessage(frame) {
			messages++
		}
		due := time.Now()
		if messages > n {
			due = due.Add(delay)
		}
		line <- late{frame, due}
	}
}

// readFrame reads a frame of AMQP, or one of the protocol headers before them, which are as long as the head of a frame.
func readFrame(r io.Reader) ([]byte, error) {
	frame := make([]byte, 8)
	if _, err := io.ReadFull(r, frame); err != nil || string(frame[:4]) == "AMQP" {
		return frame, err
	}
	size := binary.BigEndian.Uint32(frame)
	frame = append(frame, make([]byte, max(size, 8)-8)...)
	_, err := io.ReadFull(r, frame[8:])
	return frame, err
}

// isMessage tells whether a frame is a transfer that the client has to settle: answers to requests come settled.
func isMessage(frame []byte) bool {
	const list8, list32, transfer = 0xc0, 0xd0, 0x14
	if len(frame) < 14 || frame[8] != 0 || frame[10] != transfer {
		return false
	}
	fields := frame[11:]
	switch fields[0] {
	case list8:
		fields = fields[3:]
	case list32:
		fields = fields[9:]
	}
	for range 4 { // handle, delivery-id, delivery-tag, message-format
		if fields = skip(fields); len(fields) == 0 {
			return true
		}
	}
	return fields[0] != 0x41 // settled is true
}

// skip leaves out one primitive value of a list's fields.
func skip(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	n := 1
	switch b[0] {
	case 0x52: // a small uint
		n = 2
	case 0x70: // a uint
		n = 5
	case 0xa0: // a short binary
		if len(b) > 1 {
			n = 2 + int(b[1])
		}
	}
	return b[min(n, len(b)):]
}
