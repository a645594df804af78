package servicebus

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// configFile is a file in the format of Microsoft's emulator, config.json.
type configFile struct {
	UserConfig struct {
		Namespaces []struct {
			Name   string
			Queues []struct {
				Name       string
				Properties configQueue
			}
			Topics []struct{ Name string }
		}
		Logging any // where Microsoft's emulator logs
	}
}

// configQueue has the properties of a queue in that file. Durations are as in PT1M.
type configQueue struct {
	DeadLetteringOnMessageExpiration    bool
	DefaultMessageTimeToLive            duration
	DuplicateDetectionHistoryTimeWindow duration
	ForwardDeadLetteredMessagesTo       string
	ForwardTo                           string
	LockDuration                        duration
	MaxDeliveryCount                    int
	RequiresDuplicateDetection          bool
	RequiresSession                     bool
}

// ReadConfig reads queues from a file in the format of Microsoft's emulator. It fails if the file holds topics, more than
// one namespace, or a property that it does not know: what the queues ask for is judged by Serve.
func ReadConfig(r io.Reader) ([]Queue, error) {
	var file configFile
	in := json.NewDecoder(r)
	in.DisallowUnknownFields()
	if err := in.Decode(&file); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if n := len(file.UserConfig.Namespaces); n != 1 {
		return nil, fmt.Errorf("the configuration has %d namespaces: this emulator serves exactly one", n)
	}
	namespace := file.UserConfig.Namespaces[0]
	if len(namespace.Topics) > 0 {
		return nil, fmt.Errorf("the configuration has the topic %q: topics are %w, take them out", namespace.Topics[0].Name, ErrNotServed)
	}
	if len(namespace.Queues) == 0 {
		return nil, errors.New("the configuration has no queues")
	}
	var queues []Queue
	for _, q := range namespace.Queues {
		queues = append(queues, q.Properties.settings(q.Name))
	}
	return queues, nil
}

func (p configQueue) settings(name string) Queue {
	q := Queue{Name: name, LockDuration: time.Duration(p.LockDuration), MaxDeliveryCount: p.MaxDeliveryCount,
		DefaultTTL: time.Duration(p.DefaultMessageTimeToLive), DeadLetterExpired: p.DeadLetteringOnMessageExpiration,
		RequiresSession: p.RequiresSession, ForwardTo: p.ForwardTo, ForwardDeadLettersTo: p.ForwardDeadLetteredMessagesTo}
	if p.RequiresDuplicateDetection {
		q.DuplicateWindow = cmp.Or(time.Duration(p.DuplicateDetectionHistoryTimeWindow), 10*time.Minute)
	}
	return q
}
