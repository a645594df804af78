package entra_test

import (
	"fmt"
	"strings"

	"guestlist/pkg/local/entra"
)

func Example() {
	seed, err := entra.ReadSeed(strings.NewReader(`{
		"verifiedDomains": ["contoso.example", "contoso.onmicrosoft.com"],
		"groups": [{"id": "02bd9fd6-8f93-4758-87c3-1fb73740a315", "displayName": "Partners"}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := entra.Serve(entra.Config{Seed: seed, Lag: entra.DefaultLag, Limits: true, Faults: true, RandSeed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	// IDENTITY_ENDPOINT=s.IdentityEndpoint(), IDENTITY_HEADER=s.IdentityHeader(), Microsoft Graph at s.URL().
	fmt.Println(s.State().Groups[0].DisplayName, s.Stats().Writes)
	// Output: Partners 0
}
