package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// console prints what happens. In JSON mode text goes to standard error, so that standard output has JSON lines only.
type console struct {
	mu       sync.Mutex
	out, err io.Writer
	json     bool
	start    time.Time
}

// say prints one line for people, with the seconds since the start.
func (c *console) say(format string, a ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.text(), "%6.1fs  %s\n", time.Since(c.start).Seconds(), fmt.Sprintf(format, a...))
}

// text is where words for people go.
func (c *console) text() io.Writer {
	if c.json {
		return c.err
	}
	return c.out
}

// line prints one JSON line, in JSON mode only.
func (c *console) line(v any) {
	if !c.json {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = json.NewEncoder(c.out).Encode(v) // a reader that has gone away is no reason to stop
}

// teller turns the handler's log lines into words for people: those that say what becomes of a file or a guest.
type teller struct {
	console *console
	raw     io.Writer // keeps every line
	rest    []byte
}

type logLine struct {
	Msg     string `json:"msg"`
	Level   string `json:"level"`
	Import  string `json:"import_id"`
	Kind    string `json:"kind"`
	Verdict string `json:"verdict"`
	Error   string `json:"error"`
	Code    string `json:"code"`
	Source  string `json:"source"`
	Count   int    `json:"count"`
	Rows    int    `json:"rows"`
	Guests  int    `json:"guests"`
}

// Write takes the handler's output in pieces of any size.
func (t *teller) Write(p []byte) (int, error) {
	_, _ = t.raw.Write(p)
	t.rest = append(t.rest, p...)
	for {
		i := indexNewline(t.rest)
		if i < 0 {
			return len(p), nil
		}
		t.tell(t.rest[:i])
		t.rest = t.rest[i+1:]
	}
}

func indexNewline(b []byte) int {
	for i, c := range b {
		if c == '\n' {
			return i
		}
	}
	return -1
}

func (t *teller) tell(raw []byte) {
	var l logLine
	if json.Unmarshal(raw, &l) != nil {
		if len(raw) > 0 {
			t.console.say("handler: %s", raw)
		}
		return
	}
	switch l.Msg {
	case "file arrived":
		t.console.say("import %s: a file arrived through source %s", l.Import, l.Source)
	case "import held":
		t.console.say("import %s: held, %s", l.Import, l.Code)
	case "file read":
		t.console.say("import %s: %d rows read, %d guests", l.Import, l.Rows, l.Guests)
	case "import planned":
		t.console.say("import %s: %d guests planned", l.Import, l.Guests)
	case "results written":
		t.console.say("import %s: results written", l.Import)
	case "messages lost; sent again", "import ended without running", "the answer to the invitation was lost":
		t.console.say("import %s: %s %s", l.Import, l.Msg, l.Code)
	}
}
