// Package payload writes what a Functions host posts to a custom handler: {"Data": …, "Metadata": …}. Make a [Dict] for the
// metadata, fill an [Invocation], take its [Invocation.JSON].
//
// It promises the encoding of the real host, which treats .NET values unequally: bytes become base64, dates lose their
// fraction, objects stay objects, and everything else becomes JSON text inside a JSON string. It also merges a JSON body
// into the metadata as the host does, so that a message can overwrite its own properties. It leaves out batches, streams
// and HTTP requests.
package payload

import (
	"bytes"
	"strings"
	"time"
)

// The .NET values that have no Go counterpart of their own. Strings, booleans, Go's integers and floats, []byte, []any
// and nil stand for themselves.
type (
	// DateTime loses its zone on the wire. It is taken as UTC.
	DateTime time.Time
	// DateTimeOffset keeps its zone on the wire.
	DateTimeOffset time.Time
	// GUID is written with lower-case digits and hyphens.
	GUID [16]byte
	// Object is a class, dictionary or JSON object: its members in their order.
	Object []Member
	// Raw is JSON text that is passed on as it is: an object inside a message body.
	Raw []byte
)

// Member is one property of an Object.
type Member struct {
	Name  string
	Value any
}

// Invocation is one call of a function.
type Invocation struct {
	Function string // folder name
	Binding  string // name of the trigger binding
	Value    any    // what the trigger brings
	Metadata *Dict  // what it tells about it; nil for nothing
	Now      time.Time
	Random   GUID // the RandGuid of sys
}

// JSON is the body of the request. Metadata leaves out nulls and names that end in "trigger"; a body that is JSON text
// has been merged into it, after sys, so that even sys can be overwritten.
func (i Invocation) JSON() []byte {
	all := &Dict{}
	if i.Metadata != nil {
		all = i.Metadata.clone()
	}
	all.Set("sys", Object{
		{"MethodName", i.Function},
		{"UtcNow", DateTime(i.Now)},
		{"RandGuid", i.Random},
	})
	if text, ok := i.Value.(string); ok {
		all.merge(text)
	}
	var b bytes.Buffer
	b.WriteString(`{"Data":{`)
	writeString(&b, i.Binding)
	b.WriteByte(':')
	b.Write(Encode(i.Value))
	b.WriteString(`},"Metadata":{`)
	all.write(&b)
	b.WriteString(`}}`)
	return b.Bytes()
}

// Dict is the binding data: names without regard to case, in the order in which they came.
type Dict struct{ members []Member }

// Set adds a value, or replaces the one of that name and keeps its place and its spelling.
func (d *Dict) Set(name string, value any) {
	for i := range d.members {
		if strings.EqualFold(d.members[i].Name, name) {
			d.members[i].Value = value
			return
		}
	}
	d.members = append(d.members, Member{name, value})
}

func (d *Dict) clone() *Dict {
	return &Dict{members: append([]Member(nil), d.members...)}
}

func (d *Dict) write(b *bytes.Buffer) {
	first := true
	for _, m := range d.members {
		if m.Value == nil || strings.HasSuffix(strings.ToLower(m.Name), "trigger") {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		writeString(b, m.Name)
		b.WriteByte(':')
		b.Write(Encode(m.Value))
	}
}
