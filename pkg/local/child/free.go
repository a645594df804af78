package child

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// FreePorts returns n different ports of 127.0.0.1 that nobody listens on at the moment.
func FreePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("free port: %w", err)
		}
		defer l.Close() // held until all are picked, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
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
