// Package s3 runs Versity S3 Gateway, a server of the S3 protocol, as a child process with buckets in a folder. Call
// [Start], hand [Server.Environment] to programs that use an AWS SDK, and [Server.Close] at the end.
//
// Every object that is created is told to Config.Notify, as S3 does it: encoded keys, versions and sequencers. It promises
// that the server answers when Start returns, and that it is gone after Close and, on Linux, after the death of its parent.
// It leaves out installing the server, which `make s3server` does, and IAM: one key may do everything.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"guestlist/pkg/local/child"
)

// The one account of the server. It protects nothing.
const (
	AccessKey = "guestlist"
	SecretKey = "guestlist-local-only"
	Region    = "eu-central-1"
)

const startTime = 60 * time.Second

// Config says where the server listens and what it tells.
type Config struct {
	Port int // on 127.0.0.1; 0 picks a free one
	// Notify gets each event, an S3 event notification in JSON. It is called from several goroutines.
	Notify func(event []byte)
}

// Server is a running server.
type Server struct {
	port    int
	dir     string
	child   *child.Child
	webhook *webhook
}

// Start starts the server and returns when it answers. It needs the program that `make s3server` builds. ctx bounds the
// start only.
func Start(ctx context.Context, c Config) (*Server, error) {
	program, err := child.Installed("s3server", ".cache", "bin", "versitygw")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	s := &Server{port: c.Port}
	if s.dir, err = os.MkdirTemp("", "guestlist-s3-"); err != nil {
		return nil, err
	}
	if err := s.start(ctx, program, c); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, program string, c Config) (err error) {
	if s.webhook, err = listen(s.versionOf, c.Notify); err != nil {
		return err
	}
	if s.port == 0 {
		if s.port, err = child.QuietPort(); err != nil {
			return err
		}
	}
	var dirs []string
	for _, name := range []string{"objects", "versions", "metadata"} {
		dirs = append(dirs, filepath.Join(s.dir, name))
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o755); err != nil {
			return err
		}
	}
	// Metadata lie beside the objects: not every file system of a developer's machine has extended attributes.
	s.child, err = child.Start(exec.Command(program, "--access", AccessKey, "--secret", SecretKey, "--region", Region, "--quiet",
		"--port", fmt.Sprintf("127.0.0.1:%d", s.port), "--health", "/health", "--event-webhook-url", s.webhook.url(),
		"posix", "--versioning-dir", dirs[1], "--sidecar", dirs[2], dirs[0]))
	if err != nil {
		return err
	}
	return s.ready(ctx)
}

func (s *Server) ready(ctx context.Context) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/health", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.child.Done():
			return errors.New("the S3 server ended: " + s.child.Notes())
		case <-ctx.Done():
			return fmt.Errorf("the S3 server does not answer: %w; it said: %s", ctx.Err(), s.child.Notes())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL returns the address of the server.
func (s *Server) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

// PID returns the id of the server's process.
func (s *Server) PID() int { return s.child.PID() }

// Environment returns the variables with which an AWS SDK finds the server.
func (s *Server) Environment() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_REGION=" + Region, "AWS_ENDPOINT_URL_S3=" + s.URL()}
}

// Close ends the server and forgets its objects. It may be repeated.
func (s *Server) Close() error {
	if s.child != nil {
		s.child.Kill()
	}
	if s.webhook != nil {
		s.webhook.close()
	}
	return os.RemoveAll(s.dir)
}
