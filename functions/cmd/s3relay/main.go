// Command s3relay is the AWS Lambda function of Guestlist, for provided.al2023: it brings CSV files from S3 to the inbox of
// their source in Azure. infra/aws/README.md says how it is set up, and lists its environment variables.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"guestlist/pkg/message"
	"guestlist/pkg/relay"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run serves Lambda until the environment ends. What is wrong with the settings ends it with a text, which Lambda shows.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) > 0 || getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		fmt.Fprintln(stderr, "s3relay: this is an AWS Lambda function (provided.al2023): deploy it as infra/aws/README.md says. It takes no arguments.")
		return 2
	}
	h, err := setUp(ctx, getenv, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "s3relay:", err)
		return 1
	}
	lambda.StartWithOptions(h, lambda.WithContext(ctx)) // returns only by ending the process
	return 1
}

// handler runs the step on each invocation.
type handler struct {
	relay *relay.Relay
	log   *slog.Logger
}

// Invoke implements lambda.Handler.
func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	step := *h.relay
	if c, ok := lambdacontext.FromContext(ctx); ok {
		step.Log = h.log.With("request_id", c.AwsRequestID)
	}
	answer, err := step.Handle(ctx, payload)
	if err != nil {
		f := message.AsFailure(err, retryable)
		return nil, messages.InvokeResponse_Error{Type: f.Code, Message: f.Text}
	}
	return answer, nil
}

// retryable is the error type that Lambda shows of what may succeed later; what never can has a code of docs/codes.md.
const retryable = "Retryable"

func setUp(ctx context.Context, getenv func(string) string, stdout io.Writer) (*handler, error) {
	c, err := readConfig(getenv)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(stdout, nil))
	w := wiring{config: c, log: log}
	step, err := w.relay(ctx)
	if err != nil {
		return nil, err
	}
	step.Now, step.Log = time.Now, log
	return &handler{relay: step, log: log}, nil
}
