package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/forecast"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/status"
)

func (c *call) sources() *plan.Sources {
	return &plan.Sources{Ledger: c.services.Ledger, Blobs: c.services.Blobs, Bus: c.services.Bus}
}

func sourceAddCommand() command {
	return command{
		name: "source add", args: "NAME [-from IMPORT | -file POLICY]", least: 1, most: 1, changes: true, queues: true,
		short: "allow a source to drop files, or let it do more",
		long: `Writes the policy of a source, after showing it and asking, and makes the container inbox-NAME. Held files of the
source are then judged again.

  -from IMPORT   allow exactly what that held file asks for, besides what the source may do already (new lines are
                 marked with +)
  -file POLICY   the policy is in that file; "guestlist source show NAME -json" prints one to begin with
  neither        a new source: only make the inbox. Its first file is held until you allow what it asks for. For a
                 source that has a policy: judge its held files again`,
		make: func(fs *flag.FlagSet) body {
			from := fs.String("from", "", "held `IMPORT` whose wishes to allow")
			file := fs.String("file", "", "policy `FILE` to upload")
			check := func([]string) error {
				if *from != "" && *file != "" {
					return errors.New("give -from or -file, not both")
				}
				return nil
			}
			return body{check, func(c *call, args []string) error { return sourceAdd(c, args[0], *from, *file) }}
		},
	}
}

func sourceAdd(c *call, source, from, file string) error {
	if err := named(source); err != nil {
		return err
	}
	old, err := c.policy(source)
	known := err == nil
	switch {
	case file != "":
		return addFromFile(c, source, file)
	case from != "":
		return addFromImport(c, source, from)
	case !known && !errors.Is(err, blobstore.ErrNotFound):
		return err
	case known:
		describe(c.stderr, old, nil)
		return addSource(c, old, compared{old, nil}, fmt.Sprintf("Source %q has this policy already. Judge its held files again?", source))
	}
	return makeInbox(c, source)
}

func named(source string) error {
	if policy.ValidSource(source) {
		return nil
	}
	return &message.Failure{Code: "source.invalid", Text: fmt.Sprintf("%q cannot name a source: use lower-case letters, digits and single hyphens.", source)}
}

// policy reads a source's policy; blobstore.ErrNotFound if it has none.
func (c *call) policy(source string) (policy.Policy, error) {
	p, err := c.sources().Policy(c.ctx, source)
	if f, ok := errors.AsType[*message.Failure](err); ok {
		err = &message.Failure{Code: f.Code, Text: fmt.Sprintf("The policy of source %q cannot be used. %s. Upload a corrected one with: guestlist source add %s -file POLICY",
			source, f.Text, source)}
	}
	return p, err
}

func addFromFile(c *call, source, file string) error {
	raw, err := os.ReadFile(file)
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return &message.Failure{Code: "policy.unreadable", Text: fmt.Sprintf("The policy in %s cannot be read: %v.", file, p.Err)}
	}
	if err != nil {
		return err
	}
	p, err := policy.ParseFor(source, raw)
	if err != nil {
		return &message.Failure{Code: "policy.invalid", Text: fmt.Sprintf("%s: %v. Nothing was changed.", file, err)}
	}
	// What is replaced may be broken: then there is nothing to compare with.
	old, err := c.policy(source)
	if err == nil {
		describe(c.stderr, p, &old)
	} else {
		describe(c.stderr, p, nil)
	}
	return addSource(c, p, compared{old, err}, fmt.Sprintf("Let source %q do this, and nothing else?", source))
}

func addFromImport(c *call, source, prefix string) error {
	i, err := status.Find(c.ctx, c.services.Ledger, prefix)
	if err != nil {
		return err
	}
	p, err := c.sources().Propose(c.ctx, source, i.ID)
	if err != nil {
		return err
	}
	old, err := c.policy(source)
	switch {
	case err == nil:
		p = old.Plus(p)
		describe(c.stderr, p, &old)
	case errors.Is(err, blobstore.ErrNotFound):
		describe(c.stderr, p, nil)
	default:
		return err
	}
	var ask policy.Ask
	if json.Unmarshal(i.Ask, &ask) == nil {
		printUnlisted(c.stderr, ask)
	}
	fmt.Fprintln(c.stderr, "Whoever dropped the file wrote these ids: compare them with the Entra admin center first.")
	return addSource(c, p, compared{old, err}, fmt.Sprintf("Let source %q do this?", source))
}

