// Package testevent reads what go test -json and go tool test2json write.
package testevent

import (
	"bufio"
	"encoding/json"
	"io"
)

// Event is one line (go doc test2json).
type Event struct {
	Action     string
	Package    string
	ImportPath string // of build-output and build-fail
	Test       string
	Output     string
	Elapsed    float64 // seconds
}

// Read hands every event to add. What is no event goes to rest as it is: a tool's complaint must not get lost.
func Read(r io.Reader, rest io.Writer, add func(Event)) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e Event
		if len(line) > 0 {
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				rest.Write(line)
			} else {
				add(e)
			}
		}
		if err != nil {
			return
		}
	}
}
