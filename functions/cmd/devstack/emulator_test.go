package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func TestBusTakesQueuesFromAFileAndAKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(`{"UserConfig": {"Namespaces": [{"Name": "n", "Queues": [{"Name": "orders"}]}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	code := make(chan int, 1)
	var problems bytes.Buffer
	go func() {
		code <- run(ctx, []string{"servicebus", "-listen", "127.0.0.1:0", "-config", file, "-sas-key", "mine",
			"-fault", `{"kind": "delay", "seconds": 0.01}`, "-seed", "7"}, nil, in, &problems)
		in.Close()
	}()
	text := make([]byte, 1000)
	n, err := out.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	connection := strings.TrimSpace(string(text[:n]))
	all := make(chan string)
	go func() {
		rest, _ := io.ReadAll(out)
		all <- string(rest)
	}()
	if !strings.Contains(connection, "SharedAccessKey=mine;") {
		t.Errorf("connection string %q", connection)
	}
	c, err := azservicebus.NewClientFromConnectionString(connection, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSender("orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SendMessage(t.Context(), &azservicebus.Message{}, nil); err != nil {
		t.Error(err)
	}
	stop()
	if rest := <-all; !strings.Contains(rest, "faults with -seed 7") {
		t.Errorf("said %q", rest)
	}
	if c := <-code; c != exitDone {
		t.Errorf("exit code %d\n%s", c, &problems)
	}
}

func TestBadFlagsOfTheBusAreExplained(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-config", "nowhere.json"}, "nowhere.json"},
		{[]string{"-tls-listen", "127.0.0.1:0"}, "-cert and -key"},
		{[]string{"-tier", "Basic"}, `no tier "Basic"`},
		{[]string{"-fault", `{"kind": "fire"}`}, `no fault "fire"`},
		{[]string{"-fault", `{"kinds": "delay"}`}, "kinds"},
		{[]string{"orders"}, "flags only"},
	} {
		var text bytes.Buffer
		args := append([]string{"servicebus", "-listen", "127.0.0.1:0"}, c.args...)
		if code := run(t.Context(), args, nil, io.Discard, &text); code == exitDone || !strings.Contains(text.String(), c.want) {
			t.Errorf("%q: exit code %d, said %q, want %q", c.args, code, &text, c.want)
		}
	}
}
