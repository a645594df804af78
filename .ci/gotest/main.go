// Command gotest runs go test with the arguments it is given and prints what go test prints without -v, then the ten
// slowest tests, then one line "N passed, N failed". It ends with the exit code of go test.
//
// It exists because a pipe into a summariser loses the exit code, and because a suite gets slow one test at a time.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"guestlist/.ci/internal/testevent"
)

func main() {
	code, err := run(".", os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	os.Exit(code)
}

func run(dir string, args []string, out io.Writer) (int, error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	s := newSummary(out)
	testevent.Read(pipe, out, s.add)
	err = cmd.Wait()
	s.finish(10)

	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return max(1, exit.ExitCode()), nil // -1 when a signal ended it
	case err != nil:
		return 1, err
	case s.failed > 0:
		return 1, errors.New("go test ended well and reported a failure")
	}
	return 0, nil
}
