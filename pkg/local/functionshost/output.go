package functionshost

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// systemLine begins a line that is meant for the platform only.
const systemLine = "LanguageWorkerConsoleLog"

// lastLines is how many lines of standard error the host repeats when a handler has crashed.
const lastLines = 3

// streams are the pipes to one handler process.
type streams struct {
	theirs, ours []*os.File
	readers      sync.WaitGroup
}

// streams connects standard output and error of cmd.
func (h *Host) streams(cmd *exec.Cmd, last *tail) (*streams, error) {
	s := &streams{}
	outside, err := s.pipe()
	if err != nil {
		return nil, err
	}
	errside, err := s.pipe()
	if err != nil {
		s.close(s.theirs)
		s.close(s.ours)
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = s.theirs[0], s.theirs[1]
	s.readers.Go(func() { lines(outside, h.stdout) })
	s.readers.Go(func() {
		lines(errside, func(line string) {
			last.add(line)
			h.stderr(line)
		})
	})
	return s, nil
}

func (s *streams) pipe() (*os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.ours, s.theirs = append(s.ours, read), append(s.theirs, write)
	return read, nil
}

// started gives the writing ends to the process alone.
func (s *streams) started() { s.close(s.theirs) }

// finish reads what is left, but does not wait for a grandchild that holds the pipe.
func (s *streams) finish() {
	deadline := time.Now().Add(streamEnd)
	for _, f := range s.ours {
		_ = f.SetReadDeadline(deadline) // pipes can; if not, the readers end with the last writer
	}
	s.readers.Wait()
	s.close(s.ours)
}

func (s *streams) close(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing is lost: our end is read to its end, theirs is a copy
	}
}

// lines calls each with every line, however long, and with a last one that has no end.
func lines(r io.Reader, each func(string)) {
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			each(line)
		}
		if err != nil {
			return
		}
	}
}

func (h *Host) stdout(line string) {
	switch {
	case strings.HasPrefix(line, systemLine):
		h.console(slog.LevelDebug, line)
	case h.cfg.Output != nil:
		h.outMu.Lock()
		defer h.outMu.Unlock()
		_, _ = io.WriteString(h.cfg.Output, line+"\n") // the writer's failure is no concern of the handler
	default:
		h.console(slog.LevelInfo, line)
	}
}

// stderr logs as an error, since the real host does: Go's log package writes here.
func (h *Host) stderr(line string) {
	level := slog.LevelError
	switch {
	case strings.HasPrefix(line, systemLine):
		level = slog.LevelDebug
	case strings.Contains(strings.ToLower(line), "warn"):
		level = slog.LevelWarn
	}
	h.console(level, line)
}

func (h *Host) console(level slog.Level, line string) {
	h.log.Log(context.Background(), level, line, "category", "Host.Function.Console")
}

// tail keeps the last lines.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if len(t.lines) > lastLines {
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, " | ")
}
