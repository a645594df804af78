package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// config is what the app settings say. Durations are written like 90s or 15m.
type config struct {
	graph         string
	redirect      string
	assigns       bool // applications, and not only groups
	lease         time.Duration
	uncertainWait time.Duration
	staleAfter    time.Duration
	assignAfter   time.Duration
	window        int
	targets       int
	logKey        []byte
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
		assignAfter:   s.duration("ASSIGN_AFTER", 15*time.Second),
		window:        s.number("PLAN_WINDOW", 2000),
		targets:       s.number("PLAN_TARGETS", 10_000),
		logKey:        []byte(getenv("LOG_KEY")),
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
