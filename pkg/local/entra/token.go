package entra

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// audiences are what a token for Microsoft Graph may be for: the hosts of the national clouds and its application id.
var audiences = []string{"https://graph.microsoft.com", "https://graph.microsoft.us", "https://dod-graph.microsoft.us",
	"https://microsoftgraph.chinacloudapi.cn", "00000003-0000-0000-c000-000000000000"}

// systemIdentity is the application id of the identity that callers get who name none.
const systemIdentity = "5a1e9d1c-6a0b-4d0e-8f6a-0d9c1b7e4f20"

// tokens issues and checks bearer tokens. They have the shape of a JWT and carry all that is needed to check them, so an
// emulator that is started again with the same identity header accepts those of its predecessor.
type tokens struct {
	key    []byte
	header string
	life   time.Duration
	now    func() time.Time

	mu      sync.Mutex
	revoked time.Time // tokens issued until then are refused
}

// revoke ends all tokens issued so far, as if they had expired.
func (t *tokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.revoked = t.now()
}

func (t *tokens) ended(c claims) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now().Unix() >= c.Expires || !time.Unix(0, c.Made).After(t.revoked)
}

type claims struct {
	Audience string   `json:"aud"`
	App      string   `json:"appid"`
	Roles    []string `json:"roles"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	Made     int64    `json:"made"` // nanoseconds since 1970, to tell tokens of one second apart

	// What tools show of a token (source: page access-token-claims-reference).
	Issuer  string `json:"iss"`
	Tenant  string `json:"tid"`
	Object  string `json:"oid"`
	Name    string `json:"app_displayname"`
	Kind    string `json:"idtyp"` // app: no user is signed in
	Version string `json:"ver"`
}

func newTokens(header string, life time.Duration, now func() time.Time) *tokens {
	key := sha256.Sum256([]byte("token key of " + header))
	return &tokens{key: key[:], header: header, life: life, now: now}
}

// identity is App Service's managed-identity endpoint (source: page "How to use managed identities for App Service",
// REST protocol, api-version 2019-08-01). The texts of its refusals are not documented.
func (t *tokens) identity(r *http.Request, tenantID string, permissions func(clientID string) []string) answer {
	q := r.URL.Query()
	switch {
	case r.Method != http.MethodGet:
		return identityError(http.StatusMethodNotAllowed, "only GET is served")
	case subtle.ConstantTimeCompare([]byte(r.Header.Get("X-IDENTITY-HEADER")), []byte(t.header)) != 1:
		return identityError(http.StatusUnauthorized, "the header X-IDENTITY-HEADER is missing or wrong")
	case q.Get("api-version") != "2019-08-01":
		return identityError(http.StatusBadRequest, "api-version must be 2019-08-01")
	case q.Get("resource") == "":
		return identityError(http.StatusBadRequest, "the parameter resource is missing")
	}
	app := cmp.Or(q.Get("client_id"), q.Get("principal_id"), q.Get("object_id"), q.Get("mi_res_id"), systemIdentity)
	now := t.now()
	c := claims{Audience: q.Get("resource"), App: app, Roles: permissions(app), Issued: now.Unix(), Expires: now.Add(t.life).Unix(), Made: now.UnixNano(),
		Issuer: "https://sts.windows.net/" + tenantID + "/", Tenant: tenantID, Object: guid("service principal", app), Name: "Identity " + app, Kind: "app", Version: "1.0"}
	return ok(map[string]string{"access_token": t.sign(c), "expires_on": strconv.FormatInt(c.Expires, 10), "resource": c.Audience,
		"token_type": "Bearer", "client_id": app})
}

func identityError(status int, text string) answer {
	return answer{status: status, body: map[string]any{"statusCode": status, "message": text}}
}

func (t *tokens) sign(c claims) string {
	b, _ := json.Marshal(c) // plain strings and numbers
	s := encode([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." + encode(b)
	return s + "." + t.mac(s)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (t *tokens) mac(s string) string {
	m := hmac.New(sha256.New, t.key)
	_, _ = m.Write([]byte(s)) // a hash takes every write
	return encode(m.Sum(nil))
}

// check returns the claims of a request's token, or the name of the refusal.
func (t *tokens) check(r *http.Request) (claims, string) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found || token == "" {
		return claims{}, tokenEmpty
	}
	signed, mac, _ := cutLast(token, ".")
	if !hmac.Equal([]byte(mac), []byte(t.mac(signed))) {
		return claims{}, tokenBroken
	}
	_, payload, _ := strings.Cut(signed, ".")
	b, err := base64.RawURLEncoding.DecodeString(payload)
	var c claims
	switch {
	case err != nil || json.Unmarshal(b, &c) != nil:
		return claims{}, tokenBroken
	case !slices.Contains(audiences, strings.TrimSuffix(c.Audience, "/")):
		return claims{}, tokenAudience
	case t.ended(c):
		return claims{}, tokenExpired
	}
	return c, ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
