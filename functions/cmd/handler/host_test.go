package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"guestlist/functions/assignaccess"
	"guestlist/functions/inviteguest"
	"guestlist/functions/notifyguest"
	"guestlist/functions/planupload"
	"guestlist/functions/reportimport"
	"guestlist/functions/sweepledger"
	"guestlist/pkg/customhandler"
)

// verdictTime is what a message may take after its step's deadline: recording, sending, settling.
const verdictTime = 3 * time.Minute

func readJSON(t *testing.T, into any, path ...string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{"..", "..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// clock reads the host's TimeSpan, hours:minutes:seconds.
func clock(t *testing.T, s string) time.Duration {
	t.Helper()
	at, err := time.Parse(time.TimeOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second
}

// TestStepsEndBeforeTheHostDoes compares deadlines with host.json: an invocation that overruns functionTimeout costs the
// whole process, and a lock that is not renewed to the end lets a second worker in.
func TestStepsEndBeforeTheHostDoes(t *testing.T) {
	t.Parallel()
	var host struct {
		FunctionTimeout string
		Extensions      struct {
			ServiceBus struct{ MaxAutoLockRenewalDuration string }
		}
	}
	readJSON(t, &host, "host.json")
	limit := clock(t, host.FunctionTimeout)
	if renewal := clock(t, host.Extensions.ServiceBus.MaxAutoLockRenewalDuration); renewal <= limit {
		t.Errorf("locks are renewed for %s, invocations last up to %s", renewal, limit)
	}
	for _, f := range []customhandler.Function{planupload.New(nil), inviteguest.New(nil), assignaccess.New(nil), notifyguest.New(nil), reportimport.New(nil)} {
		patience, deadline := f.Patience, f.Deadline
		if patience == 0 {
			patience = customhandler.DefaultPatience
		}
		if deadline == 0 {
			deadline = customhandler.DefaultDeadline
		}
		if total := patience + deadline + verdictTime; total >= limit {
			t.Errorf("%s may take %s; the host kills the process at %s", f.Name, total, limit)
		}
		var function struct {
			Bindings []struct{ QueueName, DataType string }
		}
		readJSON(t, &function, "functions", f.Name, "function.json")
		if len(function.Bindings) != 1 || function.Bindings[0].QueueName != f.Queue || function.Bindings[0].DataType != "binary" {
			t.Errorf("%s: function.json has %+v; want queue %s as binary", f.Name, function.Bindings, f.Queue)
		}
	}
	if s := sweepledger.New(nil); s.Deadline >= limit {
		t.Errorf("%s may take %s of %s", s.Name, s.Deadline, limit)
	}
}
