package functionshost

import (
	"time"

	"guestlist/pkg/local/functionshost/internal/config"
	"guestlist/pkg/local/functionshost/internal/payload"
)

// shortest is the interval from which on the real host keeps a status of the schedule.
const shortest = time.Minute

// clock is the state of one timer.
type clock struct {
	timer      config.Timer
	last, next time.Time // last is zero before the first run
	updated    time.Time
}

// runTimer runs a function by its schedule, one run at a time, until triggers stop. A run that outlasts the next due time
// is followed by one more at once, however many it has missed. A failed run changes nothing.
func (h *Host) runTimer(f config.Function) {
	c := &clock{timer: *f.Timer, updated: time.Now().UTC()}
	c.next = c.timer.Schedule.Next(c.updated)
	if c.timer.RunOnStartup {
		h.tick(f, c)
	}
	for !c.next.IsZero() {
		alarm := time.NewTimer(time.Until(c.next))
		select {
		case <-h.listening.Done():
			alarm.Stop()
			return
		case <-alarm.C:
			h.tick(f, c)
		}
	}
	h.log.Warn("Timer will never be due", "function", f.Name)
}

func (h *Host) tick(f config.Function, c *clock) {
	now := time.Now().UTC()
	c.next = c.timer.Schedule.Next(now)
	_ = h.invoke(call{function: f, value: c.info()}) // logged and counted there
	c.last, c.updated = now, now
}

// info is what the function gets. The last run is a zero date before the first one.
func (c *clock) info() payload.Object {
	return payload.Object{
		{Name: "Schedule", Value: payload.Object{{Name: "AdjustForDST", Value: true}}},
		{Name: "ScheduleStatus", Value: c.status()},
		{Name: "IsPastDue", Value: false},
	}
}

func (c *clock) status() any {
	if !c.timer.Monitor || c.timer.Schedule.Next(c.next).Sub(c.next) < shortest {
		return nil
	}
	return payload.Object{
		{Name: "Last", Value: payload.DateTimeOffset(c.last)},
		{Name: "Next", Value: payload.DateTimeOffset(c.next)},
		{Name: "LastUpdated", Value: payload.DateTimeOffset(c.updated)},
	}
}
