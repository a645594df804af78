package main

import (
	"errors"
	"fmt"
	"strings"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/status"
)

func sourceShowCommand() command {
	return command{
		name: "source show", args: "NAME", least: 1, most: 1,
		short: "what a source may do",
		long: `Prints the policy of a source. With -json it is the policy file itself, to be changed and uploaded again:

  guestlist source show NAME -json > policy.json
  guestlist source add NAME -file policy.json`,
		make: noFlags(sourceShow),
	}
}

func sourceShow(c *call, args []string) error {
	if err := named(args[0]); err != nil {
		return err
	}
	p, err := c.policy(args[0])
	if errors.Is(err, blobstore.ErrNotFound) {
		return &message.Failure{Code: "source.unknown", Text: fmt.Sprintf("Source %q has no policy, so its files are held. "+
			"Make its inbox, or see which file waits, with: guestlist source add %s", args[0], args[0])}
	}
	if err != nil {
		return err
	}
	if c.json {
		_, err = c.stdout.Write(p.JSON())
		return err
	}
	for _, line := range description(p) {
		if _, err := fmt.Fprintln(c.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

func sourceListCommand() command {
	return command{
		name: "source list", short: "the sources that have a policy",
		long: "Lists the sources that have a policy. A policy that cannot be read is listed with the reason.",
		make: noFlags(sourceList),
	}
}

// listed is a source in a list.
type listed struct {
	Source       string   `json:"source"`
	Groups       int      `json:"groups"`
	Applications int      `json:"applications"`
	Domains      []string `json:"domains"`
	MaxGuests    int      `json:"maxGuests"`
	Problem      string   `json:"problem,omitempty"`
}

func sourceList(c *call, _ []string) error {
	all := []listed{}
	for b, err := range c.services.Blobs.List(c.ctx, plan.PolicyContainer, "sources/") {
		if err != nil {
			return fmt.Errorf("list the policies: %w", err)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(b.Path, "sources/"), ".json")
		if b.Path != policy.File(name) || !policy.ValidSource(name) {
			continue
		}
		l := listed{Source: name, Domains: []string{}}
		p, err := c.sources().Policy(c.ctx, name)
		if f, ok := errors.AsType[*message.Failure](err); ok {
			l.Problem = f.Text
		} else if err != nil {
			return err
		} else {
			l.Groups, l.Applications, l.Domains, l.MaxGuests = len(p.Groups), len(p.Applications), orEmpty(p.Domains), p.MaxGuests
		}
		all = append(all, l)
	}
	if c.json {
		return printJSON(c.stdout, all)
	}
	if len(all) == 0 {
		c.hint("No source has a policy. Make the inbox of one with: guestlist source add NAME")
		return nil
	}
	return printSources(c, all)
}

func printSources(c *call, all []listed) error {
	t := status.Table{Indent: 2, Columns: []status.Column{{Title: "SOURCE"}, {Title: "GROUPS", Right: true}, {Title: "APPLICATIONS", Right: true},
		{Title: "GUESTS PER FILE", Right: true}, {Title: "DOMAINS", Bends: true}}}
	for _, l := range all {
		t.Row(l.Source, fmt.Sprint(l.Groups), fmt.Sprint(l.Applications), fmt.Sprint(l.MaxGuests), strings.Join(l.Domains, ", "))
		t.Note(l.Problem)
	}
	return t.Write(c.stdout)
}
