package servicebus

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"time"
)

// The Atom documents of administration. Fields are pointers where a client may leave them open, and come in the order of
// the service.

type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Title   atomText    `xml:"title"`
	ID      string      `xml:"id"`
	Updated string      `xml:"updated"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomEntry struct {
	XMLName   xml.Name    `xml:"http://www.w3.org/2005/Atom entry"`
	ID        string      `xml:"id"`
	Title     atomText    `xml:"title"`
	Published string      `xml:"published"`
	Updated   string      `xml:"updated"`
	Author    string      `xml:"author>name"`
	Link      atomLink    `xml:"link"`
	Content   atomContent `xml:"content"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

type atomContent struct {
	Type        string `xml:"type,attr"`
	Description any
}

type atomError struct {
	XMLName xml.Name `xml:"Error"`
	Code    int
	Detail  string
}

// schema is the namespace of the descriptions.
const schema = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"

type namespaceInfo struct {
	XMLName        xml.Name `xml:"http://schemas.microsoft.com/netservices/2010/10/servicebus/connect NamespaceInfo"`
	CreatedTime    string
	MessagingSKU   Tier
	MessagingUnits *int `xml:",omitempty"` // Premium has some
	ModifiedTime   string
	Name           string
	NamespaceType  string
}

// authorizationRule is a key of the queue's own.
type authorizationRule struct {
	Type         string `xml:"i:type,attr"`
	ClaimType    string
	ClaimValue   string
	Rights       []Right `xml:"Rights>AccessRights"`
	KeyName      string
	PrimaryKey   string
	SecondaryKey string
}

type queueDescription struct {
	XMLName                             xml.Name
	Instance                            string `xml:"xmlns:i,attr"`
	LockDuration                        *duration
	MaxSizeInMegabytes                  *int
	RequiresDuplicateDetection          *bool
	RequiresSession                     *bool
	DefaultMessageTimeToLive            *duration
	DeadLetteringOnMessageExpiration    *bool
	DuplicateDetectionHistoryTimeWindow *duration
	MaxDeliveryCount                    *int
	EnableBatchedOperations             *bool
	SizeInBytes                         int64
	MessageCount                        int
	IsAnonymousAccessible               bool
	AuthorizationRules                  []authorizationRule `xml:"AuthorizationRules>AuthorizationRule"`
	Status                              *QueueStatus
	ForwardTo                           *string `xml:",omitempty"`
	UserMetadata                        *string `xml:",omitempty"`
	CreatedAt, UpdatedAt, AccessedAt    string
	SupportOrdering                     bool
	CountDetails                        *countDetails
	AutoDeleteOnIdle                    *duration
	EnablePartitioning                  *bool
	EntityAvailabilityStatus            string
	ForwardDeadLetteredMessagesTo       *string `xml:",omitempty"`
	EnableExpress                       bool
	MaxMessageSizeInKilobytes           *int
}

// countDetails has a namespace of its own. Its prefix is written out: the JavaScript client looks for the declaration.
type countDetails struct {
	Schema             string `xml:"xmlns:d2p1,attr"`
	Active             int    `xml:"d2p1:ActiveMessageCount"`
	DeadLetter         int    `xml:"d2p1:DeadLetterMessageCount"`
	Scheduled          int    `xml:"d2p1:ScheduledMessageCount"`
	Transfer           int    `xml:"d2p1:TransferMessageCount"`
	TransferDeadLetter int    `xml:"d2p1:TransferDeadLetterMessageCount"`
}

