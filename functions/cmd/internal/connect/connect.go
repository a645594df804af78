// Package connect opens the services that the app settings name: ledger, blobs and queues. It is where the commands choose
// their adapters.
//
// Each service is named by a connection string (Storage, ServiceBus), as on a developer's machine, or by its address
// (Storage__blobServiceUri and Storage__tableServiceUri, ServiceBus__fullyQualifiedNamespace) and a credential, as in
// Azure: the managed identity of the Function App, or whoever is signed in to the Azure CLI for an operator's command.
package connect

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"guestlist/pkg/blobstore/azblobstore"
	"guestlist/pkg/bus/sbbus"
	"guestlist/pkg/ledger/tableledger"
)

// Services are the open services of one process.
type Services struct {
	Ledger *tableledger.Store
	Blobs  *azblobstore.Store
	Bus    *sbbus.Bus
}

// Open connects to the services that getenv's settings name, and makes the ledger's tables if they are missing: for the
// handler, which needs the role Storage Table Data Contributor anyway. An error says which setting to mend.
func Open(ctx context.Context, getenv func(string) string) (*Services, error) {
	s, err := Use(getenv, true)
	if err != nil {
		return nil, err
	}
	if err := s.Ledger.Create(ctx); err != nil {
		return nil, fmt.Errorf("connect to storage: %w", err)
	}
	return s, nil
}

// Use is Open for an operator's command: it makes nothing, so that roles that may only read are enough for what only
// reads. Without queues the settings of Service Bus are not needed, and Bus is nil.
func Use(getenv func(string) string, queues bool) (*Services, error) {
	return UseClock(getenv, queues, time.Now)
}

// UseClock is Use in a process whose clock is now.
func UseClock(getenv func(string) string, queues bool, now func() time.Time) (*Services, error) {
	o := opener{getenv: getenv, now: now}
	var s Services
	if queues {
		if err := o.bus(&s); err != nil {
			return nil, fmt.Errorf("connect to Service Bus: %w", err)
		}
	}
	if err := o.storage(&s); err != nil {
		return nil, fmt.Errorf("connect to storage: %w", err)
	}
	if s.Bus != nil { // messages go by the clock that steps go by, however wrong this machine's is
		s.Bus.Now = s.Ledger.Clock
	}
	return &s, nil
}

type opener struct {
	getenv     func(string) string
	now        func() time.Time
	credential azcore.TokenCredential
}

// identity makes the credential when the first service needs one.
func (o *opener) identity() (azcore.TokenCredential, error) {
	if o.credential != nil {
		return o.credential, nil
	}
	c, err := Credential(o.getenv)
	o.credential = c
	return c, err
}

// Credential returns the managed identity where there is one (AZURE_CLIENT_ID names a user-assigned one), otherwise the
// account that is signed in to the Azure CLI.
func Credential(getenv func(string) string) (azcore.TokenCredential, error) {
	if getenv("IDENTITY_ENDPOINT") == "" {
		return azidentity.NewAzureCLICredential(nil)
	}
	return ManagedIdentity(getenv("AZURE_CLIENT_ID"))
}

// ManagedIdentity returns the managed identity with a client id, or the system-assigned one if that is empty. It finds the
// endpoint of the Function App in the environment of the process, or that of a virtual machine at its fixed address.
func ManagedIdentity(clientID string) (azcore.TokenCredential, error) {
	var o azidentity.ManagedIdentityCredentialOptions
	if clientID != "" {
		o.ID = azidentity.ClientID(clientID)
	}
	return azidentity.NewManagedIdentityCredential(&o)
}

func (o *opener) bus(s *Services) (err error) {
	if c := o.getenv("ServiceBus"); c != "" {
		s.Bus, err = sbbus.FromConnectionString(c)
		return err
	}
	host := o.getenv("ServiceBus__fullyQualifiedNamespace")
	if host == "" {
		return missing("ServiceBus", "ServiceBus__fullyQualifiedNamespace")
	}
	credential, err := o.identity()
	if err != nil {
		return err
	}
	s.Bus, err = sbbus.FromCredential(host, credential)
	return err
}

func (o *opener) storage(s *Services) error {
	if c := o.getenv("Storage"); c != "" {
		return s.openStorage(azblobstore.Config{ConnectionString: c}, tableledger.Config{ConnectionString: c, Now: o.now})
	}
	blobs, tables := o.getenv("Storage__blobServiceUri"), o.getenv("Storage__tableServiceUri")
	if blobs == "" || tables == "" {
		return missing("Storage", "Storage__blobServiceUri and Storage__tableServiceUri")
	}
	credential, err := o.identity()
	if err != nil {
		return err
	}
	return s.openStorage(azblobstore.Config{Endpoint: blobs, Credential: credential}, tableledger.Config{Endpoint: tables, Credential: credential, Now: o.now})
}

func (s *Services) openStorage(blobs azblobstore.Config, tables tableledger.Config) (err error) {
	if s.Blobs, err = azblobstore.New(blobs); err != nil {
		return err
	}
	s.Ledger, err = tableledger.Use(tables)
	return err
}

func missing(connection, address string) error {
	return fmt.Errorf("set %s (a connection string) or %s", connection, address)
}
