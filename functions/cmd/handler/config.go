package main

import (
	"errors"
	"fmt"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/pace"
)

// config is what the app settings say. Durations are written like 90s or 15m.
type config struct {
	graph         string
	redirect      string
	mailMode      string
	lease         time.Duration
	uncertainWait time.Duration
	staleAfter    time.Duration
	assignAfter   time.Duration
	pace          pace.Settings
	logKey        []byte
	probes        breaker.Waits
}

// readConfig reads the settings; the error names every one that is wrong.
func readConfig(getenv func(string) string) (config, error) {
	s := settings{getenv: getenv}
	c := config{
		graph:         s.text("GRAPH_ENDPOINT", "https://graph.microsoft.com"),
		redirect:      s.text("DEFAULT_REDIRECT_URL", "https://myapplications.microsoft.com"),
		mailMode:      s.text("MAIL_MODE", "microsoft"),
		lease:         s.duration("LEASE", 120*time.Second),
		uncertainWait: s.duration("UNCERTAIN_WAIT", 15*time.Minute),
		staleAfter:    s.duration("STALE_AFTER", 30*time.Minute),
		assignAfter:   s.duration("ASSIGN_AFTER", 15*time.Second),
		pace:          pace.Careful,
		logKey:        []byte(getenv("LOG_KEY")),
		probes: breaker.Waits{Outage: s.duration("PROBE_OUTAGE", breaker.DefaultWaits.Outage),
			Refusal: s.duration("PROBE_REFUSAL", breaker.DefaultWaits.Refusal), Longest: breaker.DefaultWaits.Longest},
	}
	switch v := getenv("INVITE_RATE"); v {
	case "":
	case "max":
		c.pace = pace.Settings{Writes: pace.Writes, Invitations: pace.Invitations}
	default:
		s.wrong("INVITE_RATE", v, "max")
	}
	if c.mailMode != "microsoft" && c.mailMode != "none" {
		s.wrong("MAIL_MODE", c.mailMode, "microsoft or none")
	}
	return c, errors.Join(s.errs...)
}

type settings struct {
	getenv func(string) string
	errs   []error
}

func (s *settings) wrong(name, value, want string) {
	s.errs = append(s.errs, fmt.Errorf("app setting %s is %q; it must be %s", name, value, want))
}

func (s *settings) text(name, otherwise string) string {
	if v := s.getenv(name); v != "" {
		return v
	}
	return otherwise
}

func (s *settings) duration(name string, otherwise time.Duration) time.Duration {
	v := s.getenv(name)
	if v == "" {
		return otherwise
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		s.wrong(name, v, "a duration such as 90s")
	}
	return d
}
