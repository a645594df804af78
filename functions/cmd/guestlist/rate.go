package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/pace"
	"guestlist/pkg/status"
)

const aboutRates = `Microsoft has blocked tenants for "suspicious activity" after eleven fast invitations, and only its support lifts such a
block. So a tenant's first new invitations go slowly: 10 a minute for the first 50, twice as many for each 100 that
worked, and 2,000 a day until 2,000 have worked. The real thresholds are unknown. Guests who exist already, groups and
applications are not slowed. All of it lies in the ledger: a change works within seconds and restarts nothing.`

func rateShowCommand() command {
	return command{
		name: "rate show", most: 0,
		short: "how fast guests are invited, and what limits it",
		long:  aboutRates,
		make:  noFlags(rateShow),
	}
}

func rateSetCommand() command {
	return command{
		name: "rate set", args: "-reason TEXT [-start careful|off] [-day N|none|careful] [-invitations N] [-writes N]", most: 0, changes: true,
		short: "invite slower or faster",
		long:  aboutRates,
		make: func(fs *flag.FlagSet) body {
			var r rates
			fs.StringVar(&r.start, "start", "", "the slow start: careful or off")
			fs.StringVar(&r.day, "day", "", "new invitations a day (UTC): `N`, none, or careful, which is 2,000 until 2,000 have worked")
			fs.StringVar(&r.invitations, "invitations", "", "at most `N` new invitations a minute; Microsoft's limit is 1,800")
			fs.StringVar(&r.writes, "writes", "", "at most `N` directory writes a second; Microsoft's limit is 20")
			reason := reasonFlag(fs, "why you change it, for whoever looks next")
			check := func(args []string) error {
				if r == (rates{}) {
					return errors.New("say what to change: -start, -day, -invitations or -writes")
				}
				if err := r.apply(&ledger.Tenant{}); err != nil {
					return err
				}
				return needsReason(reason)(args)
			}
			return body{check, func(c *call, _ []string) error { return rateSet(c, r, *reason) }}
		},
	}
}

// rates is what the flags of "rate set" say; empty ones change nothing.
type rates struct{ start, day, invitations, writes string }

// apply changes a row, or says which flag is wrong.
func (r rates) apply(t *ledger.Tenant) error {
	switch r.start {
	case "":
	case "careful", "off":
		t.Ramp.Off = r.start == "off"
	default:
		return fmt.Errorf("-start is %q: use careful or off", r.start)
	}
	switch r.day {
	case "":
	case "none":
		t.Ramp.Cap, t.Ramp.CapUntil = 0, 0
	case "careful":
		t.Ramp.Cap, t.Ramp.CapUntil = pace.Careful.Cap, pace.Careful.CapUntil
	default:
		n, err := strconv.Atoi(r.day)
		if err != nil || n < 1 {
			return fmt.Errorf("-day is %q: use a number of at least 1, none, or careful", r.day)
		}
		t.Ramp.Cap, t.Ramp.CapUntil = n, 0
	}
	return errors.Join(
		limit("-invitations", r.invitations, 60, 1800, pace.Invitations, &t.Invitations.Limit),
		limit("-writes", r.writes, 1, 20, pace.Writes, &t.Writes.Limit))
}

// limit reads a number of calls and sets a limit in calls per second. Microsoft's own limit is kept with a little room, as
// where nobody has set anything.
func limit(name, text string, perSecond, most, microsoft float64, to *float64) error {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0 && n <= most) {
		return fmt.Errorf("%s is %q: use a number above 0 and up to %g, Microsoft's limit", name, text, most)
	}
	*to = min(n/perSecond, microsoft)
	return nil
}

// rateView is the tenant's pace as JSON.
type rateView struct {
	InvitationsPerMinute float64   `json:"invitationsPerMinute"` // at present
	LimitedBy            string    `json:"limitedBy"`            // start, throttled or limit
	MostPerMinute        float64   `json:"mostInvitationsPerMinute"`
	SlowStart            bool      `json:"slowStart"`
	Worked               int       `json:"worked"` // invitations since the tenant last refused to invite
	DayCap               int       `json:"dayCap,omitempty"`
	DayCapUntil          int       `json:"dayCapUntil,omitempty"` // the cap falls when so many have worked
	DayLeft              *int      `json:"dayLeft,omitempty"`
	Today                int       `json:"today"`
	WritesPerSecond      float64   `json:"writesPerSecond"` // at present
	MostWritesPerSecond  float64   `json:"mostWritesPerSecond"`
	Reason               string    `json:"reason,omitempty"` // of the last change by a person
	Changed              time.Time `json:"changed,omitzero"`
	Default              bool      `json:"default,omitempty"` // nothing is kept yet: what a Function App without settings of its own does
}

