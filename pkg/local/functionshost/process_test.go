package functionshost_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"guestlist/pkg/local/functionshost"
)

var oneTimer = map[string]string{"sweep": timerJSON}

func TestHandlerSeesTheHostsEnvironmentAndSettingsOnly(t *testing.T) {
	t.Parallel()
	host := strings.Replace(hostJSON, `"defaultExecutablePath":"handler"`,
		`"defaultExecutablePath":"%EXE%","arguments":["-name","%WHO%","a b","%NOBODY%"]`, 1)
	r := newRig(t, host, oneTimer)
	r.settings["EXE"], r.settings["WHO"] = "handler", "ann"
	environment := make(chan string, 1)
	r.onStart = func(_ int, _ http.ResponseWriter, text string) { environment <- text }
	h := r.start()
	got := <-environment
	real, err := filepath.EvalSymlinks(r.dir)
	r.must(err)
	for _, want := range []string{"FUNCTIONS_CUSTOMHANDLER_PORT=", "FUNCTIONS_HTTPWORKER_PORT=", "FUNCTIONS_CUSTOMHANDLER_WORKER_ID=",
		"FUNCTIONS_APP_ROOT_PATH=" + real, "WHO=ann", "PATH=" + os.Getenv("PATH"), "AZURE_FUNCTIONS_ENVIRONMENT=Development",
		"WEBSITE_HOSTNAME=" + strings.TrimPrefix(h.URL(), "http://"), "ARGS=-name|ann|a|b"} {
		if !strings.Contains("\n"+got+"\n", "\n"+want) {
			t.Errorf("environment lacks %s:\n%s", want, got)
		}
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if name != "PATH" && name != "HOME" && name != "TMPDIR" && strings.Contains("\n"+got, "\n"+name+"=") {
			t.Errorf("environment has %s of this process", name)
		}
	}
}

func TestEachStartMayHaveSettingsOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	r.settings["WHO"] = "ann"
	environment := make(chan string, 2)
	r.onStart = func(_ int, _ http.ResponseWriter, text string) { environment <- text }
	c := r.config()
	c.PerStart = func(n int) map[string]string { return map[string]string{"START": strconv.Itoa(n)} }
	h, err := functionshost.Start(t.Context(), c)
	r.must(err)
	t.Cleanup(func() { _ = h.Stop() })
	for n := range 2 {
		if got := "\n" + <-environment + "\n"; !strings.Contains(got, "\nSTART="+strconv.Itoa(n)+"\n") || !strings.Contains(got, "\nWHO=ann\n") {
			t.Errorf("start %d: %s", n, got)
		}
		if n == 0 {
			r.must(syscall.Kill(r.await(functionshost.HandlerReady).PID, syscall.SIGKILL))
		}
	}
}

func TestOutputIsPassedOnByStream(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	h := r.start()
	r.must(syscall.Kill(h.HandlerPID(), syscall.SIGQUIT)) // Go's runtime writes its stacks to standard error
	r.await(functionshost.HandlerExited)
	if got := r.output.String(); !strings.HasPrefix(got, "{\"msg\":\"listening\"}\n") {
		t.Errorf("output is %q, want the line as it was", got)
	}
	if !strings.Contains(r.log.String(), "level=ERROR msg=\"SIGQUIT: quit\" category=Host.Function.Console") {
		t.Errorf("log lacks standard error:\n%s", r.log)
	}
}

func TestCrashIsRestartedAndTheThirdEndsTheHost(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	h := r.start()
	for n := 1; n <= 2; n++ {
		pid := r.await(functionshost.HandlerReady).PID
		r.must(syscall.Kill(pid, syscall.SIGKILL))
		if e := r.await(functionshost.HandlerExited); e.PID != pid || e.Err == nil {
			t.Errorf("exit event %+v, want one of pid %d with an error", e, pid)
		}
	}
	r.must(syscall.Kill(r.await(functionshost.HandlerReady).PID, syscall.SIGKILL))
	if err := h.Wait(); err == nil || !strings.Contains(err.Error(), "3 times") {
		t.Errorf("host ended with %v, want that it gave up", err)
	}
	if s := h.Stats(); s.Crashes != 3 || s.HandlerStarts != 3 {
		t.Errorf("%d crashes, %d starts; want 3, 3", s.Crashes, s.HandlerStarts)
	}
	if pid := h.HandlerPID(); pid != 0 {
		t.Errorf("handler %d after the end", pid)
	}
}

func TestStartFailsWhenTheHandlerCrashesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	r.onStart = func(_ int, w http.ResponseWriter, _ string) { w.Header().Set(exitCode, "3") }
	_, err := r.tryStart()
	if err == nil || !strings.Contains(err.Error(), "exit code 3: last words") {
		t.Errorf("Start returned %v, want the exit code and the last words", err)
	}
}

func TestExit200IsRestartedUncounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	r.onStart = func(n int, w http.ResponseWriter, _ string) {
		if n <= 4 {
			w.Header().Set(exitCode, "200")
		}
	}
	h := r.start()
	if s := h.Stats(); s.HandlerStarts != 5 || s.Crashes != 0 {
		t.Errorf("%d starts, %d crashes; want 5, 0", s.HandlerStarts, s.Crashes)
	}
}

