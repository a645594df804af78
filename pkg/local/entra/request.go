package entra

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const maxBody = 4 << 20 // source: Microsoft Graph takes requests of up to 4 MB

// request is one call of Microsoft Graph, read and taken apart.
type request struct {
	*http.Request
	id, clientID string
	app          string   // who calls
	roles        []string // the permissions in its token
	vanish       bool     // the guest that q invites never appears
	foldsPrefix  bool     // filters do not heed the case of SMTP:
	segments     []string // of the path after /v1.0, unescaped
	query        url.Values
	body         []byte
}

// newRequest gives r its ids; [request.read] does the rest.
func newRequest(r *http.Request) *request {
	q := &request{Request: r, id: newGUID(), clientID: r.Header.Get("client-request-id")}
	if q.clientID == "" {
		q.clientID = q.id
	}
	return q
}

func newGUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return guid(string(b))
}

// read takes path and query apart; a refusal says what is wrong with them.
func (q *request) read() (answer, bool) {
	path, found := strings.CutPrefix(q.URL.EscapedPath(), "/v1.0/")
	if !found {
		return refuse(http.StatusBadRequest, codePlainBad, "Invalid version: only v1.0 is served here."), false
	}
	for s := range strings.SplitSeq(path, "/") {
		s, err := url.PathUnescape(s)
		if err != nil {
			return refuse(http.StatusBadRequest, codePlainBad, "The path cannot be unescaped."), false
		}
		// "servicePrincipals(appId='x')" is a collection and the key of one of its objects.
		if name, key, keyed := strings.Cut(s, "("); keyed && len(q.segments) == 0 {
			q.segments, s = append(q.segments, name), "("+key
		}
		q.segments = append(q.segments, s)
	}
	var err error
	if q.query, err = url.ParseQuery(q.URL.RawQuery); err != nil {
		return refuse(http.StatusBadRequest, codePlainBad, "The query cannot be unescaped."), false
	}
	for name, values := range q.query {
		if len(values) > 1 {
			return refuse(http.StatusBadRequest, codePlainBad, fmt.Sprintf("Query option '%s' was specified more than once, but it must be specified at most once.", name)), false
		}
	}
	return answer{}, true
}

// readBody reads the body and unpacks gzip. What is labelled gzip and is not is refused; what the real service does with
// such a body is unknown.
func (q *request) readBody(bodiless bool) (answer, bool) {
	unreadable := refuse(http.StatusBadRequest, codePlainBad, "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	var r io.Reader = q.Body
	switch e := strings.ToLower(q.Header.Get("Content-Encoding")); e {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return unreadable, false
		}
		r = z
	default:
		return refuse(http.StatusUnsupportedMediaType, codePlainBad, fmt.Sprintf("The content encoding %q is not supported.", e)), false
	}
	var err error
	if q.body, err = io.ReadAll(io.LimitReader(r, maxBody+1)); err != nil {
		return unreadable, false
	}
	if len(q.body) > maxBody {
		return refuse(http.StatusRequestEntityTooLarge, codePlainBad, "The maximum request length supported is 4MB."), false
	}
	if !q.carriesBody() || bodiless && len(q.body) == 0 {
		return answer{}, true
	}
	if q.Header.Get("Content-Type") == "" {
		return refuse(http.StatusBadRequest, codePlainBad, "Write requests (excluding DELETE) must contain the Content-Type header declaration."), false
	}
	if kind, _, err := mime.ParseMediaType(q.Header.Get("Content-Type")); err != nil || kind != "application/json" || !json.Valid(q.body) {
		return unreadable, false
	}
	return answer{}, true
}

func (q *request) carriesBody() bool {
	return q.Method == http.MethodPost || q.Method == http.MethodPatch
}
func (q *request) writes() bool { return q.carriesBody() || q.Method == http.MethodDelete }

// advanced reports whether q has both parameters of an advanced query (source: concept page aad-advanced-queries).
func (q *request) advanced() bool { return q.eventual() && q.query.Get("$count") == "true" }

// origin is scheme and host that the caller sees; those of a proxy, if it says so, for clients that call Microsoft Graph by
// its own name.
func (q *request) origin(own string) string {
	if host := q.Header.Get("X-Forwarded-Host"); host != "" {
		return cmp.Or(q.Header.Get("X-Forwarded-Proto"), "https") + "://" + host
	}
	return own
}

// eventual reports whether q is an advanced query, answered from the index (source: concept page aad-advanced-queries).
func (q *request) eventual() bool {
	return strings.EqualFold(q.Header.Get("ConsistencyLevel"), "eventual")
}

// decode reads the body into v. It refuses properties that v does not have, and those that it has in another case:
// names are exact in OData.
func (q *request) decode(v any) (answer, bool) {
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		err = exact(q.body, v)
	}
	if err == nil {
		return answer{}, true
	}
	if t, isType := errors.AsType[*json.UnmarshalTypeError](err); isType {
		return refuse(http.StatusBadRequest, codePlainBad, fmt.Sprintf("Cannot convert the value of %q to %s.", t.Field, t.Type)), false
	}
	return refuse(http.StatusBadRequest, codePlainBad, strings.TrimPrefix(err.Error(), "json: ")), false
}

// allow refuses query options that are not among the options.
func (q *request) allow(options []string) (answer, bool) {
	for name := range q.query {
		switch {
		case slices.Contains(options, name):
		case name == "$search" && !q.eventual(): // source: concept page aad-advanced-queries
			return refuse(http.StatusBadRequest, codeQuery, "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'"), false
		default:
			return refuse(http.StatusBadRequest, codeQuery, fmt.Sprintf("The query option '%s' is not served by this emulator.", name)), false
		}
	}
	return answer{}, true
}

// subject is the id that q is about: the last one in its body, else in its path.
func (q *request) subject() string {
	if ids := anyGUID.FindAllString(strings.ToLower(string(q.body)), -1); len(ids) > 0 {
		return ids[len(ids)-1]
	}
	if ids := anyGUID.FindAllString(strings.ToLower(q.URL.Path), -1); len(ids) > 0 {
		return ids[len(ids)-1]
	}
	return "00000000-0000-0000-0000-000000000000"
}

// about reports whether q concerns the user with this address or id: in its path, its filter or its body.
func (q *request) about(needles ...string) bool {
	text := strings.ToLower(strings.Join(q.segments, "/") + "\n" + strings.ReplaceAll(q.query.Get("$filter"), "''", "'") + "\n" + string(q.body))
	return slices.ContainsFunc(needles, func(n string) bool { return n != "" && strings.Contains(text, strings.ToLower(n)) })
}
