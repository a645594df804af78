package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/functionshost/internal/config"
)

// stage writes files below a new folder; the handler is always there.
func stage(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["handler"] = ""
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	handler = `"customHandler":{"description":{"defaultExecutablePath":"handler"}}`
	bundle  = `"extensionBundle":{"id":"Microsoft.Azure.Functions.ExtensionBundle","version":"[4.*, 5.0.0)"}`
)

func TestHostReadsHostJSON(t *testing.T) {
	t.Parallel()
	dir := stage(t, map[string]string{"host.json": `{"version":"2.0","functionTimeout":"00:10:00",` + bundle + `,
		"customHandler":{"initializationTimeout":"00:01:00","port":8123,"description":{"defaultExecutablePath":"%EXE%",
			"workingDirectory":"work","arguments":["-v","\"a b\" c","%NONE%"]}},
		"extensions":{"serviceBus":{"maxConcurrentCalls":8,"maxAutoLockRenewalDuration":"-00:00:00.0010000",
			"clientRetryOptions":{"maxRetries":5,"delay":"00:00:01","maxDelay":"00:00:10"}}}}`})
	got, err := config.ReadHost(dir, config.Settings{"exe": "handler"})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Host{Dir: dir, Executable: filepath.Join(dir, "handler"), WorkingDir: filepath.Join(dir, "work"),
		Args: []string{"-v", "a b", "c"}, Initialization: time.Minute, FunctionTimeout: 10 * time.Minute, Port: 8123,
		BundleID: "Microsoft.Azure.Functions.ExtensionBundle", BundleVersion: "[4.*, 5.0.0)",
		ServiceBus: config.ServiceBus{MaxConcurrentCalls: 8, MaxLockRenewal: -time.Millisecond, Retries: 5, Delay: time.Second, MaxDelay: 10 * time.Second}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("host.json (-want +got):\n%s", diff)
	}
}

