package functionshost_test

import (
	"net/http"
	"strings"
	"testing"

	"guestlist/pkg/local/functionshost"
)

func TestAnswersAreJudgedAsByTheRealHost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, contentType, body string
		status                  int
		fails                   string // part of the error; empty for success
		hangs                   bool
	}{
		{name: "object", status: 200, contentType: "application/json", body: "{}"},
		{name: "charset", status: 202, contentType: "application/json; charset=utf-8", body: `{"logs":["a line"],"returnvalue":null}`},
		{name: "text/json", status: 200, contentType: "text/json", body: "{}"},
		{name: "empty", status: 200, contentType: "application/json", fails: "empty body", hangs: true},
		{name: "empty without type", status: 200, fails: "empty body", hangs: true},
		{name: "no content", status: 204, fails: "empty body", hangs: true},
		{name: "null", status: 200, contentType: "application/json", body: "null", fails: "null", hangs: true},
		{name: "blank", status: 200, contentType: "application/json", body: " \n", fails: "body", hangs: true},
		{name: "text/plain", status: 200, contentType: "text/plain; charset=utf-8", body: "{}", fails: "Content-Type"},
		{name: "no type", status: 200, body: "{}", fails: "Content-Type"},
		{name: "malformed", status: 200, contentType: "application/json", body: "{", fails: "invalid HttpResponseMessage"},
		{name: "array", status: 200, contentType: "application/json", body: "[]", fails: "invalid HttpResponseMessage"},
		{name: "Logs no array", status: 200, contentType: "application/json", body: `{"Logs":"x"}`, fails: "invalid HttpResponseMessage"},
		{name: "server error", status: 500, contentType: "application/json", body: "{}", fails: "500"},
		{name: "client error", status: 404, contentType: "application/json", body: "{}", fails: "404"},
		{name: "not modified", status: 304, fails: "304"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, hostJSON, map[string]string{"sweep": timerJSON})
			r.onCall = func(w http.ResponseWriter, _ *http.Request) { reply(w, test.status, test.contentType, test.body) }
			h := r.start()
			r.run(h, "sweep", `{}`)
			e := r.await(functionshost.InvocationEnded)
			if (e.Err == nil) != (test.fails == "") || e.Err != nil && !strings.Contains(e.Err.Error(), test.fails) {
				t.Errorf("invocation ended with %v, want %q", e.Err, test.fails)
			}
			if got := h.Stats().Functions["sweep"].WouldHang == 1; got != test.hangs {
				t.Errorf("counted as hanging: %v, want %v", got, test.hangs)
			}
			if got := strings.Contains(r.log.String(), "WOULD HANG"); got != test.hangs {
				t.Errorf("logged as hanging: %v, want %v", got, test.hangs)
			}
		})
	}
}

func TestLogsOfAnAnswerAreLogged(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, map[string]string{"sweep": timerJSON})
	r.onCall = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, "application/json", `{"Logs":["row 7 invited"],"Outputs":{"res":{}}}`)
	}
	h := r.start()
	r.run(h, "sweep", `{}`)
	r.await(functionshost.InvocationEnded)
	for _, want := range []string{"row 7 invited", "Outputs are ignored"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("log lacks %q", want)
		}
	}
}
