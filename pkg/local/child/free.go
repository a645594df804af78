package child

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Quiet ports lie below those that systems give to whoever asks for any (from 32768 on Linux, 49152 elsewhere).
const firstQuiet, lastQuiet = 20000, 32000

// reserved is for how long no other call of QuietPort on this machine gets the same port.
const reserved = 10 * time.Minute

// QuietPort returns a port of 127.0.0.1 that nobody listens on at the moment, and that the system gives to nobody: for a
// server that begins later, or is away for a while, and in whose place no other program's must come to sit. Other calls, of
// other processes too, do not get it for ten minutes or until this process ends.
func QuietPort() (port int, err error) {
	for range 100 {
		port = firstQuiet + rand.N(lastQuiet-firstQuiet)
		if err = reserve(port); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("quiet port: %w", err)
}

// reserve takes the port of the same number for UDP, which disturbs nobody who listens for TCP.
func reserve(port int) error {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	sign, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(err, sign.Close())
	}
	time.AfterFunc(reserved, func() { _ = sign.Close() })
	return l.Close()
}

// Installed returns the path of a file that make puts into the repository that the working directory is in, such as
// .cache/bin/x. The error names the make target.
func Installed(target string, path ...string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory: run inside the repository")
		}
		dir = up
	}
	file := filepath.Join(append([]string{dir}, path...)...)
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("%s is not installed, run \"make %s\": %w", filepath.Base(file), target, err)
	}
	return file, nil
}
