// Package s3test gives tests the AWS SDK's view of the S3 server in pkg/local/s3. Call [Config] or [Client].
package s3test

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	locals3 "guestlist/pkg/local/s3"
)

// Config returns what Server.Environment says as a configuration of the SDK.
func Config(s *locals3.Server) aws.Config {
	return aws.Config{Region: locals3.Region, BaseEndpoint: aws.String(s.URL()), Credentials: aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: locals3.AccessKey, SecretAccessKey: locals3.SecretKey}, nil
		})}
}

// Client returns a client of the server.
func Client(s *locals3.Server) *s3.Client { return s3.NewFromConfig(Config(s)) }