// compared is the policy to which an operator was shown the difference, or why there was none.
type compared struct {
	policy policy.Policy
	err    error
}

// still refuses to write over a policy that somebody has changed while the question stood.
func (s compared) still(c *call, source string) error {
	now, err := c.policy(source)
	if (err == nil) == (s.err == nil) && (err != nil || bytes.Equal(now.JSON(), s.policy.JSON())) {
		return nil
	}
	return &message.Failure{Code: "policy.changed", Text: fmt.Sprintf("Somebody changed the policy of source %q while you were asked. "+
		"Nothing was changed. Run the command again and look at the difference.", source)}
}

func addSource(c *call, p policy.Policy, old compared, question string) error {
	expected, err := c.heldOf(p.Source)
	if err != nil {
		return err
	}
	if expected != nil {
		writeParagraph(c.stderr, "Expected end of what is held: ", ending(expected))
	}
	if err := c.ask(question); err != nil {
		return err
	}
	if err := old.still(c, p.Source); err != nil {
		return err
	}
	n, err := c.sources().Add(c.ctx, p)
	if err != nil {
		return err
	}
	if n > 0 {
		defer c.hint("See how far they are with: guestlist status")
	}
	return c.say(map[string]any{"source": p.Source, "container": policy.Container(p.Source), "policy": true, "released": n, "expected": expected},
		"Source %q may drop files into container %s. %s judged again.", p.Source, policy.Container(p.Source), held(n))
}

// heldOf returns what to expect of the held files of a source, once they are released; nil if there are none.
func (c *call) heldOf(source string) (*forecast.Expectation, error) {
	guests, files := 0, 0
	for i, err := range c.services.Ledger.ListImports(c.ctx, true) {
		if err != nil {
			return nil, err
		}
		var ask policy.Ask
		if i.Source == source && i.State == ledger.Held && !i.Cancelled && json.Unmarshal([]byte(i.Ask), &ask) == nil {
			guests, files = guests+ask.Guests, files+1
		}
	}
	if files == 0 {
		return nil, nil
	}
	f, err := forecast.Read(c.ctx, c.services.Ledger, pace.Careful)
	if err != nil {
		return nil, err
	}
	e := f.Guests(guests)
	return &e, nil
}

func held(n int) string {
	switch n {
	case 0:
		return "No file was held, so none is"
	case 1:
		return "1 held file is"
	}
	return fmt.Sprintf("%d held files are", n)
}

// makeInbox makes a new source without a policy. One that allows nothing would have its first file refused row by row;
// without one the file is held, and a person sees what it asks for.
func makeInbox(c *call, source string) error {
	all, err := status.List(c.ctx, c.services.Ledger)
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.Source == source && i.State == string(ledger.Held) {
			return &message.Failure{Code: "source.file-held", Text: fmt.Sprintf("Source %q has no policy, and its file %s is held. "+
				"Look at it with \"guestlist status %s\", then allow what it asks for: guestlist source add %s -from %s", source, i.File, i.ID, source, i.ID)}
		}
	}
	if err := c.ask(fmt.Sprintf("Make the inbox of source %q, container %s? Nothing is allowed yet: its first file is held.", source, policy.Container(source))); err != nil {
		return err
	}
	if err := c.services.Blobs.CreateContainer(c.ctx, policy.Container(source)); err != nil {
		return fmt.Errorf("make the inbox of source %s: %w", source, err)
	}
	return c.say(map[string]any{"source": source, "container": policy.Container(source), "policy": false, "released": 0},
		"Source %q may drop files into container %s. The first one is held; \"guestlist status\" then shows it.", source, policy.Container(source))
}
