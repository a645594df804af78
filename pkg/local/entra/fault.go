package entra

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault makes requests of one operation fail. One with neither Count nor Rate strikes once.
type Fault struct {
	// Operation is invite, lookup (users), user (delete, restore), group, member, application, approle, tenant (organization
	// and policy), token, or * for all. Left out, it is the first at which the Refusal was seen.
	Operation string `json:"operation"`
	Method    string `json:"method,omitempty"`  // only this HTTP method
	Address   string `json:"address,omitempty"` // only requests about the user with this mail address
	Status    int    `json:"status,omitempty"`  // answered instead; 0 with Reset or Delay only
	Code      string `json:"code,omitempty"`
	Message   string `json:"message,omitempty"`
	// Refusal gives status, code and text of the catalogue by its name, see [Refusals].
	Refusal string `json:"refusal,omitempty"`
	// RetryAfter is the header, in whatever form; "date:30s" writes the HTTP date in 30 s.
	RetryAfter string `json:"retryAfter,omitempty"`
	// After: the request is carried out first, and only one that succeeded is struck.
	After bool     `json:"after,omitempty"`
	Reset bool     `json:"reset,omitempty"` // the connection is cut instead of an answer
	Delay Duration `json:"delay,omitempty"` // waits first; with After, between the work and the answer
	// Vanish, of invitations: the answer is 201, and the guest never appears (source: msgraph-sdk-powershell issue 3399).
	Vanish bool    `json:"vanish,omitempty"`
	Count  int     `json:"count,omitempty"` // strikes so often, then ends
	Rate   float64 `json:"rate,omitempty"`  // strikes this share of requests, from 0 to 1
}

// Duration is a time span that JSON writes as "2s".
type Duration time.Duration

// UnmarshalText reads what [time.ParseDuration] reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (f *Fault) check() error {
	if err := f.name(); err != nil {
		return err
	}
	operations := []string{opInvite, opLookup, opUser, opGroup, opMember, opApplication, opAppRole, opTenant, opToken, opAny}
	switch {
	case !slices.Contains(operations, f.Operation):
		return fmt.Errorf("fault: operation %q is none of %v", f.Operation, operations)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("fault of %s: status %d is no error", f.Operation, f.Status)
	case f.Vanish && (f.Operation != opInvite || f.Status != 0 || f.After):
		return fmt.Errorf("fault of %s: only an invitation that succeeds can vanish", f.Operation)
	case f.Status == 0 && !f.Reset && f.Delay == 0 && !f.Vanish:
		return fmt.Errorf("fault of %s: needs a status, refusal, reset, delay or vanish", f.Operation)
	case f.Rate < 0 || f.Rate > 1 || f.Count < 0 || f.Delay < 0:
		return fmt.Errorf("fault of %s: rate, count or delay is out of range", f.Operation)
	}
	if d, dated := strings.CutPrefix(f.RetryAfter, "date:"); dated {
		if _, err := time.ParseDuration(d); err != nil {
			return fmt.Errorf("fault of %s: retryAfter: %w", f.Operation, err)
		}
	}
	if f.Count == 0 && f.Rate == 0 {
		f.Count = 1
	}
	return nil
}

// name takes status, code and text from the catalogue.
func (f *Fault) name() error {
	if f.Refusal == "" {
		return nil
	}
	r, ok := known(f.Refusal)
	if !ok {
		return fmt.Errorf("fault: no refusal is called %q; GET /refusals lists them", f.Refusal)
	}
	if f.Status != 0 || f.Code != "" || f.Message != "" {
		return fmt.Errorf("fault: the refusal %s has a status, code and message of its own", f.Refusal)
	}
	f.Status, f.Code, f.Message = r.Status, r.Code, r.Message
	f.Operation = cmp.Or(f.Operation, r.Operations[0])
	return nil
}

// codes are what a fault's answer carries if it names no code.
var codes = map[int]string{http.StatusTooManyRequests: codeTooMany, http.StatusUnauthorized: codeToken, http.StatusForbidden: codeDenied,
	http.StatusNotFound: codeNotFound, http.StatusBadRequest: codeBad, http.StatusServiceUnavailable: "ServiceUnavailable"}

// answer is what a struck request gets; id is the object that it is about.
func (f *Fault) answer(id string, now time.Time) answer {
	a := refuse(f.Status, cmp.Or(f.Code, codes[f.Status], "UnknownError"), fill(f.Message, "{id}", id, "{n}", 101, "{max}", 100))
	a.header = map[string]string{}
	if f.Status == http.StatusUnauthorized {
		a.header["WWW-Authenticate"] = challenge
	}
	if in, dated := strings.CutPrefix(f.RetryAfter, "date:"); dated {
		d, _ := time.ParseDuration(in) // checked when it was set
		a.header["Retry-After"] = now.Add(d).UTC().Format(http.TimeFormat)
	} else if f.RetryAfter != "" {
		a.header["Retry-After"] = f.RetryAfter
	}
	return a
}
