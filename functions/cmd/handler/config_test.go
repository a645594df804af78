package main

import (
	"strings"
	"testing"
	"time"

	"guestlist/pkg/pace"
)

func TestSettingsThatAreWrongAreNamedTogether(t *testing.T) {
	t.Parallel()
	env := map[string]string{"LEASE": "soon", "PROBE_OUTAGE": "0", "MAIL_MODE": "own", "UNCERTAIN_WAIT": "-1s",
		"WRITE_RATE": "fast", "INVITE_RATE": "-3", "INVITE_CAP": "many", "APP_ASSIGNMENT": "no"}
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
	c, err := readConfig(func(string) string { return "" })
	if err != nil || c.lease != 2*time.Minute || c.uncertainWait != 15*time.Minute || c.mailMode != "microsoft" || c.pace != pace.Careful || !c.assigns {
		t.Errorf("%+v, %v", c, err)
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
		if c, err := readConfig(func(k string) string { return tc.env[k] }); err != nil || c.pace != tc.want {
			t.Errorf("%s: %+v, %v", name, c.pace, err)
		}
	}
}
