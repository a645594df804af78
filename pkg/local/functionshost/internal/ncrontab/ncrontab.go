// Package ncrontab reads the schedules of timer triggers: NCRONTAB with six fields (seconds first) or five, and .NET
// TimeSpan texts. Call [Parse], then [Schedule.Next].
//
// It promises the rules of the NCRONTAB dialect: a time must fit both the day of the month and the day of the week, Sunday
// is 0, and names of months and days may stand for their numbers. It leaves out time zones: it counts in the location of
// the time that it is given.
package ncrontab

import (
	"fmt"
	"strings"
	"time"
)

// Schedule says when a timer is due.
type Schedule interface {
	// Next is the first due time after t. It is the zero time if there is none, as for 30 February.
	Next(t time.Time) time.Time
}

// years bounds the search for a due time: a leap day on a given day of the week comes back within 40 years.
const years = 41

// field describes one position of an expression.
type field struct {
	name     string
	min, max int
	names    []string // names[0] stands for min
}

var fields = [6]field{
	{name: "second", max: 59},
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of the month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: []string{"january", "february", "march", "april", "may", "june", "july",
		"august", "september", "october", "november", "december"}},
	{name: "day of the week", max: 6, names: []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday",
		"saturday"}},
}

// cron holds one set of bits per field, in the order of fields.
type cron [6]uint64

// Parse reads an expression. Five fields mean second 0. A text without blanks is a TimeSpan, an interval that must be
// positive.
func Parse(text string) (Schedule, error) {
	parts := strings.Fields(text)
	switch len(parts) {
	case 1:
		return parseInterval(parts[0])
	case 5:
		parts = append([]string{"0"}, parts...)
	case 6:
	default:
		return nil, fmt.Errorf("schedule %q: want 6 fields, 5 fields or a TimeSpan, got %d fields", text, len(parts))
	}
	var c cron
	for i, part := range parts {
		set, err := fields[i].parse(part)
		if err != nil {
			return nil, fmt.Errorf("schedule %q: %w", text, err)
		}
		c[i] = set
	}
	return c, nil
}

// Next walks from field to field, the slowest first, and starts over whenever it has moved one on.
func (c cron) Next(t time.Time) time.Time {
	last := t.AddDate(years, 0, 0)
	t = t.Truncate(time.Second).Add(time.Second)
	for t.Before(last) {
		next := c.skip(t)
		if next.Equal(t) {
			return t
		}
		t = next
	}
	return time.Time{}
}

// skip returns t if it fits, else the earliest later time that a single field lets through.
func (c cron) skip(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	at := t.Location()
	switch {
	case !c.has(4, int(month)):
		return time.Date(year, month+1, 1, 0, 0, 0, 0, at)
	case !c.has(3, day), !c.has(5, int(t.Weekday())):
		return time.Date(year, month, day+1, 0, 0, 0, 0, at)
	case !c.has(2, hour):
		return t.Add(time.Hour - time.Duration(minute)*time.Minute - time.Duration(second)*time.Second)
	case !c.has(1, minute):
		return t.Add(time.Minute - time.Duration(second)*time.Second)
	case !c.has(0, second):
		return t.Add(time.Second)
	}
	return t
}

func (c cron) has(field, value int) bool { return c[field]&(1<<value) != 0 }
