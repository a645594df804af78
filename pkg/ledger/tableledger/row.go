package tableledger

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

const (
	etagProperty    = "odata.etag"
	versionProperty = "Version"
	// propertyUnits is how many UTF-16 code units go into one property; the service takes 32,768.
	propertyUnits = 32_000
)

// row builds the JSON of a row. Empty values are left out.
type row struct{ buf []byte }

func newRow(partition, key string) *row {
	r := &row{buf: []byte("{")}
	return r.put("PartitionKey", partition).put("RowKey", key)
}

// put adds a property; a text too long for one goes on in name_2, name_3 and so on.
func (r *row) put(name, value string) *row {
	property := name
	for n := 2; ; n++ {
		head := cut(value, propertyUnits)
		r.one(property, value[:head])
		if value = value[head:]; value == "" {
			return r
		}
		property = name + "_" + strconv.Itoa(n)
	}
}

func (r *row) one(name, value string) *row {
	if value == "" {
		return r
	}
	if len(r.buf) > 1 {
		r.buf = append(r.buf, ',')
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		panic(err) // no string is beyond JSON
	}
	r.buf = append(append(append(append(r.buf, '"'), name...), '"', ':'), quoted...)
	return r
}

// putTime adds a time as text: exact to the nanosecond, where the service's own type has seven digits.
func (r *row) putTime(name string, t time.Time) *row {
	if t.IsZero() {
		return r
	}
	return r.one(name, t.UTC().Format(time.RFC3339Nano))
}

// putCount adds a number, as text.
func (r *row) putCount(name string, n int) *row {
	if n == 0 {
		return r
	}
	return r.one(name, strconv.Itoa(n))
}

// putJSON adds a value as JSON.
func (r *row) putJSON(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("property %s: %w", name, err)
	}
	r.put(name, string(text))
	return nil
}

func (r *row) done() []byte { return append(r.buf, '}') }

// cut returns how many bytes of s make n UTF-16 code units at most.
func cut(s string, n int) int {
	if len(s) <= n { // no character has more code units than bytes
		return len(s)
	}
	for i, c := range s {
		units := 1
		if c > 0xFFFF {
			units = 2
		}
		if n -= units; n < 0 {
			return i
		}
	}
	return len(s)
}

// stored is a row as read.
type stored map[string]any

func (s stored) etag() azcore.ETag { return azcore.ETag(s.one(etagProperty)) }

func (s stored) version() string { return s.one(versionProperty) }

func (s stored) one(name string) string {
	text, _ := s[name].(string)
	return text
}

// text returns a property and what it goes on in.
func (s stored) text(name string) string {
	text := s.one(name)
	if len(text) < propertyUnits-1 { // put would have filled it before going on
		return text
	}
	for n := 2; ; n++ {
		more, ok := s[name+"_"+strconv.Itoa(n)].(string)
		if !ok {
			return text
		}
		text += more
	}
}

func (s stored) time(name string) (time.Time, error) {
	text := s.one(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("property %s: %w", name, err)
	}
	return t, nil
}

func (s stored) count(name string) (int, error) {
	text := s.one(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("property %s: %w", name, err)
	}
	return n, nil
}

func (s stored) json(name string, v any) error {
	text := s.text(name)
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("property %s: %w", name, err)
	}
	return nil
}

func newVersion() string { return rand.Text()[:16] }

// safe makes a text fit for a key: letters, digits, dot, dash and underline stand, other bytes become ~XX.
func safe(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c < utf8.RuneSelf && (c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "~%02X", c)
		}
	}
	return b.String()
}

// utc drops the zone, which a table does not keep.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}
