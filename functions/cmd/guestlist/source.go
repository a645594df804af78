package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/status"
	"guestlist/pkg/sweep"
)

func (c *call) sources() *plan.Sources {
	return &plan.Sources{Ledger: c.services.Ledger, Blobs: c.services.Blobs, Bus: c.services.Bus}
}

func sourceAddCommand() command {
	var from, file string
	return command{
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&from, "from", "", "allow exactly what held `IMPORT` asks for, besides what is allowed already")
			fs.StringVar(&file, "file", "", "upload the policy in `FILE`")
		},
		do: func(c *call, args []string) error {
			if len(args) != 1 || from != "" && file != "" {
				return errUsage
			}
			p, err := c.proposed(args[0], from, file)
			if err != nil {
				return err
			}
			return c.addSource(p)
		},
	}
}

// proposed returns the policy to write: from a file, from what an import asks for, or, with neither, one that allows
// guests to be invited from nowhere yet but makes the inbox.
func (c *call) proposed(source, from, file string) (policy.Policy, error) {
	if !policy.ValidSource(source) {
		return policy.Policy{}, &message.Failure{Code: "source.invalid", Text: fmt.Sprintf("%q cannot name a source: use lower-case letters, digits and single hyphens.", source)}
	}
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return policy.Policy{}, err
		}
		return policy.ParseFor(source, raw)
	}
	old, err := c.sources().Policy(c.ctx, source)
	if err != nil && !errors.Is(err, blobstore.ErrNotFound) {
		return old, err
	}
	if from == "" {
		if err == nil {
			return old, nil // as it is: held files are judged again
		}
		return policy.Propose(source, policy.Ask{}), nil
	}
	i, ferr := status.Find(c.ctx, c.services.Ledger, from)
	if ferr != nil {
		return old, ferr
	}
	p, ferr := c.sources().Propose(c.ctx, source, i.ID)
	if ferr != nil || err != nil {
		return p, ferr
	}
	return old.Plus(p), nil
}

func (c *call) addSource(p policy.Policy) error {
	p.Describe(c.stderr)
	if !c.ask(fmt.Sprintf("Let source %q do this?", p.Source)) {
		fmt.Fprintln(c.stderr, "Nothing was changed.")
		return nil
	}
	n, err := c.sources().Add(c.ctx, p)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.stdout, map[string]any{"source": p.Source, "container": policy.Container(p.Source), "released": n})
	}
	fmt.Fprintf(c.stdout, "Source %q may drop files into container %s. %d held files go on.\n", p.Source, policy.Container(p.Source), n)
	return nil
}

func sourceShow(c *call, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	p, err := c.sources().Policy(c.ctx, args[0])
	if errors.Is(err, blobstore.ErrNotFound) {
		return &message.Failure{Code: "source.unknown", Text: fmt.Sprintf("Source %q has no policy. Make one with: guestlist source add %s", args[0], args[0])}
	}
	if err != nil {
		return err
	}
	if c.json {
		_, err = c.stdout.Write(p.JSON())
		return err
	}
	p.Describe(c.stdout)
	return nil
}

func cancel(c *call, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	i, err := status.Find(c.ctx, c.services.Ledger, args[0])
	if err != nil {
		return err
	}
	if !c.ask(fmt.Sprintf("Cancel import %s (%s, %d guests, %d open)?", i.ID, i.File, i.Guests, i.Open)) {
		fmt.Fprintln(c.stderr, "Nothing was changed.")
		return nil
	}
	if _, err := sweep.Cancel(c.ctx, c.services.Ledger, i.ID); err != nil {
		return err
	}
	if c.json {
		return printJSON(c.stdout, map[string]any{"import": i.ID, "cancelled": true})
	}
	fmt.Fprintf(c.stdout, "Import %s is cancelled: nothing more is started for it, and within a minute or two its open rows end as cancelled. "+
		"Who was invited stays invited. Follow it with: guestlist status %s -watch\n", i.ID, i.ID)
	return nil
}
