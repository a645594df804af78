package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/pace"
)

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
