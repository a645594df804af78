package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"guestlist/pkg/blobstore/azblobstore"
	"guestlist/pkg/relay"
	"guestlist/pkg/relay/s3source"
)

// wiring makes the step from what the settings name.
type wiring struct {
	config
	log *slog.Logger
	// client sends what goes to Azure; nil is the SDK's own.
	client policy.Transporter
}

func (w wiring) relay(ctx context.Context) (*relay.Relay, error) {
	account, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("configure AWS: %w", err)
	}
	inbox, err := w.inbox(account)
	if err != nil {
		return nil, fmt.Errorf("connect to storage: %w", err)
	}
	r := &relay.Relay{Rules: w.rules, Source: s3source.New(account), Inbox: inbox}
	if w.failures != "" {
		r.Failures = &queue{client: sqs.NewFromConfig(account), url: w.failures}
	}
	return r, nil
}

func (w wiring) inbox(account aws.Config) (*azblobstore.Store, error) {
	if w.storage != "" {
		return azblobstore.New(azblobstore.Config{ConnectionString: w.storage})
	}
	credential, err := w.credential(account)
	if err != nil {
		return nil, err
	}
	return azblobstore.New(azblobstore.Config{Endpoint: w.endpoint, Credential: credential})
}

// credential signs in to Entra as the application that trusts this function's role: a token of AWS about the role stands
// where a secret would. azidentity asks for one whenever it needs a new token of Entra.
func (w wiring) credential(account aws.Config) (azcore.TokenCredential, error) {
	options := &azidentity.ClientAssertionCredentialOptions{}
	options.Transport = w.client
	if w.authority != "" {
		options.DisableInstanceDiscovery = true // it would ask the public cloud whether the authority is one
		options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: w.authority, Services: map[cloud.ServiceName]cloud.ServiceConfiguration{}}
	}
	return azidentity.NewClientAssertionCredential(w.tenant, w.clientID, assertion(sts.NewFromConfig(account), w.audience), options)
}

// tokenSeconds is how long a token of AWS is good for. Entra takes it at once.
const tokenSeconds = 300

// assertion asks AWS STS, in the function's own region, who the function is.
func assertion(client *sts.Client, audience string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		out, err := client.GetWebIdentityToken(ctx, &sts.GetWebIdentityTokenInput{Audience: []string{audience},
			SigningAlgorithm: aws.String("RS256"), DurationSeconds: aws.Int32(tokenSeconds)})
		if err != nil {
			return "", fmt.Errorf("ask AWS for a token about this function's role: %w", err)
		}
		if out.WebIdentityToken == nil {
			return "", errors.New("AWS answered without a token")
		}
		return *out.WebIdentityToken, nil
	}
}

// queue is the SQS queue that failures go to.
type queue struct {
	client *sqs.Client
	url    string
}

// Report implements relay.Failures.
func (q *queue) Report(ctx context.Context, f relay.Failure) error {
	if c, ok := lambdacontext.FromContext(ctx); ok {
		f.Context.RequestID, f.Context.Function = c.AwsRequestID, c.InvokedFunctionArn
	}
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	_, err = q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String(string(body))})
	return err
}