func viewRates(t ledger.Tenant, now time.Time) rateView {
	v := rateView{Default: t.Version == "", Reason: t.Reason, Changed: t.Changed}
	t = pace.Careful.Fill(t)
	perSecond, ramped := pace.InviteRate(t, now)
	v.InvitationsPerMinute, v.MostPerMinute = perSecond*60, min(t.Invitations.Limit, t.Writes.Limit)*60
	v.WritesPerSecond, v.MostWritesPerSecond = pace.WriteRate(t, now), t.Writes.Limit
	switch {
	case ramped:
		v.LimitedBy = "start"
	case v.InvitationsPerMinute < v.MostPerMinute:
		v.LimitedBy = "throttled"
	default:
		v.LimitedBy = "limit"
	}
	v.SlowStart, v.Worked = !t.Ramp.Off, t.Ramp.Succeeded
	if left, capped := pace.DayLeft(t.Ramp, now); capped {
		v.DayCap, v.DayCapUntil, v.DayLeft = t.Ramp.Cap, t.Ramp.CapUntil, &left
	}
	if t.Ramp.Day.Equal(now.UTC().Truncate(24 * time.Hour)) {
		v.Today = t.Ramp.Count
	}
	return v
}

func (c *call) rates() (rateView, error) {
	t, err := c.services.Ledger.Tenant(c.ctx)
	if err != nil {
		return rateView{}, err
	}
	now, err := c.services.Ledger.Now(c.ctx)
	return viewRates(t, now), err
}

func rateShow(c *call, _ []string) error {
	v, err := c.rates()
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.stdout, v)
	}
	printRates(c.stdout, v)
	c.hint("\nTo change it:\n  guestlist rate set -h")
	return nil
}

func printRates(w io.Writer, v rateView) {
	row := func(name, value string) {
		if value != "" {
			writeParagraph(w, fmt.Sprintf("%-13s", name), value)
		}
	}
	row("Invitations", fmt.Sprintf("%s a minute at present: %s", number(v.InvitationsPerMinute), limitedBy(v)))
	row("Slow start", slowStart(v))
	row("Today", today(v))
	row("Writes", writes(v))
	if v.Default {
		row("Kept", "nothing yet: this is what holds from the first call on, unless the app settings INVITE_RATE, INVITE_CAP or WRITE_RATE say otherwise")
	}
	if v.Reason != "" {
		row("Changed", day(v.Changed)+": "+v.Reason)
	}
}

// limitedBy says what limits new invitations.
func limitedBy(v rateView) string {
	switch v.LimitedBy {
	case "start":
		return "the slow start"
	case "throttled":
		return fmt.Sprintf("Microsoft Graph asked to slow down; otherwise %s", number(v.MostPerMinute))
	}
	return "the limit"
}

func slowStart(v rateView) string {
	if !v.SlowStart {
		return "off"
	}
	return fmt.Sprintf("on; %d invitations have worked since the tenant last refused one. 10 a minute for the first 50, twice as many for each 100 more, up to %s",
		v.Worked, number(v.MostPerMinute))
}

func today(v rateView) string {
	text := counted(v.Today, "new invitation") + " (UTC)"
	switch {
	case v.DayLeft == nil:
		return text + "; there is no cap"
	case v.DayCapUntil > 0:
		return fmt.Sprintf("%s of %d; %d are left. The cap falls on the day after %d have worked", text, v.DayCap, *v.DayLeft, v.DayCapUntil)
	}
	return fmt.Sprintf("%s of %d; %d are left", text, v.DayCap, *v.DayLeft)
}

func writes(v rateView) string {
	text := fmt.Sprintf("at most %s directory writes a second", number(v.MostWritesPerSecond))
	if v.WritesPerSecond < v.MostWritesPerSecond {
		text += fmt.Sprintf("; %s at present, since Microsoft Graph asked to slow down", number(v.WritesPerSecond))
	}
	return text
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

func rateSet(c *call, r rates, reason string) error {
	before, err := c.rates()
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stderr, "At present:")
	printRates(c.stderr, before)
	fmt.Fprintln(c.stderr)
	if err := c.ask("Change it to " + r.String() + "?" + r.warning()); err != nil {
		return err
	}
	if err := c.services.Ledger.Create(c.ctx); err != nil { // it may be the very first thing that anybody does
		return err
	}
	row, err := c.services.Ledger.UpdateTenant(c.ctx, func(t *ledger.Tenant, now time.Time) error {
		*t = pace.Careful.Fill(*t)
		t.Reason, t.Changed = status.Clean(strings.TrimSpace(reason)), now
		return r.apply(t)
	})
	if err != nil {
		return err
	}
	v := viewRates(row, row.Changed)
	if c.json {
		return printJSON(c.stdout, v)
	}
	printRates(c.stdout, v)
	return nil
}

func (r rates) String() string {
	var parts []string
	for _, p := range []struct{ value, text string }{
		{r.start, "slow start " + r.start}, {r.day, "new invitations a day: " + r.day},
		{r.invitations, "at most " + r.invitations + " new invitations a minute"}, {r.writes, "at most " + r.writes + " writes a second"},
	} {
		if p.value != "" {
			parts = append(parts, p.text)
		}
	}
	return strings.Join(parts, ", ")
}

// warning says what may come of it.
func (r rates) warning() string {
	if r.start != "off" && r.day != "none" {
		return ""
	}
	return "\nMicrosoft may block a tenant that invites many at once, and only its support lifts the block."
}
