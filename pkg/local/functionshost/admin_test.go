package functionshost_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/functionshost"
)

func TestAdminRoutesTellOfTheHost(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, map[string]string{"sweep": timerJSON, "bad": "{"})
	h := r.start()
	status := getJSON(t, h.URL()+"/admin/host/status")
	if status["state"] != "Running" || status["version"] == "" || len(status["errors"].([]any)) != 1 {
		t.Errorf("status %v", status)
	}
	if f := getJSON(t, h.URL()+"/admin/functions/sweep"); f["name"] != "sweep" || f["isDisabled"] != false || f["config"] == nil {
		t.Errorf("function %v", f)
	}
	response, err := http.Get(h.URL() + "/admin/functions")
	r.must(err)
	defer response.Body.Close()
	var list []struct{ Name string }
	r.must(json.NewDecoder(response.Body).Decode(&list))
	if diff := cmp.Diff([]struct{ Name string }{{"sweep"}}, list); diff != "" {
		t.Errorf("functions (-want +got):\n%s", diff)
	}
}

func TestAdminRoutesAnswerWithTheRealHostsCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, oneTimer)
	h := r.start()
	tests := []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/admin/host/ping", "", 200},
		{"POST", "/admin/host/ping", "", 200},
		{"GET", "/admin/functions/sweep/status", "", 200},
		{"GET", "/admin/functions/nobody", "", 404},
		{"POST", "/admin/functions/nobody", "{}", 404},
		{"POST", "/admin/functions/sweep", "", 400},
		{"POST", "/admin/functions/sweep", `{"input":""}`, 202},
	}
	for _, test := range tests {
		request, err := http.NewRequest(test.method, h.URL()+test.path, strings.NewReader(test.body))
		r.must(err)
		response, err := http.DefaultClient.Do(request)
		r.must(err)
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%s %s: %s, want %d", test.method, test.path, response.Status, test.want)
		}
	}
}

func TestARunByHandCarriesItsInputAndNoMessage(t *testing.T) {
	t.Parallel()
	for dataType, want := range map[string]string{"binary": `"eyJhIjoxfQ=="`, "string": `"\"{\\\"a\\\":1}\""`} {
		r := newRig(t, hostJSON, map[string]string{"invite": strings.Replace(queueJSON, "binary", dataType, 1)})
		r.settings["Bus"], r.settings["INVITE_QUEUE"] = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true", "q"
		bodies := make(chan call, 1)
		r.onCall = func(w http.ResponseWriter, request *http.Request) {
			c, _ := readCall(request)
			bodies <- c
			reply(w, 200, "application/json", "{}")
		}
		h := r.start()
		r.run(h, "invite", `{"input":"{\"a\":1}"}`)
		c := <-bodies
		if !strings.HasPrefix(c.text, `{"Data":{"msg":`+want+`},"Metadata":{"sys":`) {
			t.Errorf("body %s, want Data.msg %s and no message's metadata", c.text, want)
		}
		r.must(h.Stop())
	}
}

func TestProblemsAreReportedAndTheRestRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostJSON, map[string]string{"sweep": timerJSON, "bad": "{"})
	delete(r.settings, "AzureWebJobsStorage")
	h := r.start()
	var got []string
	for _, p := range h.Problems() {
		got = append(got, strings.SplitN(p.Error(), ":", 2)[0])
	}
	if diff := cmp.Diff([]string{"function bad", "function sweep"}, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	r.run(h, "sweep", "{}")
	if e := r.await(functionshost.InvocationEnded); e.Err != nil {
		t.Error(e.Err)
	}
}

func TestStartRefusesWhatItCannotRun(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]string{
		"no function":                 {},
		"function bad":                {"bad": "{"},
		"blobTrigger":                 {"onblob": `{"bindings":[{"type":"blobTrigger","name":"b"}]}`},
		"function invite: connection": {"invite": strings.Replace(queueJSON, "%INVITE_QUEUE%", "q", 1)},
	}
	for want, functions := range tests {
		r := newRig(t, hostJSON, functions)
		r.settings["Bus"] = "not a connection string"
		if _, err := r.tryStart(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start returned %v, want %q", err, want)
		}
	}
}
