package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"guestlist/pkg/relay"
)

// config is what the environment variables say.
type config struct {
	rules relay.Rules

	storage string // connection string of the emulator

	endpoint         string // of the blob service
	tenant, clientID string
	audience         string
	authority        string // empty is Azure's public cloud

	failures string // URL of the queue; empty returns permanent failures to Lambda
}

// tokenExchange is the audience that Entra expects of a federated token.
const tokenExchange = "api://AzureADTokenExchange"

func readConfig(getenv func(string) string) (config, error) {
	c := config{storage: getenv("Storage"), endpoint: getenv("Storage__blobServiceUri"), tenant: getenv("AZURE_TENANT_ID"),
		clientID: getenv("AZURE_CLIENT_ID"), audience: getenv("TOKEN_AUDIENCE"), authority: getenv("AZURE_AUTHORITY_HOST"), failures: getenv("FAILURES_QUEUE_URL")}
	if c.audience == "" {
		c.audience = tokenExchange
	}
	var err error
	if c.rules, err = relay.ParseRules(getenv("SOURCES")); err != nil {
		return c, fmt.Errorf("SOURCES: %w", err)
	}
	if c.storage != "" {
		return c, onlyEmulator(c.storage)
	}
	if u, err := url.Parse(c.endpoint); err != nil || u.Scheme != "https" || u.Host == "" {
		return c, fmt.Errorf("Storage__blobServiceUri is %q: set it to https://<account>.blob.core.windows.net", c.endpoint)
	}
	if c.tenant == "" || c.clientID == "" {
		return c, errors.New("set AZURE_TENANT_ID and AZURE_CLIENT_ID to the tenant and the application (client) ID that trusts this function's role")
	}
	return c, nil
}

// onlyEmulator refuses the key of a real account: with an identity there is no secret to lose.
func onlyEmulator(connection string) error {
	if strings.Contains(connection, "AccountName=devstoreaccount1;") || strings.EqualFold(strings.Trim(connection, "; "), "UseDevelopmentStorage=true") {
		return nil
	}
	return errors.New("Storage is a connection string of a real account: remove it and set Storage__blobServiceUri, AZURE_TENANT_ID and AZURE_CLIENT_ID, which need no key")
}
