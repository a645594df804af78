package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"

	"guestlist/functions/cmd/internal/connect"
	"guestlist/pkg/doctor"
	"guestlist/pkg/graph"
	"guestlist/pkg/status"
)

func doctorCommand() command {
	return command{
		name: "doctor", alone: true,
		short: "examine the tenant: permissions, invitation settings, domain",
		long: `Asks Microsoft Graph what Guestlist will ask, and changes nothing: reading is tried on what is there, writing on what
cannot be there (an invitation without an address, a group and a user that no tenant has). It asks as the
managed identity where IDENTITY_ENDPOINT is set, otherwise as whoever is signed in with "az login". Each finding
says on what it rests: tried, read, or inferred. Exit code 1 if one is bad. docs/first-tenant.md goes on from there.`,
		make: func(fs *flag.FlagSet) body {
			id := fs.String("identity", "", "ask as the managed identity with this client `ID`, on a machine in Azure that has it")
			return body{do: func(c *call, _ []string) error { return examine(c, *id) }}
		},
	}
}

// errUnfit says that something bad was found, and printed.
var errUnfit = errors.New("the tenant is not ready")

func examine(c *call, identity string) error {
	client, err := c.graph(identity)
	if err != nil {
		return err
	}
	found := doctor.Examine(c.ctx, tenant{client}, doctor.Options{
		MailMode: cmp.Or(c.setting("MAIL_MODE"), "own"), Assignments: c.setting("APP_ASSIGNMENT") != "off", Mailbox: c.setting("MAIL_MAILBOX")})
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	if c.json {
		err = printJSON(c.stdout, found)
	} else {
		err = printFindings(c, found)
	}
	if err == nil && doctor.Worst(found) == doctor.Bad {
		return errUnfit
	}
	return err
}

// graph returns a client that asks as a managed identity, or as the settings say if none is named.
func (c *call) graph(identity string) (*graph.Client, error) {
	if err := c.lendIdentity(); err != nil {
		return nil, err
	}
	credential, err := connect.Credential(c.setting)
	if identity != "" {
		credential, err = connect.ManagedIdentity(identity)
	}
	if err != nil {
		return nil, err
	}
	return graph.New(graph.Config{Endpoint: c.setting("GRAPH_ENDPOINT"), Credential: credential})
}

// lendIdentity puts the identity endpoint of a file of settings into the environment, which is where azidentity looks.
func (c *call) lendIdentity() error {
	for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER"} {
		if v := c.setting(name); v != "" && c.getenv(name) != v {
			if err := c.setenv(name, v); err != nil {
				return fmt.Errorf("set %s: %w", name, err)
			}
		}
	}
	return nil
}

func printFindings(c *call, found []doctor.Finding) error {
	t := status.Table{Columns: []status.Column{{Title: "CHECK"}, {Title: "STATE"}, {Title: "BASIS"}}, Indent: 2}
	for _, f := range found {
		t.Row(f.Check, string(f.State), string(f.Basis))
		t.Note(f.Text)
		if f.Next != "" {
			t.Note("Next: " + f.Next)
		}
		if f.Request != "" && f.State != doctor.Good {
			t.Note("Request " + f.Request)
		}
	}
	if err := t.Write(c.stdout); err != nil {
		return err
	}
	counts := map[doctor.State]int{}
	for _, f := range found {
		counts[f.State]++
	}
	_, err := fmt.Fprintf(c.stdout, "\n%d good, %d unsure, %d bad.\n", counts[doctor.Good], counts[doctor.Unsure], counts[doctor.Bad])
	return err
}
