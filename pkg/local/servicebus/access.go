package servicebus

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// Right is what a key allows.
type Right = broker.Right

// The rights. Manage includes the other two.
const (
	Manage = broker.Manage
	Send   = broker.Send
	Listen = broker.Listen
)

// Key is a shared access key of the namespace or, in a Queue, of that queue.
type Key = broker.Key

// claim is what a connection may do until its end, learnt from a token.
type claim struct {
	rights []Right
	until  time.Time
}

func (c claim) includes(need Right) bool {
	return time.Now().Before(c.until) && (need == "" || slices.Contains(c.rights, need) || slices.Contains(c.rights, Manage))
}

// allows tells whether the connection has put a token for the path, or for what it lies in, that gives a right; "" is any.
func (c *conn) allows(path string, need Right) bool {
	if c.server.acceptAll {
		return true
	}
	for {
		if c.claims[path].includes(need) {
			return true
		}
		if path == "" {
			return false
		}
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
	}
}

func unauthorized(need Right, address string) *amqp.Error {
	return &amqp.Error{Condition: "amqp:unauthorized-access",
		Description: fmt.Sprintf("Unauthorized access. '%s' claim(s) are required to perform this operation. Resource: '%s'.", need, address)}
}

// grantKey gives the connection what a key allows, as SASL PLAIN asks.
func (c *conn) grantKey(name, key string) error {
	if c.server.acceptAll {
		return nil
	}
	for _, k := range c.server.keys {
		if k.Name == name && hmac.Equal([]byte(k.Key), []byte(key)) {
			c.claims[""] = claim{k.Rights, time.Now().AddDate(1, 0, 0)}
			return nil
		}
	}
	return fmt.Errorf("no key %q, or it is another", name)
}

// serveCBS takes tokens. Clients learn here, not from attaching, that an entity does not exist. As in the service who may
// not know learns nothing of that either.
func serveCBS(c *conn, r request) response {
	if r.operation != "put-token" {
		return failure(400, "amqp:not-implemented", fmt.Sprintf("operation %q", r.operation))
	}
	path := strings.ToLower(pathOf(r.name))
	token, _ := r.value.(string)
	granted, refusal := claim{}, ""
	if !c.server.acceptAll {
		granted, refusal = c.server.verify(token, r.kind, path)
	}
	if refusal != "" {
		return failure(401, "amqp:unauthorized-access", refusal)
	}
	if _, ok := c.server.resolve(path); !ok && path != "" {
		e := notFound(r.name)
		return failure(404, e.Condition, e.Description)
	}
	c.claims[path] = granted
	return response{status: 202, text: "Accepted"}
}

// verify checks a token for a path and tells what it allows, or refuses it in the service's words.
func (s *Server) verify(token, kind, path string) (granted claim, refusal string) {
	if kind == "jwt" || kind == "servicebus.windows.net:jwt" {
		if s.acceptJWT {
			return claim{[]Right{Manage}, time.Now().Add(time.Hour)}, ""
		}
		return claim{}, "InvalidIssuer: Token issuer is invalid."
	}
	keys := s.keys
	queue, _, _ := strings.Cut(path, "/$")
	if q, ok := s.Queue(queue); ok {
		keys = slices.Concat(keys, q.Keys)
	}
	return verifySAS(keys, token, path)
}

const sasPrefix = "SharedAccessSignature "

// verifySAS checks a shared access signature: an HMAC-SHA256 over the resource and the expiry as they stand in it.
func verifySAS(keys []Key, token, path string) (granted claim, refusal string) {
	fields := map[string]string{}
	rest, ok := strings.CutPrefix(token, sasPrefix)
	for part := range strings.SplitSeq(rest, "&") {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	resource, err := url.QueryUnescape(fields["sr"])
	seconds, err2 := strconv.ParseInt(fields["se"], 10, 64)
	if !ok || err != nil || err2 != nil || fields["sig"] == "" {
		return claim{}, "MalformedToken: The token is malformed."
	}
	name, _ := url.QueryUnescape(fields["skn"])
	signature, _ := url.QueryUnescape(fields["sig"])
	signed := func(key string) bool {
		return key != "" && hmac.Equal([]byte(signature), []byte(sign(key, fields["sr"]+"\n"+fields["se"])))
	}
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name && (signed(k.Key) || signed(k.Secondary)) })
	if i < 0 {
		return claim{}, "InvalidSignature: The token has an invalid signature."
	}
	resource, _, _ = strings.Cut(resource, "?")
	scope := strings.ToLower(pathOf(withScheme(resource)))
	if scope != "" && path != scope && !strings.HasPrefix(path, scope+"/") {
		return claim{}, "InvalidAudience: The authorization header contains a token with a wrong audience."
	}
	until := time.Unix(seconds, 0)
	if !time.Now().Before(until) {
		return claim{}, fmt.Sprintf("ExpiredToken: The token is expired. Expiration time: '%s', Current time: '%s'.",
			until.UTC().Format(time.RFC1123), time.Now().UTC().Format(time.RFC1123))
	}
	return claim{keys[i].Rights, until}, ""
}

// withScheme makes a resource a URL: tools sign host names too.
func withScheme(resource string) string {
	if strings.Contains(resource, "://") {
		return resource
	}
	return "sb://" + resource
}

func sign(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// rightsOf tells what the Authorization header of an administration request allows at a path, an entity's or "" for the
// namespace's: a shared access signature or, where they are accepted, a bearer token. Otherwise it tells why not, in the
// service's words.
func (s *Server) rightsOf(header, path string) (rights []Right, refusal string) {
	if s.acceptAll {
		return []Right{Manage}, ""
	}
	if header == "" {
		return nil, "MissingToken: The authorization header was not found."
	}
	kind := ""
	if !strings.HasPrefix(header, sasPrefix) { // the Go client sends a bearer token without the word
		kind = "jwt"
	}
	granted, refusal := s.verify(header, kind, strings.ToLower(path))
	return granted.rights, refusal
}
