package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Encode writes one value of Data or Metadata.
func Encode(v any) []byte {
	var b bytes.Buffer
	switch v := v.(type) {
	case []byte, Object, Raw:
		writeJSON(&b, v)
	case DateTime:
		writeString(&b, time.Time(v).UTC().Format("2006-01-02T15:04:05"))
	case DateTimeOffset:
		writeString(&b, time.Time(v).Format("2006-01-02T15:04:05-07:00"))
	default: // JSON text, and that text as a JSON string
		var text bytes.Buffer
		writeJSON(&text, v)
		writeString(&b, text.String())
	}
	return b.Bytes()
}

// writeJSON writes a value as the host's JSON library would. A value of another type is written as its text: it can come
// from an application property only.
func writeJSON(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case string:
		writeString(b, v)
	case []byte:
		writeString(b, base64.StdEncoding.EncodeToString(v))
	case GUID:
		writeString(b, v.String())
	case DateTime:
		writeString(b, isoTime(time.Time(v), "Z"))
	case DateTimeOffset:
		writeString(b, isoTime(time.Time(v), "-07:00"))
	case time.Time:
		writeString(b, isoTime(v, "Z"))
	case float32:
		b.WriteString(float(float64(v), 32))
	case float64:
		b.WriteString(float(v, 64))
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		fmt.Fprint(b, v)
	case []any:
		writeArray(b, v)
	case Object:
		writeObject(b, v)
	case Raw:
		writeRaw(b, v)
	default: // AMQP's uuid prints itself
		writeString(b, fmt.Sprint(v))
	}
}

func writeArray(b *bytes.Buffer, values []any) {
	b.WriteByte('[')
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		writeJSON(b, v)
	}
	b.WriteByte(']')
}

func writeObject(b *bytes.Buffer, members []Member) {
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		writeString(b, m.Name)
		b.WriteByte(':')
		writeJSON(b, m.Value)
	}
	b.WriteByte('}')
}

// writeRaw drops blanks. The text was valid when it was taken.
func writeRaw(b *bytes.Buffer, text Raw) {
	if json.Compact(b, text) != nil {
		writeString(b, string(text))
	}
}

// writeString escapes what the host's library escapes: unlike Go's default not <, > and &, but also U+0085.
func writeString(b *bytes.Buffer, s string) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	quoted := strings.TrimSuffix(text.String(), "\n")
	b.WriteString(strings.ReplaceAll(quoted, "\u0085", `\u0085`))
}

// isoTime has ticks of 100 ns and no zeros at the end.
func isoTime(t time.Time, zone string) string {
	if zone == "Z" {
		t = t.UTC()
	}
	return t.Format("2006-01-02T15:04:05.9999999" + zone)
}

// float always shows that it is no integer.
func float(f float64, bits int) string {
	s := number(f, bits)
	if strings.ContainsAny(s, ".EN") { // a point, an exponent, NaN
		return s
	}
	return s + ".0"
}

// number is the shortest text that reads back as f; .NET turns to exponents below 1e-5 and from 1e15 on.
func number(f float64, bits int) string {
	abs := max(f, -f)
	if abs != 0 && (abs < 1e-5 || abs >= 1e15) {
		return strconv.FormatFloat(f, 'E', -1, bits)
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

// String is the GUID as .NET prints it.
func (g GUID) String() string {
	s := hex.EncodeToString(g[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
