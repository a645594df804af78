package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"guestlist/pkg/message"
)

// The types of event that lead to an import. A rename raises no BlobCreated for the new name, and many SFTP clients upload
// under a temporary name and rename at the end.
const (
	blobCreated = "Microsoft.Storage.BlobCreated"
	blobRenamed = "Microsoft.Storage.BlobRenamed"
)

// complete lists the storage operations after which a blob has its content. CreateFile and SftpCreate make an empty
// placeholder, SftpWrite is about a part; all are followed by one of these.
var complete = map[string]bool{"PutBlob": true, "PutBlockList": true, "CopyBlob": true, "FlushWithClose": true, "SftpCommit": true}

// upload is what an event says about a blob.
type upload struct {
	Container, Path, ETag string           // ETag is empty if the event names none: then the present version is meant
	From                  place            // of a renamed blob, before
	Ignore                string           // why the event leads to no import; empty if it does
	Refuse                *message.Failure // why nobody should read the blob; nil if it can be read
}

// place is where a blob lies.
type place struct{ Container, Path string }

// envelope has the properties of both schemas: eventType in Event Grid's, type in CloudEvents.
type envelope struct {
	EventType string `json:"eventType"`
	Type      string `json:"type"`
	Subject   string `json:"subject"`
	Data      struct {
		API       string `json:"api"`
		ETag      string `json:"eTag"`
		BlobType  string `json:"blobType"`
		SourceURL string `json:"sourceUrl"`
	} `json:"data"`
}

// parseEvent reads one event of either schema, bare or as a list of one.
func parseEvent(raw []byte) (upload, error) {
	if b := bytes.TrimSpace(raw); len(b) > 0 && b[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil || len(list) != 1 {
			return upload{}, unreadable(fmt.Sprintf("it is a list of %d events, and a message must hold one", len(list)))
		}
		raw = list[0]
	}
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return upload{}, unreadable(err.Error())
	}
	switch {
	case e.EventType+e.Type == "":
		return upload{}, unreadable("it has neither eventType nor type")
	case e.EventType+e.Type == blobRenamed:
		u, err := locate(e)
		u.ETag, u.From = "", placeOf(e.Data.SourceURL)
		return u, err
	case e.EventType+e.Type != blobCreated:
		return upload{Ignore: "its type is " + e.EventType + e.Type}, nil
	case !complete[e.Data.API]:
		return upload{Ignore: "its operation is " + e.Data.API}, nil
	}
	return locate(e)
}

// locate takes container and path from the subject: unlike the url it is the same on every kind of account, and not escaped.
func locate(e envelope) (upload, error) {
	rest, ok := strings.CutPrefix(e.Subject, "/blobServices/default/containers/")
	container, path, ok2 := strings.Cut(rest, "/blobs/")
	if !ok || !ok2 || container == "" || path == "" {
		return upload{}, unreadable(fmt.Sprintf("its subject %q names no blob", e.Subject))
	}
	u := upload{Container: container, Path: path, ETag: strings.Trim(e.Data.ETag, `"`)}
	if kind := kinds[e.Data.BlobType]; kind != "" {
		u.Refuse = &message.Failure{Code: "file.not-block-blob", Text: fmt.Sprintf("The file is %s: its content comes after "+
			"its event, and no event says when it is complete. Nobody was invited. Upload it as a block blob, as tools do by default.", kind)}
	}
	return u, nil
}

// kinds names the types of blob whose content follows their event.
var kinds = map[string]string{"AppendBlob": "an append blob", "PageBlob": "a page blob"}

// placeOf returns the place in a URL of the file service; empty if it is none.
func placeOf(raw string) place {
	u, err := url.Parse(raw)
	if err != nil {
		return place{}
	}
	container, path, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return place{container, path}
}

func unreadable(why string) error {
	return message.Never("event.unreadable", "The message is not an event of blob storage: "+why+
		". Check the Event Grid subscription that delivers to queue uploads.")
}
