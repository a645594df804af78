package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"guestlist/pkg/local/servicebus"
)

// administration says where the queues of the Service Bus emulator are administered over HTTP.
type administration struct{ plain, secure string }

func (a *administration) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.plain, "admin", "127.0.0.1:5300", "`ADDRESS` for administration by http, with /health; empty: none")
	fs.StringVar(&a.secure, "admin-tls", "", "`ADDRESS` for administration by https, with -cert and -key")
}

// serve serves until the closer is closed, and says where.
func (a administration) serve(s *servicebus.Server, certificate tls.Certificate, stdout, stderr io.Writer) (io.Closer, error) {
	h := &http.Server{Handler: s.Admin(), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(stderr, "administration: ", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}}
	for _, way := range []struct {
		scheme, address string
		serve           func(net.Listener) error
	}{
		{"http", a.plain, h.Serve},
		{"https", a.secure, func(l net.Listener) error { return h.ServeTLS(l, "", "") }},
	} {
		if way.address == "" {
			continue
		}
		l, err := net.Listen("tcp", way.address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("administration: %w", err), h.Close())
		}
		go way.serve(l)
		fmt.Fprintf(stdout, "administration %s://%s\n", way.scheme, l.Addr())
	}
	return h, nil
}
