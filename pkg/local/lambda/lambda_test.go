package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"guestlist/pkg/local/lambda"
)

const roleVariable = "LAMBDA_TEST_FUNCTION"

// TestMain makes the test binary a function, in the loop of aws-lambda-go, if it is asked to.
func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "broken":
		os.Stderr.WriteString("a setting is wrong\n")
		os.Exit(3)
	}
	awslambda.Start(function)
}

// event tells the function what to do.
type event struct {
	Do      string `json:"do"`
	Records []struct {
		MessageID string `json:"messageId"`
		Body      string `json:"body"`
	} `json:"Records"`
}

func function(ctx context.Context, e event) (any, error) {
	failed := []map[string]string{}
	for _, r := range e.Records {
		if r.Body == "bad" {
			failed = append(failed, map[string]string{"itemIdentifier": r.MessageID})
		}
		if r.Body == "strange" {
			failed = append(failed, map[string]string{"itemIdentifier": "nobody"})
		}
	}
	switch e.Do {
	case "fail":
		return nil, errors.New("as asked")
	case "panic":
		panic("as asked")
	case "exit":
		os.Exit(7)
	case "sleep":
		time.Sleep(time.Hour)
	case "context":
		c, _ := lambdacontext.FromContext(ctx)
		end, _ := ctx.Deadline()
		return map[string]any{"id": c.AwsRequestID, "arn": c.InvokedFunctionArn, "left": time.Until(end).Seconds()}, nil
	}
	return map[string]any{"batchItemFailures": failed}, nil
}

func newFunction(t *testing.T, c lambda.Config, role string) *lambda.Function {
	t.Helper()
	c.Bootstrap, c.Environment, c.Output = os.Args[0], []string{roleVariable + "=" + role}, t.Output()
	f := lambda.New(c)
	t.Cleanup(f.Close)
	return f
}

func invoke(t *testing.T, f *lambda.Function, do string) lambda.Result {
	t.Helper()
	r, err := f.Invoke(t.Context(), []byte(`{"do":"`+do+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAnEnvironmentLivesUntilItBreaks walks through the ends that an invocation can have.
func TestAnEnvironmentLivesUntilItBreaks(t *testing.T) {
	t.Parallel()
	f := newFunction(t, lambda.Config{Timeout: 20 * time.Second}, "function")
	for _, tc := range []struct {
		do, kind, text string
		cold           bool
	}{
		{"nothing", "", "", true},
		{"fail", "errorString", "as asked", false},
		{"nothing", "", "", false},
		{"panic", "string", "as asked", false},
		{"exit", "Runtime.ExitError", "exit status 7", true},
		{"nothing", "", "", true},
	} {
		r := invoke(t, f, tc.do)
		if r.ErrorType != tc.kind || !strings.Contains(r.ErrorMessage, tc.text) || r.Cold != tc.cold {
			t.Errorf("%s: %+v, want %s %q, cold %t", tc.do, r, tc.kind, tc.text, tc.cold)
		}
	}
	var c struct {
		ID, ARN string
		Left    float64
	}
	r := invoke(t, f, "context")
	if err := json.Unmarshal(r.Payload, &c); err != nil || c.ID != r.RequestID || c.ARN != lambda.ARN || c.Left <= 0 || c.Left > 20 {
		t.Errorf("context %+v, %v; result %+v", c, err, r)
	}
	if n := f.Kill(); n != 1 {
		t.Errorf("%d processes killed", n)
	}
	if r := invoke(t, f, "nothing"); r.Failed() || !r.Cold {
		t.Errorf("after a kill: %+v", r)
	}
}

func TestTimeIsCutOff(t *testing.T) {
	t.Parallel()
	f := newFunction(t, lambda.Config{Timeout: 5 * time.Second}, "function")
	if r := invoke(t, f, "sleep"); r.ErrorType != "Sandbox.Timedout" || !strings.Contains(r.ErrorMessage, "Task timed out after 5.00 seconds") {
		t.Errorf("%+v", r)
	}
	if r := invoke(t, f, "nothing"); r.Failed() || !r.Cold {
		t.Errorf("after the end of time: %+v", r)
	}
}

func TestFunctionThatDoesNotStartIsAnError(t *testing.T) {
	t.Parallel()
	f := newFunction(t, lambda.Config{}, "broken")
	if _, err := f.Invoke(t.Context(), []byte("{}")); err == nil || !strings.Contains(err.Error(), "a setting is wrong") {
		t.Errorf("got %v, want the last words of the function", err)
	}
}

// TestQueueDeliversWhatFailedAgain has a batch with a message that always fails: it alone becomes a dead letter.
func TestQueueDeliversWhatFailedAgain(t *testing.T) {
	t.Parallel()
	for bad, receives := range map[string]int{"bad": 1, "strange": 3} { // a strange answer fails the whole batch
		q := lambda.NewQueue(newFunction(t, lambda.Config{Timeout: time.Minute}, "function"), lambda.QueueConfig{Receives: 3, Visibility: 10 * time.Millisecond})
		for _, body := range []string{`good`, bad, `good`} {
			q.Send(body)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := q.WaitIdle(ctx)
		cancel()
		q.Close()
		dead := map[string]int{}
		for _, m := range q.Dead() {
			dead[m.Body] = m.Receives
		}
		if err != nil || dead[bad] != 3 {
			t.Errorf("%s: dead letters %v, %v", bad, dead, err)
		}
		if receives == 1 && len(dead) != 1 {
			t.Errorf("%s: others failed with it: %v", bad, dead)
		}
	}
}
