package functionshost_test

import (
	"net/http"
	"strings"
	"testing"

	"guestlist/pkg/local/functionshost"
)

func TestTimerRunsOneAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, map[string]string{"sweep": strings.Replace(timerJSON, "0 0 0 1 1 *", "%PACE%", 1)})
	r.settings["PACE"] = "00:00:00.02"
	bodies, release := make(chan call), make(chan struct{})
	r.onCall = func(w http.ResponseWriter, request *http.Request) {
		c, _ := readCall(request)
		bodies <- c
		<-release
		reply(w, 500, "application/json", "{}") // a failed run does not stop the schedule
	}
	h := r.start()
	for n := 1; n <= 3; n++ {
		c := <-bodies
		if !strings.HasPrefix(c.text, `{"Data":{"timer":{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}},"Metadata":{"sys":{"MethodName":"sweep",`) {
			t.Errorf("body %s", c.text)
		}
		if s := h.Stats().Functions["sweep"]; s.Started != n || h.Stats().InFlight != 1 {
			t.Errorf("run %d: %+v, %d in flight; want one", n, s, h.Stats().InFlight)
		}
		release <- struct{}{}
	}
	go func() { // what still runs at the end
		for {
			select {
			case <-bodies:
			case release <- struct{}{}:
			case <-t.Context().Done():
				return
			}
		}
	}()
	r.must(h.Drain(t.Context()))
}

func TestRunOnStartupRunsAtOnceWithAStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, map[string]string{"sweep": strings.Replace(timerJSON, `"schedule"`, `"runOnStartup":true,"schedule"`, 1)})
	bodies := make(chan call, 1)
	r.onCall = func(w http.ResponseWriter, request *http.Request) {
		c, _ := readCall(request)
		bodies <- c
		reply(w, 200, "application/json", "{}")
	}
	r.start()
	got := (<-bodies).text
	for _, want := range []string{`"ScheduleStatus":{"Last":"0001-01-01T00:00:00+00:00","Next":"20`, `-01-01T00:00:00+00:00","LastUpdated":"20`} {
		if !strings.Contains(got, want) {
			t.Errorf("body %s lacks %s", got, want)
		}
	}
}

func TestDisabledFunctionsRunByHandOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, map[string]string{"sweep": strings.Replace(timerJSON, "0 0 0 1 1 *", "00:00:00.01", 1), "other": timerJSON})
	r.settings["AzureWebJobs.sweep.Disabled"] = "true"
	h := r.start()
	r.run(h, "other", `{}`)
	if e := r.await(functionshost.InvocationEnded); e.Function != "other" {
		t.Errorf("%s ran", e.Function)
	}
	r.run(h, "SWEEP", `{}`)
	if e := r.await(functionshost.InvocationEnded); e.Function != "sweep" || e.Err != nil {
		t.Errorf("%s ended with %v, want sweep", e.Function, e.Err)
	}
}
