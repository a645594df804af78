package servicebus

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// duration is an ISO 8601 duration of days, hours, minutes and seconds. 0 stands for what has no end: the longest that .NET
// has, or anything else of a hundred years and more.
type duration time.Duration

const (
	forever = "P10675199DT2H48M5.4775807S"
	century = 100 * 365 * 24 * time.Hour
)

func (d duration) String() string {
	if d <= 0 {
		return forever
	}
	var b strings.Builder
	b.WriteByte('P')
	rest := time.Duration(d)
	for _, unit := range []struct {
		length time.Duration
		letter string
	}{{24 * time.Hour, "D"}, {time.Hour, "H"}, {time.Minute, "M"}} {
		if n := rest / unit.length; n > 0 {
			fmt.Fprint(&b, int64(n), unit.letter)
			rest %= unit.length
		}
		if unit.letter == "D" && rest > 0 {
			b.WriteByte('T')
		}
	}
	if rest > 0 {
		b.WriteString(strconv.FormatFloat(rest.Seconds(), 'f', -1, 64) + "S")
	}
	return b.String()
}

// MarshalText implements encoding.TextMarshaler.
func (d duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

var isoDuration = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	m := isoDuration.FindSubmatch(text)
	if m == nil || strings.HasSuffix(string(text), "T") || len(text) < 3 {
		return fmt.Errorf("%q is no duration like P1DT2H3M4.5S", text)
	}
	seconds := 0.0
	for i, each := range []float64{24 * 3600, 3600, 60, 1} {
		if len(m[i+1]) > 0 {
			n, err := strconv.ParseFloat(string(m[i+1]), 64)
			if err != nil {
				return fmt.Errorf("%q: %w", text, err)
			}
			seconds += n * each
		}
	}
	*d = 0
	if seconds < century.Seconds() {
		*d = duration(seconds * float64(time.Second))
	}
	return nil
}
