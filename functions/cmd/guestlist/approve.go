package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os/user"
	"strings"
	"unicode/utf8"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/forecast"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
	"guestlist/pkg/policy"
	"guestlist/pkg/status"
)

// maxReason is how many characters a reason may have: a sentence or two for whoever looks next.
const maxReason = 500

func approveCommand() command {
	return command{
		name: "approve", args: "IMPORT [-reason TEXT]", least: 1, most: 1, changes: true, queues: true,
		short: "let one held file pass that has too many guests",
		long: `A file with more guests than its source's policy allows is held (file.too-many-guests). This lets that one file pass,
after showing what it asks for and asking. The policy stays as it is: the next file of that size is held again, and
rows that the policy does not allow are rejected all the same. The file is read once more, as the version that was
held; one that was replaced or deleted meanwhile is superseded. "guestlist status" shows who approved it, when and
why. For a file that is held for another reason, use "guestlist source add".`,
		make: func(fs *flag.FlagSet) body {
			reason := fs.String("reason", "", "why it may pass, for whoever looks next: `TEXT`")
			check := func([]string) error {
				if n := utf8.RuneCountInString(*reason); n > maxReason {
					return fmt.Errorf("-reason has %d characters; at most %d are kept", n, maxReason)
				}
				return nil
			}
			return body{check, func(c *call, args []string) error { return approve(c, args[0], *reason) }}
		},
	}
}

// approved is what the command says about an import in JSON.
type approved struct {
	Import   string                `json:"import"`
	Already  bool                  `json:"already"` // by an earlier call
	Maximum  int                   `json:"maximum"` // of the policy
	Approval *status.Approval      `json:"approval"`
	Expected *forecast.Expectation `json:"expected,omitempty"`
}

func approve(c *call, prefix, reason string) error {
	i, err := status.Find(c.ctx, c.services.Ledger, prefix)
	if err != nil {
		return err
	}
	var ask policy.Ask
	if i.State == string(ledger.Held) && i.Code == policy.TooManyGuests {
		if err := json.Unmarshal(i.Ask, &ask); err != nil {
			return fmt.Errorf("import %s: what the file asks for: %w", i.ID, err)
		}
	}
	result := approved{Import: i.ID}
	if ask.Guests > 0 {
		if err := agree(c, i, ask, &result); err != nil {
			return err
		}
	}
	// What is not to be approved is refused here, and one that is approved already is told so: the ledger decides, since
	// another operator may be at it.
	after, isNew, err := c.sources().Approve(c.ctx, i.ID, ledger.Approval{Guests: ask.Guests, By: c.operator(),
		Reason: status.Clean(strings.TrimSpace(reason))})
	if err != nil {
		return err
	}
	a := after.Approval
	result.Already, result.Approval = !isNew, &status.Approval{Guests: a.Guests, By: a.By, Reason: a.Reason, At: a.At}
	defer c.hint("Follow it with: guestlist status %s -watch", i.ID)
	if !isNew {
		return c.say(result, "Import %s was approved already (%s).", i.ID, approval(result.Approval))
	}
	return c.say(result, "Import %s is approved: the file is read again, and its %s judged by the policy as it is then.", i.ID, are(a.Guests, "guest"))
}

func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return counted(n, what) + " are"
}

// agree shows what an approval would let pass, and asks.
func agree(c *call, i status.Import, ask policy.Ask, result *approved) error {
	p, err := c.policy(i.Source)
	switch {
	case errors.Is(err, blobstore.ErrNotFound):
		return &message.Failure{Code: "source.unknown", Text: fmt.Sprintf("Source %q has no policy any more, so approving would only hold the file again. "+
			"Allow what it asks for with: guestlist source add %s -from %s", i.Source, i.Source, i.ID)}
	case err != nil:
		return err
	}
	f, err := forecast.Read(c.ctx, c.services.Ledger, pace.Careful)
	if err != nil {
		return err
	}
	e := f.Guests(ask.Guests)
	result.Maximum, result.Expected = p.MaxGuests, &e
	for _, line := range [][2]string{
		{"Import", i.ID}, {"File", i.File}, {"Received", day(i.Received)}, {"Rows", fmt.Sprint(i.Rows)}, {"Guests", fmt.Sprint(ask.Guests)},
		{"Maximum", fmt.Sprintf("%d in one file, by the policy of source %s", p.MaxGuests, i.Source)},
		{"Expected", ending(&e)},
	} {
		writeParagraph(c.stderr, fmt.Sprintf("%-10s", line[0]), line[1])
	}
	printAsk(c.stderr, i)
	fmt.Fprintln(c.stderr, "Rows that ask for what the policy does not allow are rejected all the same.")
	return c.ask("Let this one file pass?")
}

// operator names who runs the command, as the machine says. It is a note for colleagues: what the account of the services
// was, only their own logs can tell.
func (c *call) operator() string {
	name := cmp.Or(c.getenv("USER"), c.getenv("LOGNAME"), c.getenv("USERNAME"))
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	return status.Clean(string([]rune(name)[:min(64, utf8.RuneCountInString(name))]))
}