func TestExit0IsNotRestarted(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	r.onCall = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(exitCode, "0") }
	h := r.start()
	r.run(h, "sweep", `{}`)
	if e := r.await(functionshost.InvocationEnded); e.Err == nil {
		t.Error("an invocation of a handler that ended succeeded")
	}
	r.await(functionshost.HandlerExited)
	r.run(h, "sweep", `{}`)
	if e := r.await(functionshost.InvocationEnded); e.Err == nil || !strings.Contains(e.Err.Error(), "refused") {
		t.Errorf("later invocation ended with %v, want connection refused", e.Err)
	}
	if s := h.Stats(); s.HandlerStarts != 1 || s.Crashes != 0 || h.HandlerPID() != 0 {
		t.Errorf("%d starts, %d crashes, pid %d; want 1, 0, 0", s.HandlerStarts, s.Crashes, h.HandlerPID())
	}
	r.must(h.Stop())
}

func TestHandlerThatDoesNotAnswerIsRestarted(t *testing.T) {
	t.Parallel()
	// The first handler takes it all; the second one must start within it, however busy the machine is.
	host := strings.Replace(hostJSON, `"customHandler":{`, `"customHandler":{"initializationTimeout":"00:00:15",`, 1)
	r := newRig(t, host, oneTimer)
	r.onStart = func(n int, w http.ResponseWriter, _ string) {
		if n == 1 {
			w.Header().Set(listenOn, "::1") // the host calls 127.0.0.1
		}
	}
	h := r.start()
	if s := h.Stats(); s.HandlerStarts != 2 || s.Crashes != 1 {
		t.Errorf("%d starts, %d crashes; want 2, 1", s.HandlerStarts, s.Crashes)
	}
}

func TestInvocationsWaitForALateHandler(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	release := make(chan struct{})
	r.onStart = func(n int, _ http.ResponseWriter, _ string) {
		if n == 2 {
			<-release
		}
	}
	h := r.start()
	r.must(syscall.Kill(h.HandlerPID(), syscall.SIGKILL))
	r.await(functionshost.HandlerExited)
	r.run(h, "sweep", `{}`)
	r.await(functionshost.InvocationStarted)
	close(release)
	if e := r.await(functionshost.InvocationEnded); e.Err != nil {
		t.Errorf("the invocation did not wait: %v", e.Err)
	}
}

func TestTimeoutKillsTheHandlerAndItsNeighbours(t *testing.T) {
	t.Parallel()
	host := strings.Replace(hostJSON, "00:05:00", "00:00:20", 1)
	r := newRig(t, host, map[string]string{"slow": timerJSON, "neighbour": timerJSON})
	slow := make(chan struct{})
	r.onCall = func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/slow" {
			close(slow)
		}
		<-request.Context().Done() // never answers
	}
	h := r.start()
	r.run(h, "slow", `{}`)
	<-slow
	<-time.After(6 * time.Second) // the neighbour must be there, and young, when the slow one is killed
	r.run(h, "neighbour", `{}`)
	first, second := r.await(functionshost.InvocationEnded), r.await(functionshost.InvocationEnded)
	if first.Function == "neighbour" {
		first, second = second, first
	}
	if first.Err == nil || !strings.Contains(first.Err.Error(), "timeout") {
		t.Errorf("slow invocation ended with %v, want a timeout", first.Err)
	}
	if second.Err == nil || strings.Contains(second.Err.Error(), "timeout value") {
		t.Errorf("neighbour ended with %v, want a lost connection", second.Err)
	}
	r.await(functionshost.HandlerReady)
	r.await(functionshost.HandlerReady) // the second handler
	if s := h.Stats(); s.Timeouts != 1 || s.Crashes != 0 || s.HandlerStarts != 2 {
		t.Errorf("stats %+v; want one timeout, no crash, two starts", s)
	}
}

func TestStopKillsTheHandler(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	r.onCall = func(_ http.ResponseWriter, request *http.Request) { <-request.Context().Done() }
	h := r.start()
	pid := h.HandlerPID()
	r.run(h, "sweep", `{}`)
	r.await(functionshost.InvocationStarted)
	r.must(h.Stop())
	r.must(h.Wait())
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("handler %d after Stop: %v", pid, err)
	}
	if e := r.await(functionshost.InvocationEnded); e.Err == nil {
		t.Error("the invocation in flight succeeded")
	}
	if err := h.Drain(context.Background()); err != nil && !strings.Contains(err.Error(), "stopped") {
		t.Errorf("Drain after Stop: %v", err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	ctx, cancel := context.WithCancel(t.Context())
	r.onStart = func(_ int, _ http.ResponseWriter, _ string) {
		cancel()
		<-t.Context().Done()
	}
	if _, err := functionshost.Start(ctx, r.config()); !errors.Is(err, context.Canceled) {
		t.Errorf("Start returned %v, want context.Canceled", err)
	}
}
