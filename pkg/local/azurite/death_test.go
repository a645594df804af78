package azurite_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"guestlist/pkg/local/azurite"
)

const parentVariable = "AZURITE_TEST_PARENT"

// TestMain makes the test binary a parent that starts Azurite and waits to be killed, if it is asked to.
func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) == "" {
		os.Exit(m.Run())
	}
	s, err := azurite.Start(context.Background(), azurite.Config{})
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString(s.BlobURL() + "\n")
	select {}
}

func TestDiesWithItsParent(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // only Linux can do this
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	blob := line[:max(0, len(line)-1)]
	if portOf(t, blob) == 0 {
		t.Fatalf("parent said %q", line)
	}
	for end := time.Now().Add(time.Minute); ; {
		res, err := http.Get(blob)
		if err != nil {
			return
		}
		res.Body.Close()
		if time.Now().After(end) {
			t.Fatal("Azurite answers a minute after its parent was killed")
		}
	}
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(u.Port())
	return port
}
