package ncrontab

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// timeSpan is the constant format of .NET: [-][days.]hours:minutes[:seconds[.fraction]], or a number of days alone.
var timeSpan = regexp.MustCompile(`^(-)?(?:(\d{1,8})|(?:(\d{1,8})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d{1,7})?)?)$`)

// TimeSpan reads a .NET TimeSpan text such as "00:05:00", "1.00:00:00" or "-00:00:00.0010000". Like .NET it takes a bare
// number for days.
func TimeSpan(text string) (time.Duration, error) {
	m := timeSpan.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no TimeSpan such as 00:05:00", text)
	}
	days, hours, minutes, seconds := number(m[2]+m[3]), number(m[4]), number(m[5]), number(m[6])
	if hours > 23 || minutes > 59 || seconds > 59 || days > maxDays {
		return 0, fmt.Errorf("%q is no TimeSpan: a part is out of range", text)
	}
	span := time.Duration(((days*24+hours)*60+minutes)*60+seconds) * time.Second
	if m[7] != "" {
		fraction, _ := strconv.ParseFloat("0"+m[7], 64) // the pattern lets digits through only
		span += time.Duration(fraction*1e7+0.5) * 100   // in ticks of 100 ns
	}
	if m[1] != "" {
		span = -span
	}
	return span, nil
}

// maxDays keeps a span within what time.Duration can hold (292 years).
const maxDays = 100_000

// number reads digits that a pattern has let through; no digits are 0.
func number(digits string) int64 {
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n
}

// interval is due again and again after the same time.
type interval time.Duration

func parseInterval(text string) (Schedule, error) {
	span, err := TimeSpan(text)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: neither NCRONTAB nor a TimeSpan", text)
	}
	if span <= 0 {
		return nil, fmt.Errorf("schedule %q: the interval must be positive", text)
	}
	return interval(span), nil
}

// Next is a whole interval after t.
func (i interval) Next(t time.Time) time.Time { return t.Add(time.Duration(i)) }
