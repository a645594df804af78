// Package azurite runs Azurite, Microsoft's storage emulator, as a child process: blobs, queues and tables on the
// loopback interface. Call [Start], hand [Server.ConnectionString] to the storage clients, and [Server.Close] at the end.
//
// It promises that all three services answer when Start returns, and that the process is gone after Close and, on Linux,
// after the death of its parent. It leaves out installing Azurite, which `make tools` does, and everything that Azurite
// itself leaves out.
package azurite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"guestlist/pkg/local/child"
)

// Account and Key are the account that Azurite serves. They are published by Microsoft and protect nothing.
const (
	Account = "devstoreaccount1"
	Key     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// startTime bounds one start. A loaded machine was seen to need 6 s.
const startTime = 60 * time.Second

// attempts is how often Start picks free ports anew when another process took one of them in between.
const attempts = 5

// Config says where Azurite listens and keeps its data. The zero value is a server on free ports that forgets all at its
// end.
type Config struct {
	Blob, Queue, Table int    // ports on 127.0.0.1; 0 picks a free one
	Dir                string // data folder, made if missing; empty keeps the data in memory
	// Accounts are served in place of [Account]: names of 3 to 24 small letters and digits. Each has blobs, queues and tables
	// of its own, so that tests that share one server do not see each other. [Server.Connection] leads to one of them.
	Accounts []string
}

// accountKey is the key of all accounts but [Account]. It protects nothing, and is short because all of them travel in one
// environment variable.
const accountKey = "a2V5"

// Server is a running Azurite.
type Server struct {
	ports [3]int // blob, queue, table
	child *child.Child
	keeps bool // has a folder

	account, key string // the first account
}

// Start starts Azurite and returns when its three services answer. It needs Node.js, and the packages that `make tools`
// installs below infra/local of the repository that the working directory is in. ctx bounds the start only.
func Start(ctx context.Context, c Config) (*Server, error) {
	script, err := script()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for n := 1; ; n++ {
		s, err := start(ctx, script, c)
		fixed := c.Blob != 0 && c.Queue != 0 && c.Table != 0
		if err == nil || fixed || n == attempts || ctx.Err() != nil {
			return s, err
		}
	}
}

func start(ctx context.Context, script string, c Config) (*Server, error) {
	s := &Server{keeps: c.Dir != "", account: Account, key: Key}
	var err error
	if s.ports, err = pickPorts(c.Blob, c.Queue, c.Table); err != nil {
		return nil, err
	}
	cmd := exec.Command("node", append([]string{script}, s.args(c.Dir)...)...)
	if len(c.Accounts) > 0 {
		s.account, s.key = c.Accounts[0], accountKey
		cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+strings.Join(c.Accounts, ":"+accountKey+";")+":"+accountKey)
	}
	if s.child, err = child.Start(cmd); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) args(dir string) []string {
	args := []string{"--silent", "--disableTelemetry", "--skipApiVersionCheck"}
	if dir == "" {
		args = append(args, "--inMemoryPersistence")
	} else {
		args = append(args, "--location", dir)
	}
	for i, name := range services {
		args = append(args, "--"+name+"Host", "127.0.0.1", "--"+name+"Port", fmt.Sprint(s.ports[i]))
	}
	return args
}

// ConnectionString returns the connection string of the whole account, the first if there are several.
func (s *Server) ConnectionString() string { return s.Connection(s.account) }

// Connection returns the connection string of one of the accounts.
func (s *Server) Connection(account string) string {
	return fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%[1]s;AccountKey=%[2]s;BlobEndpoint=%[3]s/%[1]s;QueueEndpoint=%[4]s/%[1]s;TableEndpoint=%[5]s/%[1]s;",
		account, s.key, s.url(0), s.url(1), s.url(2))
}

// BlobURL returns the address of the blob service, the account's name included.
func (s *Server) BlobURL() string { return s.url(0) + "/" + s.account }

// QueueURL returns the address of the queue service, the account's name included.
func (s *Server) QueueURL() string { return s.url(1) + "/" + s.account }

// TableURL returns the address of the table service, the account's name included.
func (s *Server) TableURL() string { return s.url(2) + "/" + s.account }

func (s *Server) url(i int) string { return fmt.Sprintf("http://127.0.0.1:%d", s.ports[i]) }

// PID returns the id of Azurite's process.
func (s *Server) PID() int { return s.child.PID() }

// Done is closed when the process has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.child.Done() }

// Close ends Azurite and waits until it is gone. One with a folder is asked first, so that it can write what it has in
// memory, and killed if it takes more than 10 s. It may be repeated.
func (s *Server) Close() error {
	if s.keeps && s.child.Ask() {
		select {
		case <-s.child.Done():
		case <-time.After(10 * time.Second):
		}
	}
	s.child.Kill()
	return nil
}

// script returns the path of Azurite's program.
func script() (string, error) {
	return child.Installed("tools", "infra", "local", "node_modules", "azurite", "dist", "src", "azurite.js")
}
