package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"guestlist/pkg/local/servicebus"
)

var errNotAllowed = errors.New("this user may not listen on ports 443 and 5671 of 127.0.0.2")

// namespace is the emulator where the tests look for it: AMQP over TLS on port 5671, administration on 443.
type namespace struct {
	host   string
	dir    string
	keys   map[string]servicebus.Key
	server *servicebus.Server
	amqps  net.Listener
	https  *http.Server
}

// startNamespace starts the emulator. Files that the tests need go into dir.
func startNamespace(dir string) (*namespace, error) {
	n := &namespace{dir: dir, keys: map[string]servicebus.Key{}}
	amqps, https, err := n.listen()
	if err != nil {
		return nil, err
	}
	n.amqps = amqps
	certificate, err := selfSigned(n.host, filepath.Join(dir, "certificate.pem"))
	if err != nil {
		return nil, errors.Join(err, amqps.Close(), https.Close())
	}
	// Queue and keys are those of the SDK's test-resources.bicep.
	all := []servicebus.Right{servicebus.Manage, servicebus.Send, servicebus.Listen}
	for name, rights := range map[string][]servicebus.Right{"RootManageSharedAccessKey": all, "NoManage": all[1:], "SendOnly": all[1:2], "ListenOnly": all[2:]} {
		n.keys[name] = servicebus.Key{Name: name, Key: base64.StdEncoding.EncodeToString([]byte(rand.Text())), Rights: rights}
	}
	config := servicebus.Config{ListenTLS: "127.0.0.1:0", Certificate: certificate, AcceptJWT: true,
		Queues: []servicebus.Queue{{Name: "testQueue", LockDuration: 5 * time.Minute}}}
	for _, k := range n.keys {
		config.Keys = append(config.Keys, k)
	}
	if n.server, err = servicebus.Serve(config); err != nil {
		return nil, errors.Join(err, amqps.Close(), https.Close())
	}
	go pace(amqps, n.server.AddrTLS(), networkSpeed)
	n.https = serveHTTPS(https, certificate, n.server.Admin())
	return n, nil
}

// listen takes the first loopback address whose two ports are free. Not 127.0.0.1: that nobody answers there is what a
// test about custom endpoints relies on.
func (n *namespace) listen() (amqps, https net.Listener, err error) {
	for last := 2; last < 255; last++ {
		n.host = fmt.Sprintf("127.0.0.%d", last)
		if amqps, err = net.Listen("tcp", n.host+":5671"); err == nil {
			if https, err = net.Listen("tcp", n.host+":443"); err == nil {
				return amqps, https, nil
			}
			amqps.Close()
		}
		if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EADDRNOTAVAIL) {
			return nil, nil, errNotAllowed
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, err
		}
	}
	return nil, nil, err
}

func (n *namespace) close() {
	n.https.Close()
	n.amqps.Close()
	n.server.Close()
}

func (n *namespace) connectionString(key string) string {
	return fmt.Sprintf("Endpoint=sb://%s/;SharedAccessKeyName=%s;SharedAccessKey=%s", n.host, key, n.keys[key].Key)
}

// environment is all that the tests get to know: the service, a token from a command that stands in for the Azure CLI, and
// a proxy that is not there, so that no test gets off this machine. Go asks no proxy for loopback addresses.
func (n *namespace) environment(getenv func(string) string) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(n.dir, "bin")
	az := fmt.Sprintf("#!/bin/sh\necho '{\"accessToken\": \"%s\", \"expires_on\": %d}'\n", unsignedToken, time.Now().Add(24*time.Hour).Unix())
	if err := errors.Join(os.MkdirAll(bin, 0o700), os.WriteFile(filepath.Join(bin, "az"), []byte(az), 0o700)); err != nil {
		return nil, err
	}
	return []string{
		"PATH=" + bin + string(os.PathListSeparator) + getenv("PATH"), "HOME=" + getenv("HOME"), "TMPDIR=" + n.dir,
		"AZURE_RECORD_MODE=live",
		"AZURE_TOKEN_CREDENTIALS=AzureCLICredential",
		"AMQP_FAULT_INJECTOR_PATH=" + self,
		"SSL_CERT_FILE=" + filepath.Join(n.dir, "certificate.pem"),
		"HTTPS_PROXY=http://127.0.0.1:1",
		"SERVICEBUS_ENDPOINT=" + n.host,
		"SERVICEBUS_ENDPOINT_PREMIUM=" + n.host,
		"SERVICEBUS_CONNECTION_STRING=" + n.connectionString("RootManageSharedAccessKey"),
		"SERVICEBUS_CONNECTION_STRING_PREMIUM=" + n.connectionString("RootManageSharedAccessKey"),
		"SERVICEBUS_CONNECTION_STRING_NO_MANAGE=" + n.connectionString("NoManage"),
		"SERVICEBUS_CONNECTION_STRING_SEND_ONLY=" + n.connectionString("SendOnly"),
		"SERVICEBUS_CONNECTION_STRING_LISTEN_ONLY=" + n.connectionString("ListenOnly"),
	}, nil
}

// unsignedToken has the form of a token of Microsoft Entra: {"alg":"none"}, {} and no signature.
const unsignedToken = "eyJhbGciOiJub25lIn0.e30."
