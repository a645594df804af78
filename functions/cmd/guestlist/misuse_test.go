package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/azurite"
)

func TestWrongUsageIsExitCode2AndSaysWhatIsRight(t *testing.T) {
	t.Parallel()
	w := &world{t: t} // no services: usage is judged before anything is opened
	for _, line := range []string{
		"", "statu", "source", "source remove x", "deadletters", "-json status", "status a b", "status -watch", "status a -watch -all", "status -yes",
		"source add", "source add a -from b -file c", "source show", "source list x", "cancel", "cancel a b",
		"deadletters list a b", "deadletters replay", "deadletters replay a -event 3", "drop", "drop x.csv", "deadletters replay -event three",
		"breaker", "breaker show x", "breaker close", "breaker close -reason", "rate", "rate set", "rate set -day 5", "rate set -reason x",
		"rate set -day many -reason x", "rate set -start slow -reason x", "rate set -writes 21 -reason x", "rate set -invitations 0 -reason x",
	} {
		if r := w.run("", strings.Fields(line)...); r.code != exitUsage || r.out != "" {
			t.Errorf("guestlist %s: exit %d, standard output %q", line, r.code, r.out)
		}
	}
	w.golden("misuse")
}

func TestHelp(t *testing.T) {
	t.Parallel()
	w := &world{t: t, env: map[string]string{"GUESTLIST_ENV": "somewhere"}}
	for _, line := range []string{"help", "status -h", "drop -h", "source add -h", "source list --help", "source show -h", "cancel -h", "deadletters list -h", "deadletters replay -h",
		"breaker show -h", "breaker close -h", "rate show -h", "rate set -h"} {
		if r := w.run("", strings.Fields(line)...); r.code != exitDone || r.err != "" {
			t.Errorf("guestlist %s: exit %d, standard error %q", line, r.code, r.err)
		}
	}
	w.golden("help")
}

func TestUnknownAndAmbiguousImports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"aaaa0000000000000001", "aaaa0000000000000002"} {
		w.imports(ledger.Import{ID: id, Source: "twins", Path: "a.csv", Reported: 1})
	}
	for _, line := range []string{"status zz", "status aaaa -watch", "cancel zz -yes", "deadletters list zz", "deadletters replay zz -yes"} {
		if r := w.run("", strings.Fields(line)...); r.code != exitFailed || r.out != "" {
			t.Errorf("guestlist %s: exit %d, standard output %q", line, r.code, r.out)
		}
	}
	w.golden("unknown")
}

func TestSettingsComeFromTheFileBeforeTheEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "bbbb0000000000000001", Source: "settings", Path: "a.csv", Reported: 1})
	file := filepath.Join(t.TempDir(), "settings.env")
	text := "\uFEFF# where the services are\n\nexport Storage=\"" + w.env["Storage"] + "\"\r\n ServiceBus = '" + w.env["ServiceBus"] + "'\n"
	w.must(os.WriteFile(file, []byte(text), 0o600))
	wrong := map[string]string{"Storage": "of another installation", "ServiceBus": "of another installation"}
	named := map[string]string{"GUESTLIST_ENV": file}
	for name, r := range map[string]result{
		"-env":                   runWith(t.Context(), lookup(wrong), "", "status", "bbbb", "-env", file),
		"GUESTLIST_ENV":          runWith(t.Context(), lookup(named), "", "status", "bbbb"),
		"the environment itself": runWith(t.Context(), w.getenv, "", "status", "bbbb"),
	} {
		if r.code != exitDone || !strings.Contains(r.out, "bbbb0000000000000001") {
			t.Errorf("%s: exit %d, %s", name, r.code, r.err)
		}
	}
}

func lookup(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestFailuresOfSettingsAndServicesSayWhatToLookAt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.env")
	if err := os.WriteFile(broken, []byte("Storage=x\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := closedPort(t)
	bus := "Endpoint=sb://" + closed + ";SharedAccessKeyName=k;SharedAccessKey=dGVzdA==;UseDevelopmentEmulator=true"
	nowhere := "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=dGVzdA==;BlobEndpoint=http://" + closed + "/a;TableEndpoint=http://" + closed + "/a"
	shared := newWorld(t)
	for name, c := range map[string]struct {
		env  map[string]string
		args string
		want string
	}{
		"no settings":       {nil, "status", "It is not said where the services are"},
		"no file":           {nil, "status -env " + filepath.Join(dir, "none"), "cannot be read: no such file or directory"},
		"a line without =":  {nil, "status -env " + broken, "Line 2 of"},
		"no bus string":     {map[string]string{"ServiceBus": "x"}, "deadletters list", "The setting ServiceBus holds no connection string"},
		"no storage string": {map[string]string{"ServiceBus": bus, "Storage": "x"}, "status", "The setting Storage holds no connection string"},
		"storage down":      {map[string]string{"ServiceBus": bus, "Storage": nowhere}, "status", "No connection."},
		"bus down":          {map[string]string{"ServiceBus": bus, "Storage": shared.env["Storage"]}, "deadletters list", "No connection."},
		"wrong key": {map[string]string{"ServiceBus": bus, "Storage": strings.Replace(shared.env["Storage"], azurite.Key, "dGVzdA==", 1)}, "status",
			"The service refused this account or key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runWith(t.Context(), lookup(c.env), "", strings.Fields(c.args)...)
			if flat := strings.Join(strings.Fields(r.err), " "); r.code != exitFailed || r.out != "" || !strings.Contains(flat, c.want) {
				t.Errorf("exit %d, want %q in: %s", r.code, c.want, r.err)
			}
		})
	}
}

// closedPort returns an address that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestAnInterruptIsNoErrorMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := runWith(ctx, w.getenv, "", "status"); r.code != exitFailed || r.err != "guestlist: interrupted.\n" {
		t.Errorf("exit %d, %q", r.code, r.err)
	}
}

func TestTheProgramKeepsTheLogOfPackagesToItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.held("cccc0000000000000001", "quiet", asked)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "source", "add", "quiet", "-from", "cccc")
	cmd.Env = append(os.Environ(), asProgram+"=1", "GUESTLIST_ENV=", "Storage="+w.env["Storage"], "ServiceBus="+w.env["ServiceBus"])
	cmd.Stdin = strings.NewReader("y\n")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	if want := "Source \"quiet\" may drop files into container inbox-quiet. 1 held file is judged again.\n"; out.String() != want {
		t.Errorf("standard output is %q", out.String())
	}
	if strings.Contains(errs.String(), "INFO") || strings.Contains(errs.String(), "import_id") {
		t.Errorf("the log reached the terminal: %s", errs.String())
	}
	if w.get("cccc0000000000000001").State != ledger.Staging {
		t.Error("the file was not released")
	}
}