func TestHostTakesItsOwnValuesWhereHostJSONIsSilent(t *testing.T) {
	t.Parallel()
	got, err := config.ReadHost(stage(t, map[string]string{"host.json": `{"version":"2.0",` + handler + `}`}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Initialization != 30*time.Second || got.FunctionTimeout != 30*time.Minute || got.ServiceBus.MaxLockRenewal != 5*time.Minute {
		t.Errorf("got %+v", got)
	}
	if got.ServiceBus.MaxConcurrentCalls%16 != 0 || got.ServiceBus.MaxConcurrentCalls == 0 {
		t.Errorf("%d calls, want 16 per core", got.ServiceBus.MaxConcurrentCalls)
	}
}

func TestSettingsOverrideHostJSON(t *testing.T) {
	t.Parallel()
	dir := stage(t, map[string]string{"host.json": `{"version":"2.0","functionTimeout":"00:10:00"}`})
	got, err := config.ReadHost(dir, config.Settings{
		"AzureFunctionsJobHost__customHandler__description__defaultExecutablePath": "handler",
		"AzureFunctionsJobHost__customHandler__description__arguments":             `["-a","-b"]`,
		"AzureFunctionsJobHost__functionTimeout":                                   "-1",
		"AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCalls":        "3",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.FunctionTimeout != 0 || got.ServiceBus.MaxConcurrentCalls != 3 || strings.Join(got.Args, " ") != "-a -b" {
		t.Errorf("got %+v", got)
	}
}

func TestHostWarnsOfWhatHasNoEffect(t *testing.T) {
	t.Parallel()
	dir := stage(t, map[string]string{"host.json": `{"version":"2.0",` + handler + `,"concurrency":{"dynamicConcurrencyEnabled":true},
		"extensions":{"serviceBus":{"autoCompleteMessages":false,"prefetchCount":10}}}`})
	got, err := config.ReadHost(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(got.Warnings, "\n")
	for _, want := range []string{"prefetchCount", "AutoCompleteMessages", "dynamicConcurrency"} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning of %s in %q", want, all)
		}
	}
}

func TestHostRefusesABadHostJSON(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		`{"version":2,` + handler + `}`:        "version",
		`{` + handler + `}`:                    "version",
		`{"version":"2.0"`:                     "JSON",
		`{"version":"2.0"}`:                    "no customHandler",
		`{"version":"2.0","customHandler":{}}`: "no description",
		`{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"%NONE%"}}}`:       "is empty",
		`{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"nobody-is-it"}}}`: "PATH",
		`{"version":"2.0","functionTimeout":"10",` + handler + `}`:                                   "",
		`{"version":"2.0","functionTimeout":"10m",` + handler + `}`:                                  "TimeSpan",
		`{"version":"2.0","functionTimeout":"00:00:00",` + handler + `}`:                             "less than a second",
		`{"version":"2.0","extensions":{"serviceBus":{"maxConcurrentCalls":0}},` + handler + `}`:     "not positive",
		`{"version":"2.0","extensions":{"serviceBus":{"maxConcurrentCalls":"x"}},` + handler + `}`:   "no number",
	}
	for text, want := range tests {
		_, err := config.ReadHost(stage(t, map[string]string{"host.json": text}), nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("host.json %s: %v, want %q", text, err, want)
		}
	}
	if _, err := config.ReadHost(t.TempDir(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no host.json: %v", err)
	}
}

func read(t *testing.T, files map[string]string, settings config.Settings) ([]config.Function, []config.Problem, error) {
	t.Helper()
	if files["host.json"] == "" {
		files["host.json"] = `{"version":"2.0",` + bundle + `,` + handler + `}`
	}
	h, err := config.ReadHost(stage(t, files), settings)
	if err != nil {
		t.Fatal(err)
	}
	return h.ReadFunctions(settings)
}

func trigger(more string) string {
	return `{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"msg","queueName":"q"` + more + `}]}`
}

func TestFunctionsAreReadFromTheirFolders(t *testing.T) {
	t.Parallel()
	functions, problems, err := read(t, map[string]string{
		"a/function.json": `{"Bindings":[{"Type":"SERVICEBUSTRIGGER","name":"msg","queueName":"%A-QUEUE%","connection":"%CONN%","dataType":"binary","autoCompleteMessages":false}]}`,
		"b/function.json": `{"bindings":[{"type":"serviceBusTrigger","name":"msg","topicName":"t","subscriptionName":"s"}]}`,
		"c/function.json": `{"disabled":true,"bindings":[{"type":"timerTrigger","name":"timer","schedule":"%WHEN%","runOnStartup":true,"useMonitor":false}]}`,
		"d/function.json": `{"bindings":[{"type":"timerTrigger","name":"timer","schedule":"00:00:05"}]}`,
		"e/readme.txt":    "no function", "deep/er/function.json": trigger(""),
	}, config.Settings{"A-QUEUE": "real", "CONN": "Bus", "Bus": "Endpoint=sb://a", "AzureWebJobsServiceBus": "Endpoint=sb://b",
		"WHEN": "0 * * * * *", "AzureWebJobs.d.Disabled": "True"})
	if err != nil || len(problems) != 0 {
		t.Fatal(err, problems)
	}
	var queues []config.Queue
	var disabled []string
	for _, f := range functions {
		if f.Queue != nil {
			queues = append(queues, *f.Queue)
		}
		if f.Disabled {
			disabled = append(disabled, f.Name)
		}
	}
	want := []config.Queue{{Queue: "real", Connection: "Endpoint=sb://a", Binary: true},
		{Topic: "t", Subscription: "s", Connection: "Endpoint=sb://b", AutoComplete: true}}
	if diff := cmp.Diff(want, queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"c", "d"}, disabled); diff != "" {
		t.Errorf("disabled (-want +got):\n%s", diff)
	}
	if timer := functions[2].Timer; timer == nil || !timer.RunOnStartup || timer.Monitor {
		t.Errorf("timer of c is %+v", timer)
	}
}

func TestBadFunctionsAreSkippedAndReported(t *testing.T) {
	t.Parallel()
	settings := config.Settings{"AzureWebJobsServiceBus": "Endpoint=sb://b"}
	tests := map[string]string{
		`{`:               "function.json",
		`{"bindings":[]}`: "exactly one trigger",
		`{"bindings":[{"type":"timerTrigger","name":"a","schedule":"* * * * *"},{"type":"timerTrigger","name":"b","schedule":"* * * * *"}]}`: "exactly one trigger",
		`{"bindings":[{"type":"timerTrigger","name":"1a","schedule":"* * * * *"}]}`:                                                          "binding name",
		`{"bindings":[{"type":"timerTrigger","name":"a","schedule":"sometimes"}]}`:                                                           "schedule",
		`{"bindings":[{"type":"timerTrigger","name":"a","schedule":"%NONE%"}]}`:                                                              "%NONE% does not resolve",
		`{"bindings":[{"type":"serviceBusTrigger","name":"a","queueName":"%NONE%"}]}`:                                                        "%NONE% does not resolve",
		`{"bindings":[{"type":"serviceBusTrigger","name":"a"}]}`:                                                                             "needs queueName",
		trigger(`,"connection":"Missing"`):                                                                                                   "no such setting",
	}
	for text, want := range tests {
		functions, problems, err := read(t, map[string]string{"bad/function.json": text, "good/function.json": trigger("")}, settings)
		if err != nil || len(functions) != 1 || len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("function.json %s: %v, %v, %v; want a problem with %q", text, functions, problems, err, want)
		}
	}
	_, problems, err := read(t, map[string]string{"host/function.json": trigger(""), "9lives/function.json": trigger("")}, settings)
	if err != nil || len(problems) != 2 {
		t.Errorf("bad names: %v, %v; want two problems", problems, err)
	}
	_, problems, err = read(t, map[string]string{"a/function.json": trigger(""), "host.json": `{"version":"2.0",` + handler + `}`}, settings)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Error(), "extensionBundle") {
		t.Errorf("without bundle: %v, %v; want a problem", problems, err)
	}
}

func TestWhatIsUnsupportedHereIsRefusedByName(t *testing.T) {
	t.Parallel()
	settings := config.Settings{"AzureWebJobsServiceBus": "Endpoint=sb://b", "Bus__fullyQualifiedNamespace": "ns.servicebus.windows.net"}
	tests := map[string]string{
		`{"bindings":[{"type":"blobTrigger","name":"blob","path":"a/{name}"}]}`:                                                     "blobTrigger",
		`{"bindings":[{"type":"serviceBusTrigger","name":"m","queueName":"q"},{"type":"serviceBus","direction":"out","name":"o"}]}`: "binding o",
		trigger(`,"cardinality":"many"`):     "cardinality",
		trigger(`,"isSessionsEnabled":true`): "isSessionsEnabled",
		trigger(`,"dataType":"stream"`):      "stream",
		trigger(`,"connection":"Bus"`):       "connection string",
	}
	for text, want := range tests {
		_, _, err := read(t, map[string]string{"odd/function.json": text}, settings)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "function odd") {
			t.Errorf("function.json %s: %v, want a refusal with %q and the function's name", text, err, want)
		}
	}
}
