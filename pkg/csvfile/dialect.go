package csvfile

import (
	"fmt"
	"strings"

	"guestlist/pkg/message"
)

// field is what a column means.
type field int

const (
	other field = iota
	email
	displayName
	invitationText
	redirectURL
	applications
	groups
	cc
	language
	fields // how many there are
)

// Dialect is one form of file, known by the names in its header. Names are compared without regard to letter case and
// surrounding space. A form that only names its columns otherwise is one more entry in dialects.
type Dialect struct {
	Name    string
	columns map[string]field // by folded name
}

// dialects lists the forms, the most particular first. A header is of the first form that finds its address column.
func dialects() []Dialect {
	return []Dialect{{
		Name: "legacy",
		columns: map[string]field{
			"email":                 email,
			"displayname":           displayName,
			"invitationtext":        invitationText,
			"inviteredirecturl":     redirectURL,
			"invitedtoapplications": applications,
			"invitedtogroups":       groups,
			"ccemailaddress":        cc,
			"language":              language,
		},
	}}
}

// layout says where the fields are: the column of each, -1 if the file has none.
type layout [fields]int

// find returns the dialect of a header and where its fields are; false if the header is of no dialect.
func find(header []string) (Dialect, layout, bool, error) {
	for _, d := range dialects() {
		l, err := d.layout(header)
		if err != nil || l[email] >= 0 {
			return d, l, true, err
		}
	}
	return Dialect{}, layout{}, false, nil
}

func (d Dialect) layout(header []string) (layout, error) {
	var l layout
	for i := range l {
		l[i] = -1
	}
	for i, name := range header {
		f := d.columns[strings.ToLower(trim(name))]
		if f == other {
			continue
		}
		if l[f] >= 0 {
			return l, message.Never(FileDuplicateColumn, fmt.Sprintf(
				"columns %d and %d are both named %s: rename or delete one of them", l[f]+1, i+1, trim(name)))
		}
		l[f] = i
	}
	return l, nil
}

// noEmailColumn says what was found instead, so that a person sees which name is misspelt.
func noEmailColumn(header []string) error {
	var names []string
	for _, name := range header[:min(len(header), 20)] {
		name = clip(trim(name), 40)
		if strings.Contains(name, "@") {
			return message.Never(FileNoEmailColumn, "the first line looks like a guest, not like a header: put the column names before it, such as Email,DisplayName")
		}
		names = append(names, fmt.Sprintf("%q", name))
	}
	if n := len(header) - len(names); n > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	return message.Never(FileNoEmailColumn, fmt.Sprintf(
		"no column is named Email; the first line has %s: name the column of addresses Email", strings.Join(names, ", ")))
}
