package servicebus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/servicebus"
)

func TestConfigurationOfMicrosoftsEmulator(t *testing.T) {
	t.Parallel()
	got, err := servicebus.ReadConfig(strings.NewReader(`{"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": [
		{"Name": "queue.1", "Properties": {"DeadLetteringOnMessageExpiration": true, "DefaultMessageTimeToLive": "PT1H",
			"DuplicateDetectionHistoryTimeWindow": "PT20S", "ForwardDeadLetteredMessagesTo": "", "ForwardTo": "", "LockDuration": "PT1M",
			"MaxDeliveryCount": 3, "RequiresDuplicateDetection": true, "RequiresSession": false}},
		{"Name": "plain", "Properties": {"DuplicateDetectionHistoryTimeWindow": "PT20S"}}, {"Name": "bare"}], "Topics": []}],
		"Logging": {"Type": "File"}}}`))
	must(t, err)
	want := []servicebus.Queue{{Name: "queue.1", DeadLetterExpired: true, DefaultTTL: time.Hour, DuplicateWindow: 20 * time.Second,
		LockDuration: time.Minute, MaxDeliveryCount: 3}, {Name: "plain"}, {Name: "bare"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	s, err := servicebus.Serve(servicebus.Config{Queues: got})
	must(t, err)
	must(t, s.Close())
}

func TestConfigurationsThatAskForMoreAreRefused(t *testing.T) {
	t.Parallel()
	namespace := func(inside string) string {
		return `{"UserConfig": {"Namespaces": [{"Name": "n", ` + inside + `}]}}`
	}
	for name, c := range map[string]struct{ file, want string }{
		"no JSON":         {`{`, "unexpected EOF"},
		"no namespace":    {`{"UserConfig": {}}`, "0 namespaces"},
		"no queues":       {namespace(`"Queues": []`), "no queues"},
		"topics":          {namespace(`"Queues": [{"Name": "q"}], "Topics": [{"Name": "t"}]`), `topic "t"`},
		"a typing error":  {namespace(`"Queues": [{"Name": "q", "Properties": {"LockDurations": "PT1M"}}]`), "LockDurations"},
		"a bad duration":  {namespace(`"Queues": [{"Name": "q", "Properties": {"LockDuration": "1m"}}]`), `"1m" is no duration`},
		"sessions":        {namespace(`"Queues": [{"Name": "q", "Properties": {"RequiresSession": true}}]`), "asks for sessions"},
		"forwarding":      {namespace(`"Queues": [{"Name": "q", "Properties": {"ForwardTo": "r"}}]`), "asks for forwarding"},
		"a bad name":      {namespace(`"Queues": [{"Name": "q$"}]`), `"q$"`},
		"the same twice":  {namespace(`"Queues": [{"Name": "q"}, {"Name": "Q"}]`), "exists"},
		"a negative lock": {namespace(`"Queues": [{"Name": "q", "Properties": {"MaxDeliveryCount": -1}}]`), "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queues, err := servicebus.ReadConfig(strings.NewReader(c.file))
			if err == nil {
				var s *servicebus.Server
				if s, err = servicebus.Serve(servicebus.Config{Queues: queues}); err == nil {
					s.Close()
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
