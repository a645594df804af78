package main

import (
	"strings"
	"testing"
	"time"
)

func TestSettingsThatAreWrongAreNamedTogether(t *testing.T) {
	t.Parallel()
	env := map[string]string{"LEASE": "soon", "INVITE_RATE": "fast", "MAIL_MODE": "own", "UNCERTAIN_WAIT": "-1s"}
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
	if err != nil || c.lease != 2*time.Minute || c.uncertainWait != 15*time.Minute || c.mailMode != "microsoft" {
		t.Errorf("%+v, %v", c, err)
	}
}
