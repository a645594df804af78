package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/pace"
)

// config is what the app settings say. Durations are written like 90s or 15m.
type config struct {
	graph         string
	redirect      string
	assigns       bool // applications, and not only groups
	lease         time.Duration
	uncertainWait time.Duration
	staleAfter    time.Duration
	purgeAfter    time.Duration
	assignAfter   time.Duration
	pace          pace.Settings
	logKey        []byte
	probes        breaker.Waits
	mail          mailConfig
}

// readConfig reads the settings; the error names every one that is wrong.
func readConfig(getenv func(string) string) (config, error) {
	s := settings{getenv: getenv}
	c := config{
		graph:         s.text("GRAPH_ENDPOINT", "https://graph.microsoft.com"),
		redirect:      s.text("DEFAULT_REDIRECT_URL", "https://myapplications.microsoft.com"),
		assigns:       s.text("APP_ASSIGNMENT", "on") == "on",
		lease:         s.duration("LEASE", 120*time.Second),
		uncertainWait: s.duration("UNCERTAIN_WAIT", 15*time.Minute),
		staleAfter:    s.duration("STALE_AFTER", 30*time.Minute),
		purgeAfter:    s.duration("PURGE_AFTER", 90*24*time.Hour),
		assignAfter:   s.duration("ASSIGN_AFTER", 15*time.Second),
		pace:          s.pace(),
		logKey:        []byte(getenv("LOG_KEY")),
		probes: breaker.Waits{Outage: s.duration("PROBE_OUTAGE", breaker.DefaultWaits.Outage),
			Refusal: s.duration("PROBE_REFUSAL", breaker.DefaultWaits.Refusal), Longest: breaker.DefaultWaits.Longest},
	}
	c.mail = s.mail(c.lease)
	if v := getenv("APP_ASSIGNMENT"); v != "" && v != "on" && v != "off" {
		s.wrong("APP_ASSIGNMENT", v, "on or off")
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

// pace reads how fast a new tenant is worked on. Once the tenant's row is in the ledger, only the row counts.
func (s *settings) pace() pace.Settings {
	p := pace.Careful
	if v := s.getenv("WRITE_RATE"); v == "max" {
		p.Writes, p.Invitations = pace.Unlimited, pace.Unlimited
	} else if v != "" {
		p.Writes = s.rate("WRITE_RATE", v, "writes per second, such as 19.6, or max")
	}
	if v := s.getenv("INVITE_RATE"); v == "max" {
		p.Ramp = false
	} else if v != "" && v != "careful" {
		p.Ramp, p.Invitations = false, s.rate("INVITE_RATE", v, "invitations per minute, such as 60, or careful, or max")/60
	}
	if v := s.getenv("INVITE_CAP"); v == "none" {
		p.Cap = 0
	} else if v != "" {
		p.Cap, p.CapUntil = s.number("INVITE_CAP", 0), 0
	}
	return p
}

func (s *settings) rate(name, v, want string) float64 {
	r, err := strconv.ParseFloat(v, 64)
	if err != nil || !(r > 0 && r < 1e6) {
		s.wrong(name, v, want)
	}
	return r
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

func (s *settings) number(name string, otherwise int) int {
	v := s.getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		s.wrong(name, v, "a number of at least 1")
	}
	return n
}
