package ncrontab_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/functionshost/internal/ncrontab"
)

// due lists the first three due times after from.
func due(t *testing.T, expression, from string) []string {
	t.Helper()
	s, err := ncrontab.Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.DateTime, from)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 3 {
		if at = s.Next(at); at.IsZero() {
			return append(got, "never")
		}
		got = append(got, at.Format(time.DateTime))
	}
	return got
}

func TestNextFollowsTheDialect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, expression, from string
		want                   []string
	}{
		{"every second", "* * * * * *", "2026-11-23 09:59:58", []string{"2026-11-23 09:59:59", "2026-11-23 10:00:00", "2026-11-23 10:00:01"}},
		{"due time itself is passed", "0 */5 * * * *", "2026-11-23 10:00:00", []string{"2026-11-23 10:05:00", "2026-11-23 10:10:00", "2026-11-23 10:15:00"}},
		{"five fields mean second 0", "*/5 * * * *", "2026-11-23 10:01:30", []string{"2026-11-23 10:05:00", "2026-11-23 10:10:00", "2026-11-23 10:15:00"}},
		{"value with step runs to the end", "0 50/4 * * * *", "2026-11-23 10:51:00", []string{"2026-11-23 10:54:00", "2026-11-23 10:58:00", "2026-11-23 11:50:00"}},
		{"lists and ranges", "0,30 1-2 23 * * *", "2026-11-23 23:01:30", []string{"2026-11-23 23:02:00", "2026-11-23 23:02:30", "2026-11-24 23:01:00"}},
		{"range with step", "0 0 8-18/5 * * *", "2026-11-23 09:00:00", []string{"2026-11-23 13:00:00", "2026-11-23 18:00:00", "2026-11-24 08:00:00"}},
		{"names", "0 30 9 * Jan Mon-Wednesday", "2026-11-23 10:00:00", []string{"2027-01-04 09:30:00", "2027-01-05 09:30:00", "2027-01-06 09:30:00"}},
		{"day and weekday must both fit", "0 0 0 13 * 5", "2026-11-23 10:00:00", []string{"2027-08-13 00:00:00", "2028-10-13 00:00:00", "2029-04-13 00:00:00"}},
		{"leap day", "0 0 0 29 2 *", "2026-11-23 10:00:00", []string{"2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"}},
		{"a day that never comes", "0 0 0 30 2 *", "2026-11-23 10:00:00", []string{"never"}},
		{"over the year", "59 59 23 31 12 *", "2026-12-31 23:59:59", []string{"2027-12-31 23:59:59", "2028-12-31 23:59:59", "2029-12-31 23:59:59"}},
		{"TimeSpan", "00:00:05", "2026-11-23 09:59:58", []string{"2026-11-23 10:00:03", "2026-11-23 10:00:08", "2026-11-23 10:00:13"}},
		{"TimeSpan of days", "1.12:00:00", "2026-11-23 00:00:00", []string{"2026-11-24 12:00:00", "2026-11-26 00:00:00", "2026-11-27 12:00:00"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, due(t, test.expression, test.from)); diff != "" {
				t.Errorf("due times (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefusesWhatTheHostRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "* * * *", "* * * * * * *", "60 * * * * *", "* * * 0 * *", "* * * * 13 *", "* * * * * 7",
		"*/0 * * * * *", "a * * * * *", "1- * * * * *", ", * * * * *", "* * * * ja *", "@hourly", "5s", "24:00:00", "00:60:00",
		"00:00:00", "-00:00:05", "? * * * * *"} {
		if _, err := ncrontab.Parse(text); err == nil {
			t.Errorf("Parse(%q) was accepted", text)
		}
	}
}

func TestTimeSpanReadsDotNetTexts(t *testing.T) {
	t.Parallel()
	want := map[string]time.Duration{
		"00:10:00": 10 * time.Minute, "1.02:03:04": 26*time.Hour + 3*time.Minute + 4*time.Second, "2": 48 * time.Hour,
		"0:5": 5 * time.Minute, "-00:00:00.0010000": -time.Millisecond, "00:00:00.25": 250 * time.Millisecond,
	}
	for text, span := range want {
		got, err := ncrontab.TimeSpan(text)
		if err != nil || got != span {
			t.Errorf("TimeSpan(%q) = %v, %v; want %v", text, got, err, span)
		}
	}
}
