package payload

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// merge puts the top-level properties of a JSON object into the binding data, over what is there. Arrays and nulls are
// passed over, objects stay objects, everything else becomes text. A text that is no JSON object changes nothing.
func (d *Dict) merge(text string) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") || !json.Valid([]byte(text)) {
		return
	}
	r := json.NewDecoder(strings.NewReader(text))
	_, _ = r.Token() // the brace: the text is valid, so nothing below can fail
	for r.More() {
		name, _ := r.Token()
		var value json.RawMessage
		_ = r.Decode(&value)
		if v := merged(value); v != nil {
			d.Set(name.(string), v)
		}
	}
}

// merged is what becomes of one property: Raw, string, or nil for nothing.
func merged(value json.RawMessage) any {
	value = bytes.TrimSpace(value)
	switch value[0] {
	case '{':
		return Raw(value)
	case '[', 'n':
		return nil
	case 't':
		return "True"
	case 'f':
		return "False"
	case '"':
		var s string
		_ = json.Unmarshal(value, &s)
		return dateText(s)
	}
	return numberText(string(value))
}

// numberText is what .NET prints for the number: integers as they are, the others as shortest double.
func numberText(literal string) string {
	if !strings.ContainsAny(literal, ".eE") {
		return literal
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return literal
	}
	return number(f, 64)
}

// isoForms are the texts that the host's JSON library takes for dates.
var isoForms = []string{"2006-01-02T15:04:05.9999999Z07:00", "2006-01-02T15:04:05.9999999", "2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05"}

// dateText turns an ISO date into the text that .NET's invariant culture prints, in UTC and without fractions: the damage
// that a date in a message body takes. Other texts stay.
func dateText(s string) string {
	if len(s) < 19 || len(s) > 40 || s[10] != 'T' {
		return s
	}
	for _, form := range isoForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC().Format("01/02/2006 15:04:05")
		}
	}
	return s
}
