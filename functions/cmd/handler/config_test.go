package main

import (
	"strings"
	"testing"
	"time"

	"guestlist/pkg/pace"
)

func TestSettingsThatAreWrongAreNamedTogether(t *testing.T) {
	t.Parallel()
	env := map[string]string{"LEASE": "soon", "PROBE_OUTAGE": "0", "MAIL_MODE": "post", "MAIL_LANGUAGE": "xx", "MAIL_SMTP": "mail.example",
		"MAIL_FROM": "Contoso <c@contoso.example>", "MAIL_PER_DAY": "lots", "UNCERTAIN_WAIT": "-1s", "APP_ASSIGNMENT": "no",
		"WRITE_RATE": "fast", "INVITE_RATE": "-3", "INVITE_CAP": "many"}
	_, err := readConfig(func(name string) string { return env[name] })
	if err == nil {
		t.Fatal("wrong settings were accepted")
	}
	for name := range env {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}

func TestSettingsHaveCarefulDefaults(t *testing.T) {
	t.Parallel()
	env := map[string]string{"MAIL_FROM": "invitations@contoso.example", "MAIL_SMTP": "smtp.example:587"}
	c, err := readConfig(func(name string) string { return env[name] })
	if err != nil || !c.assigns || c.pace != pace.Careful || c.lease != 2*time.Minute || c.uncertainWait != 15*time.Minute || c.mail.mode != "own" || c.mail.server.Security != "starttls" ||
		c.mail.pace.PerMinute != 30 || c.mail.pace.PerDay != 10_000 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestOwnMailNeedsAWayToSend asks for the settings by name, since own mail is the default.
func TestOwnMailNeedsAWayToSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		says string // empty: nothing is wrong
	}{
		"nothing set":             {nil, "MAIL_SMTP"},
		"a sender only":           {map[string]string{"MAIL_FROM": "c@contoso.example"}, "MAIL_MAILBOX"},
		"both ways":               {map[string]string{"MAIL_MAILBOX": "c@contoso.example", "MAIL_SMTP": "smtp.example:587"}, "both"},
		"unprotected elsewhere":   {map[string]string{"MAIL_FROM": "c@contoso.example", "MAIL_SMTP": "smtp.example:25", "MAIL_SMTP_SECURITY": "none"}, "without TLS"},
		"a mailbox":               {map[string]string{"MAIL_MAILBOX": "c@contoso.example"}, ""},
		"no limits":               {map[string]string{"MAIL_MAILBOX": "c@contoso.example", "MAIL_PER_MINUTE": "max", "MAIL_PER_DAY": "max"}, ""},
		"Microsoft does it":       {map[string]string{"MAIL_MODE": "microsoft"}, ""},
		"nobody does":             {map[string]string{"MAIL_MODE": "none"}, ""},
		"an address with a name":  {map[string]string{"MAIL_MODE": "none", "MAIL_REPLY_TO": "C <c@contoso.example>"}, "MAIL_REPLY_TO"},
		"a sender with a newline": {map[string]string{"MAIL_MODE": "none", "MAIL_FROM": "c@contoso.example\nBcc: e@evil.example"}, "MAIL_FROM"},
	} {
		_, err := readConfig(func(name string) string { return c.env[name] })
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPaceOfANewTenant(t *testing.T) {
	t.Parallel()
	careful := pace.Careful
	with := func(change func(*pace.Settings)) pace.Settings { p := careful; change(&p); return p }
	for name, tc := range map[string]struct {
		env  map[string]string
		want pace.Settings
	}{
		"said careful": {map[string]string{"INVITE_RATE": "careful"}, careful},
		"as on one machine": {map[string]string{"INVITE_RATE": "max", "INVITE_CAP": "none"},
			with(func(p *pace.Settings) { p.Ramp, p.Cap = false, 0 })},
		"slow, and a cap that stays": {map[string]string{"INVITE_RATE": "30", "INVITE_CAP": "100", "WRITE_RATE": "5"},
			with(func(p *pace.Settings) { p.Ramp, p.Invitations, p.Writes, p.Cap, p.CapUntil = false, 0.5, 5, 100, 0 })},
		"no limits": {map[string]string{"WRITE_RATE": "max"},
			with(func(p *pace.Settings) { p.Writes, p.Invitations = pace.Unlimited, pace.Unlimited })},
	} {
		tc.env["MAIL_MODE"] = "none"
		if c, err := readConfig(func(k string) string { return tc.env[k] }); err != nil || c.pace != tc.want {
			t.Errorf("%s: %+v, %v", name, c.pace, err)
		}
	}
}
