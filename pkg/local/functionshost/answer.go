package functionshost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
)

// errWouldHang marks answers that the real host takes for none: it would wait until functionTimeout and then kill the
// handler. Here the invocation fails at once.
var errWouldHang = errors.New("this answer would hang the real host until functionTimeout, which then kills the handler")

// answer is the JSON object that a handler gives. Names are taken without regard to case.
type answer struct {
	Outputs     map[string]json.RawMessage
	Logs        []any
	ReturnValue json.RawMessage
}

// judge says whether an answer is a success, and logs its Logs.
func (h *Host) judge(function, id string, r reply) error {
	a, err := r.parse()
	if err != nil {
		if errors.Is(err, errWouldHang) {
			h.log.Error("WOULD HANG: "+err.Error(), "function", function, "invocation", id, "status", r.status,
				"contentType", r.contentType, "remedy", `answer application/json with at least {}`)
		}
		return err
	}
	for _, line := range a.Logs {
		h.log.Info(fmt.Sprint(line), "category", "Function."+function+".User", "function", function, "invocation", id)
	}
	if len(a.Outputs) > 0 {
		h.log.Warn("Outputs are ignored: the function has no output binding", "function", function, "invocation", id)
	}
	return nil
}

// parse follows the real host's order: status, emptiness, media type, JSON.
func (r reply) parse() (answer, error) {
	var a answer
	if r.status < http.StatusOK || r.status > 299 {
		return a, fmt.Errorf("response status code does not indicate success: %d (%s)", r.status, http.StatusText(r.status))
	}
	if len(r.body) == 0 {
		return a, fmt.Errorf("status %d with an empty body: %w", r.status, errWouldHang)
	}
	media, _, err := mime.ParseMediaType(r.contentType)
	if err != nil || media != "application/json" && media != "text/json" {
		return a, fmt.Errorf("invalid HttpResponseMessage: Content-Type %q is not application/json", r.contentType)
	}
	text := bytes.TrimSpace(r.body)
	if len(text) == 0 || string(text) == "null" {
		return a, fmt.Errorf("status %d with the body %q: %w", r.status, r.body, errWouldHang)
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("invalid HttpResponseMessage: %w", err)
	}
	return a, nil
}
