package servicebus

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"net/http"
	"time"
)

// queueDescription is what a client asks for. What it leaves open is nil.
type queueDescription struct {
	XMLName                                                         xml.Name
	LockDuration, DefaultMessageTimeToLive, AutoDeleteOnIdle        *duration
	DuplicateDetectionHistoryTimeWindow                             *duration
	RequiresDuplicateDetection, RequiresSession, EnablePartitioning *bool
	DeadLetteringOnMessageExpiration, EnableBatchedOperations       *bool
	MaxSizeInMegabytes, MaxDeliveryCount, MaxMessageSizeInKilobytes *int
	Status                                                          *QueueStatus
	ForwardTo, ForwardDeadLetteredMessagesTo, UserMetadata          *string
	AuthorizationRules                                              []struct {
		KeyName, PrimaryKey, SecondaryKey string
		Rights                            []Right `xml:"Rights>AccessRights"`
	} `xml:"AuthorizationRules>AuthorizationRule"`
}

// readDescription reads the queue description in the body of a request.
func readDescription(r *http.Request) (queueDescription, error) {
	var body struct {
		XMLName xml.Name `xml:"entry"`
		Content struct {
			Description queueDescription `xml:",any"`
		} `xml:"content"`
	}
	if err := xml.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(&body); err != nil {
		return queueDescription{}, fmt.Errorf("the body is no Atom entry with a description: %w", err)
	}
	d := body.Content.Description
	if name := d.XMLName.Local; name != "QueueDescription" {
		return d, fmt.Errorf("a %s: %w", name, ErrNotServed)
	}
	return d, nil
}

// maxLock is the longest lock that the service gives.
const maxLock = 5 * time.Minute

// settings returns the settings that a description asks for. What it leaves open is as in a new queue, except what cannot be
// changed: that stays as it is in old.
func (d queueDescription) settings(old Queue, creating bool) (Queue, error) {
	detects := old.DuplicateWindow > 0
	for _, f := range []struct {
		name string
		is   bool
		want *bool
	}{{"RequiresSession", false, d.RequiresSession}, {"RequiresDuplicateDetection", detects, d.RequiresDuplicateDetection},
		{"EnablePartitioning", old.Partitioned, d.EnablePartitioning}} {
		if !creating && f.want != nil && *f.want != f.is {
			return old, &adminError{http.StatusBadRequest, 40000, "Bad Request. The value for the " + f.name + " property of an existing Queue cannot be changed."}
		}
	}
	q := Queue{Name: old.Name, LockDuration: time.Duration(value(d.LockDuration)), MaxDeliveryCount: value(d.MaxDeliveryCount),
		DefaultTTL: time.Duration(value(d.DefaultMessageTimeToLive)), DeadLetterExpired: value(d.DeadLetteringOnMessageExpiration),
		MaxSizeMegabytes: value(d.MaxSizeInMegabytes), MaxMessageKilobytes: value(d.MaxMessageSizeInKilobytes),
		Status: value(d.Status), AutoDeleteOnIdle: time.Duration(value(d.AutoDeleteOnIdle)),
		UserMetadata: value(d.UserMetadata), Unbatched: d.EnableBatchedOperations != nil && !*d.EnableBatchedOperations,
		RequiresSession: value(d.RequiresSession), Partitioned: old.Partitioned || value(d.EnablePartitioning),
		ForwardTo: value(d.ForwardTo), ForwardDeadLettersTo: value(d.ForwardDeadLetteredMessagesTo)}
	if detects || value(d.RequiresDuplicateDetection) {
		q.DuplicateWindow = cmp.Or(time.Duration(value(d.DuplicateDetectionHistoryTimeWindow)), 10*time.Minute)
	}
	for _, rule := range d.AuthorizationRules {
		q.Keys = append(q.Keys, Key{Name: rule.KeyName, Key: rule.PrimaryKey, Secondary: rule.SecondaryKey, Rights: rule.Rights})
	}
	if creating && q.Partitioned { // one partition in 16, and each is as large
		q.MaxSizeMegabytes = 16 * cmp.Or(q.MaxSizeMegabytes, 1024)
	}
	if q.LockDuration > maxLock {
		return q, fmt.Errorf("LockDuration is %s, longer than %s", duration(q.LockDuration), duration(maxLock))
	}
	return q, nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
