package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

// networkSpeed is how many bytes a second come from the emulator on one connection. A test of wait times holds only if a
// thousand messages of 1,000 bytes take much longer than 20 ms, as they do from any network, but not from loopback.
const networkSpeed = 2_000_000

// pace hands connections on to target, and what comes back no faster than speed bytes a second, until l is closed.
func pace(l net.Listener, target string, speed int) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", target)
		if err != nil {
			client.Close()
			continue
		}
		go relay(server, client, 0)
		go relay(client, server, speed)
	}
}

// relay copies until either end is closed, then closes both. Speed 0 is no limit.
func relay(to, from net.Conn, speed int) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 8<<10)
	free := time.Now() // when the line is free again
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
		if speed > 0 {
			free = later(free, time.Now()).Add(time.Duration(n) * time.Second / time.Duration(speed))
			time.Sleep(time.Until(free))
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func serveHTTPS(l net.Listener, certificate tls.Certificate, h http.Handler) *http.Server {
	s := &http.Server{Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}, ErrorLog: log.New(io.Discard, "", 0),
		ReadHeaderTimeout: time.Minute}
	go s.ServeTLS(l, "", "")
	return s
}

// selfSigned makes a certificate for an address and writes it to a file for those who are to trust it.
func selfSigned(host, file string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.ParseIP(host), net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if file != "" {
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			return tls.Certificate{}, err
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
