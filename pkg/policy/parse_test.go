package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/policy"
)

func TestAPolicyReadsAsItWasWritten(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]policy.Policy{
		"full":     partners(),
		"proposed": {Version: 1, Source: "x", MaxGuests: 1, Groups: []policy.Group{}, Applications: []policy.Application{}, Domains: []string{}, RedirectHosts: []string{}},
	} {
		got, err := policy.ParseFor(p.Source, p.JSON())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Errorf("%s (-written +read):\n%s", name, diff)
		}
		if diff := cmp.Diff(string(p.JSON()), string(got.JSON())); diff != "" {
			t.Errorf("%s: JSON is not stable:\n%s", name, diff)
		}
	}
}

func TestEmptyListsAreWrittenAsLists(t *testing.T) {
	t.Parallel()
	got := string(policy.Policy{Version: 1, Source: "x", MaxGuests: 1}.JSON())
	if strings.Contains(got, "null") || !strings.Contains(got, `"groups": []`) {
		t.Errorf("got %s", got)
	}
}

func TestAByteOrderMarkIsNoError(t *testing.T) {
	t.Parallel()
	if _, err := policy.Parse(append([]byte("\uFEFF"), partners().JSON()...)); err != nil {
		t.Error(err)
	}
}

// FuzzParse holds that any file is refused or is a policy that reads the same when it is written.
func FuzzParse(f *testing.F) {
	f.Add(partners().JSON())
	f.Add([]byte(`{"version":1,"source":"a","maxGuests":1,"groups":[{"id":"x"},{}],"domains":null} ]`))
	f.Add([]byte(`[[{"a":{"a":[]},"b":["b","b"],"a":1}]]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := policy.Parse(raw)
		if err != nil {
			return
		}
		again, err := policy.Parse(p.JSON())
		if err != nil {
			t.Fatalf("written: %v", err)
		}
		if diff := cmp.Diff(string(p.JSON()), string(again.JSON())); diff != "" {
			t.Errorf("-read +written and read:\n%s", diff)
		}
	})
}

func TestAWrongPolicyIsRefusedNamingTheKey(t *testing.T) {
	t.Parallel()
	const good = `{"version":1,"source":"partners","maxGuests":5`
	for file, want := range map[string]string{
		``:                    "not valid JSON",
		`{`:                   "not valid JSON",
		`[]`:                  "JSON array",
		`null`:                "key version is 0",
		good + `} {}`:         "after the closing brace",
		good + `,"group":[]}`: `unknown key "group"`,
		good + `,"groups":[{"ID":"` + staff + `","role":"x"}]}`:                              `unknown key "role"`,
		good + `,"maxGuests":6}`:                                                             `key "maxGuests" is there twice`,
		good + `,"MaxGuests":6}`:                                                             `key "MaxGuests" is there twice`,
		good + `,"groups":[{"id":"` + staff + `","id":"` + night + `"}]}`:                    `key "id" is there twice`,
		good + `,"allowText":"yes"}`:                                                         "key allowText is a JSON string where a bool is needed",
		`{"version":2,"source":"partners","maxGuests":5}`:                                    "key version is 2",
		`{"version":1,"source":"Partners","maxGuests":5}`:                                    `key source: "Partners"`,
		`{"version":1,"source":"others","maxGuests":5}`:                                      `key source is "others", but this is the file of source "partners"`,
		`{"version":1,"source":"partners"}`:                                                  "key maxGuests is 0",
		good + `,"mailMode":"smtp"}`:                                                         `key mailMode is "smtp"`,
		good + `,"groups":[{"id":"All Staff"}]}`:                                             `key groups[0] is "All Staff": it must be the object id`,
		good + `,"groups":[{"id":"` + staff + `"},{"id":"` + strings.ToUpper(staff) + `"}]}`: "is there twice, first as groups[0]",
		good + `,"groups":[{"id":"` + staff + `","name":"a;b"}]}`:                            "key groups[0].name",
		good + `,"applications":[{"id":""}]}`:                                                "key applications[0]",
		good + `,"applications":[{"id":"` + wiki + `","roles":["a b"]}]}`:                    "key applications[0].roles[0]",
		good + `,"applications":[{"id":"` + wiki + `","roles":["A","a"]}]}`:                  "is there twice, first as applications[0].roles[0]",
		good + `,"ccDomains":["a@b"]}`:                                                       "key ccDomains[0]",
		good + `,"domains":["@partner.example"]}`:                                            "key domains[0]",
		good + `,"domains":["*","a.example","A.example"]}`:                                   "is there twice, first as domains[1]",
		good + `,"redirectHosts":["https://host.example"]}`:                                  "key redirectHosts[0]",
		good + `,"redirectHosts":["*"]}`:                                                     "key redirectHosts[0]",
	} {
		_, err := policy.ParseFor("partners", []byte(file))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %q in it", file, err, want)
		}
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	_, err := policy.Parse([]byte(`{"version":3,"source":"-","mailMode":"x"}`))
	for _, key := range []string{"version", "source", "maxGuests", "mailMode"} {
		if err == nil || !strings.Contains(err.Error(), "key "+key) {
			t.Errorf("%v: nothing about %s", err, key)
		}
	}
}

func TestPolicyFilesAreNamedAfterTheirSource(t *testing.T) {
	t.Parallel()
	if got := policy.File("partners"); got != "sources/partners.json" {
		t.Errorf("got %q", got)
	}
}

func TestSourcesAreInboxContainers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 57)
	for container, want := range map[string]string{
		"inbox-partners": "partners", "inbox-a": "a", "inbox-7-b": "7-b", "inbox-" + long: long,
		"inbox-": "", "inbox": "", "config": "", "inbox--a": "", "inbox-a-": "", "inbox-a--b": "", "inbox-A": "", "inbox-ä": "", "inbox-a.b": "",
		"inbox-" + long + "a": "", "results": "", "INBOX-a": "",
	} {
		got, ok := policy.SourceOf(container)
		if got != want || ok != (want != "") {
			t.Errorf("SourceOf(%q) = %q, %t, want %q", container, got, ok, want)
		}
		if ok && policy.Container(got) != container {
			t.Errorf("Container(%q) = %q", got, policy.Container(got))
		}
	}
}