// describe writes down what there is to know about a queue.
func (s *Server) describe(q QueueInfo) queueDescription {
	no, batched := false, !q.Unbatched
	detects, window, size := q.DuplicateWindow > 0, duration(q.DuplicateWindow), q.MaxMessageKilobytes
	if !detects {
		window = duration(10 * time.Minute)
	}
	if size == 0 {
		size = s.tier.maxMessage() >> 10
	}
	d := queueDescription{
		XMLName: xml.Name{Space: schema, Local: "QueueDescription"}, Instance: "http://www.w3.org/2001/XMLSchema-instance",
		LockDuration: new(duration(q.LockDuration)), MaxSizeInMegabytes: &q.MaxSizeMegabytes, RequiresDuplicateDetection: &detects,
		RequiresSession: &no, DefaultMessageTimeToLive: new(duration(q.DefaultTTL)),
		DeadLetteringOnMessageExpiration: &q.DeadLetterExpired, DuplicateDetectionHistoryTimeWindow: &window,
		MaxDeliveryCount: &q.MaxDeliveryCount, EnableBatchedOperations: &batched,
		SizeInBytes: q.Bytes, MessageCount: q.Stats.Active + q.Stats.Scheduled + q.Stats.Deferred + q.Stats.DeadLettered,
		Status: &q.Status, CreatedAt: stamp(q.Created), UpdatedAt: stamp(q.Updated), AccessedAt: stamp(q.Accessed), SupportOrdering: true,
		CountDetails: &countDetails{Schema: "http://schemas.microsoft.com/netservices/2011/06/servicebus", Active: q.Stats.Active,
			DeadLetter: q.Stats.DeadLettered, Scheduled: q.Stats.Scheduled},
		AutoDeleteOnIdle: new(duration(q.AutoDeleteOnIdle)), EnablePartitioning: &q.Partitioned, EntityAvailabilityStatus: "Available",
		MaxMessageSizeInKilobytes: &size,
	}
	for _, k := range q.Keys {
		d.AuthorizationRules = append(d.AuthorizationRules, authorizationRule{"SharedAccessAuthorizationRule", "SharedAccessKey", "None",
			k.Rights, k.Name, k.Key, k.Secondary})
	}
	if q.UserMetadata != "" {
		d.UserMetadata = &q.UserMetadata
	}
	return d
}

// stamp writes a time; what has not been yet is the year 1 without a zone.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "0001-01-01T00:00:00"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (s *Server) namespaceEntry(r *http.Request) atomEntry {
	started := stamp(s.started)
	info := namespaceInfo{CreatedTime: started, MessagingSKU: s.tier, ModifiedTime: started, Name: r.Host, NamespaceType: "Messaging"}
	if s.tier == Premium {
		info.MessagingUnits = new(1)
	}
	return entryOf(r, "$namespaceinfo", r.Host, s.started, s.started, info)
}

func (s *Server) queueEntry(r *http.Request, q QueueInfo) atomEntry {
	return entryOf(r, q.Name, q.Name, q.Created, q.Updated, s.describe(q))
}

func entryOf(r *http.Request, path, title string, published, updated time.Time, description any) atomEntry {
	self := address(r, path, r.URL.Query().Get("api-version"))
	return atomEntry{ID: self, Title: atomText{"text", title}, Published: stamp(published), Updated: stamp(updated), Author: r.Host,
		Link: atomLink{"self", self}, Content: atomContent{"application/xml", description}}
}

// queueFeed lists queues. A client that does not count asks for the next page where the link says.
func (s *Server) queueFeed(r *http.Request, queues []QueueInfo, next string) atomFeed {
	f := atomFeed{Title: atomText{"text", "Queues"}, ID: r.URL.String(), Updated: stamp(time.Now()), Links: []atomLink{{"self", r.URL.String()}}}
	if next != "" {
		f.Links = append(f.Links, atomLink{"next", next})
	}
	for _, q := range queues {
		f.Entries = append(f.Entries, s.queueEntry(r, q))
	}
	return f
}

// publicFeed is what the service answers where nothing is: what the public may see.
func publicFeed(r *http.Request) atomFeed {
	return atomFeed{Title: atomText{"text", "Publicly Listed Services"}, ID: r.URL.String(), Updated: stamp(time.Now()),
		Links: []atomLink{{"self", r.URL.String()}}}
}

// address is the URL of an entity as the client wrote it, so that a name can be read from it.
func address(r *http.Request, path, version string) string {
	u := url.URL{Scheme: "http", Host: r.Host, Path: "/" + path, RawQuery: "api-version=" + url.QueryEscape(version)}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}
