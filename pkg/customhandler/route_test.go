package customhandler_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

func TestEveryAnswerIsJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *customhandler.Options) {
		o.Timers = []customhandler.Timer{
			{Name: "sweepledger", Run: func(context.Context) error { return nil }},
			{Name: "broken", Run: func(context.Context) error { return errors.New("no connection") }},
			{Name: "panics", Run: func(context.Context) error { panic("nil map") }},
		}
	})
	good := invocation(invitation, 1)
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/", "", 200},
		{"HEAD", "/", "", 200},
		{"POST", "/", good, 404},
		{"POST", "/inviteguest", good, 200},
		{"GET", "/inviteguest", "", 405},
		{"POST", "/InviteGuest", good, 404},
		{"POST", "/inviteguest/", good, 404},
		{"POST", "/nobody", good, 404},
		{"POST", "/inviteguest", "no JSON", 400},
		{"POST", "/inviteguest", `{"Data":{"msg":"` + strings.Repeat("A", 17<<20) + `"}}`, 400},
		{"POST", "/sweepledger", `{"Data":{"timer":{}},"Metadata":{}}`, 200},
		{"POST", "/broken", `{"Data":{"timer":{}},"Metadata":{}}`, 500},
		{"POST", "/panics", `{"Data":{"timer":{}},"Metadata":{}}`, 500},
	} {
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body)))
		if rec.Code != tt.status {
			t.Errorf("%s %s: status %d, want %d", tt.method, tt.path, rec.Code, tt.status)
		}
		wantObject(t, rec)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	s := &step{}
	good := customhandler.Function{Name: "a", Queue: message.Invitations, Step: s}
	b := &broker{step: s}
	run := func(context.Context) error { return nil }
	for name, o := range map[string]customhandler.Options{
		"no name":         {Functions: []customhandler.Function{{Queue: "q", Step: s}}, Sender: b, DeadLetterer: b},
		"no queue":        {Functions: []customhandler.Function{{Name: "a", Step: s}}, Sender: b, DeadLetterer: b},
		"no step":         {Functions: []customhandler.Function{{Name: "a", Queue: "q"}}, Sender: b, DeadLetterer: b},
		"no sender":       {Functions: []customhandler.Function{good}, DeadLetterer: b},
		"no dead-letters": {Functions: []customhandler.Function{good}, Sender: b},
		"a name twice":    {Functions: []customhandler.Function{good}, Timers: []customhandler.Timer{{Name: "a", Run: run}}, Sender: b, DeadLetterer: b},
		"an empty timer":  {Timers: []customhandler.Timer{{Name: "t"}}},
	} {
		if _, err := customhandler.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var h http.Handler
	var err error
	if h, err = customhandler.New(customhandler.Options{Timers: []customhandler.Timer{{Name: "t", Run: run}}}); err != nil || h == nil {
		t.Errorf("a timer alone needs no broker: %v", err)
	}
}
