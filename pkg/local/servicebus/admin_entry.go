package servicebus

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/template"
	"time"
)

// documents are what administration answers with: entries, feeds of them, and errors. Elements have the service's order
// and prefixes, on which clients rely. What a client may have written goes through x.
var documents = template.Must(template.New("").Funcs(template.FuncMap{"x": escape, "stamp": stamp,
	"iso": func(d time.Duration) string { return duration(d).String() },
	"sum": func(n ...int) (all int) {
		for _, n := range n {
			all += n
		}
		return all
	},
}).Parse(`
{{- define "error"}}<Error><Code>{{.Code}}</Code><Detail>{{x .Detail}}</Detail></Error>{{end}}

{{- define "feed"}}<feed xmlns="http://www.w3.org/2005/Atom">
<title type="text">{{.Title}}</title><id>{{x .Self}}</id><updated>{{stamp .Now}}</updated><link rel="self" href="{{x .Self}}"/>
{{with .Next}}<link rel="next" href="{{x .}}"/>{{end}}
{{range .Entries}}{{template "entry" .}}{{end}}</feed>{{end}}

{{- define "entry"}}<entry xmlns="http://www.w3.org/2005/Atom">
<id>{{x .Self}}</id><title type="text">{{x .Title}}</title><published>{{stamp .Created}}</published><updated>{{stamp .Updated}}</updated>
<author><name>{{x .Host}}</name></author><link rel="self" href="{{x .Self}}"/>
<content type="application/xml">{{if .Queue}}{{template "queue" .}}{{else}}{{template "namespace" .}}{{end}}</content></entry>
{{end}}

{{- define "namespace"}}<NamespaceInfo xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">
<CreatedTime>{{stamp .Created}}</CreatedTime><MessagingSKU>{{.Tier}}</MessagingSKU>
{{if eq .Tier "Premium"}}<MessagingUnits>1</MessagingUnits>{{end}}
<ModifiedTime>{{stamp .Updated}}</ModifiedTime><Name>{{x .Host}}</Name><NamespaceType>Messaging</NamespaceType>
</NamespaceInfo>{{end}}

{{- define "queue"}}{{$all := .}}{{with .Queue}}<QueueDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
<LockDuration>{{iso .LockDuration}}</LockDuration>
<MaxSizeInMegabytes>{{.MaxSizeMegabytes}}</MaxSizeInMegabytes>
<RequiresDuplicateDetection>{{gt .DuplicateWindow 0}}</RequiresDuplicateDetection>
<RequiresSession>false</RequiresSession>
<DefaultMessageTimeToLive>{{iso .DefaultTTL}}</DefaultMessageTimeToLive>
<DeadLetteringOnMessageExpiration>{{.DeadLetterExpired}}</DeadLetteringOnMessageExpiration>
<DuplicateDetectionHistoryTimeWindow>{{if .DuplicateWindow}}{{iso .DuplicateWindow}}{{else}}PT10M{{end}}</DuplicateDetectionHistoryTimeWindow>
<MaxDeliveryCount>{{.MaxDeliveryCount}}</MaxDeliveryCount>
<EnableBatchedOperations>{{not .Unbatched}}</EnableBatchedOperations>
<SizeInBytes>{{.Bytes}}</SizeInBytes>
<MessageCount>{{sum .Stats.Active .Stats.Scheduled .Stats.Deferred .Stats.DeadLettered}}</MessageCount>
<IsAnonymousAccessible>false</IsAnonymousAccessible>
<AuthorizationRules>{{range .Keys}}<AuthorizationRule i:type="SharedAccessAuthorizationRule">
<ClaimType>SharedAccessKey</ClaimType><ClaimValue>None</ClaimValue>
<Rights>{{range .Rights}}<AccessRights>{{x .}}</AccessRights>{{end}}</Rights>
<KeyName>{{x .Name}}</KeyName><PrimaryKey>{{x .Key}}</PrimaryKey><SecondaryKey>{{x .Secondary}}</SecondaryKey>
</AuthorizationRule>{{end}}</AuthorizationRules>
<Status>{{.Status}}</Status>
{{with .UserMetadata}}<UserMetadata>{{x .}}</UserMetadata>{{end}}
<CreatedAt>{{stamp .Created}}</CreatedAt><UpdatedAt>{{stamp .Updated}}</UpdatedAt><AccessedAt>{{stamp .Accessed}}</AccessedAt>
<SupportOrdering>true</SupportOrdering>
<CountDetails xmlns:d2p1="http://schemas.microsoft.com/netservices/2011/06/servicebus">
<d2p1:ActiveMessageCount>{{.Stats.Active}}</d2p1:ActiveMessageCount>
<d2p1:DeadLetterMessageCount>{{.Stats.DeadLettered}}</d2p1:DeadLetterMessageCount>
<d2p1:ScheduledMessageCount>{{.Stats.Scheduled}}</d2p1:ScheduledMessageCount>
<d2p1:TransferMessageCount>0</d2p1:TransferMessageCount>
<d2p1:TransferDeadLetterMessageCount>0</d2p1:TransferDeadLetterMessageCount>
</CountDetails>
<AutoDeleteOnIdle>{{iso .AutoDeleteOnIdle}}</AutoDeleteOnIdle>
<EnablePartitioning>{{.Partitioned}}</EnablePartitioning>
<EntityAvailabilityStatus>Available</EntityAvailabilityStatus>
<EnableExpress>false</EnableExpress>
<MaxMessageSizeInKilobytes>{{or .MaxMessageKilobytes $all.Kilobytes}}</MaxMessageSizeInKilobytes>
</QueueDescription>{{end}}{{end}}`))

// document is one of the documents, by name, with what it tells.
type document struct {
	name string
	data any
}

// feedData is for a list. Next is where the next page is, if there is one.
type feedData struct {
	Title, Self, Next string
	Now               time.Time
	Entries           []entryData
}

// entryData is for the namespace or, if there is one, a queue.
type entryData struct {
	Self, Title, Host string
	Created, Updated  time.Time
	Queue             *QueueInfo
	Tier              Tier
	Kilobytes         int // of a message, unless the queue says otherwise
}

func (s *Server) entryOf(r *http.Request, q QueueInfo) entryData {
	return entryData{Self: address(r, q.Name), Title: q.Name, Host: r.Host, Created: q.Created, Updated: q.Updated, Queue: &q,
		Kilobytes: s.tier.maxMessage() >> 10}
}

// address is the URL of an entity as the client wrote it: clients read names from it.
func address(r *http.Request, path string) string {
	u := url.URL{Scheme: "http", Host: r.Host, Path: "/" + path, RawQuery: "api-version=" + url.QueryEscape(r.URL.Query().Get("api-version"))}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}

// stamp writes a time; what has not been yet is the year 1 without a zone.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "0001-01-01T00:00:00"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func escape(text any) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, fmt.Append(nil, text))
	return b.String(), err
}
