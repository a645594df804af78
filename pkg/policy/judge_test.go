package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/policy"
)

const columns = "Email,DisplayName,InvitationText,InviteRedirectUrl,CcEmailAddress"

func codes(v policy.Verdict) string {
	var s []string
	for _, p := range v.Problems {
		s = append(s, p.Code)
	}
	return strings.Join(s, " ")
}

func TestRowsOutsideThePolicyAreRefused(t *testing.T) {
	t.Parallel()
	open := partners()
	shut := policy.Policy{Version: 1, Source: "partners", MaxGuests: 1}
	anyone := policy.Policy{Version: 1, Source: "partners", MaxGuests: 1, Domains: []string{"*"}}
	copies := anyone
	copies.AllowCC = true
	for _, c := range []struct {
		p           policy.Policy
		cells, want string
	}{
		{open, "ana@partner.example,A,Hi,https://myapplications.microsoft.com/?tenantid=1,boss@contoso.example", ""},
		{open, "ana@PARTNER.example,A,,https://MyApplications.Microsoft.com:443/", ""},
		{open, "ana@second.example", ""},
		{open, "ana@partner.example,A,,,Boss@Contoso.example", ""},
		{open, "ana@partner.example,A,,,boss@second.example", ""},
		{open, "ana@partner.example,A,,,boss@sub.contoso.example", "cc.forbidden"},
		{open, "ana@partner.example,A,,,boss@evil.example", "cc.forbidden"},
		{open, "ana@contoso.example", "domain.forbidden"}, // copies may go there, guests may not come from there
		{anyone, "ana@partner.example,A,,,boss@evil.example", "cc.forbidden"},
		{copies, "ana@partner.example,A,,,boss@evil.example", ""},
		{open, "ana@sub.partner.example", "domain.forbidden"},
		{open, "ana@partner.example.evil.example", "domain.forbidden"},
		{open, "ana@partner.example,A,,https://myapplications.microsoft.com.evil.example/", "redirect.forbidden"},
		{open, "ana@partner.example,A,,https://microsoft.com/", "redirect.forbidden"},
		{open, "ana@partner.example,A,,https://myapplications.microsoft.com./", ""},
		{shut, "ana@partner.example,A,Hi,https://myapplications.microsoft.com/,boss@contoso.example", "domain.forbidden redirect.forbidden text.forbidden cc.forbidden"},
		{shut, ",A", ""}, // no address: the row has its own problem
		{anyone, "ana@partner.example", ""},
	} {
		if got := codes(c.p.Judge(row(t, columns, c.cells))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.cells, got, c.want)
		}
	}
}

// targets gives one word for each target: the end of its id and its role, or its code.
func targets(v policy.Verdict) string {
	var s []string
	for _, t := range v.Targets {
		if t.Problem != nil {
			s = append(s, fmt.Sprintf("%s:%s(%s)", t.Kind, t.Problem.Code, t.Asked))
			continue
		}
		s = append(s, strings.TrimSuffix(fmt.Sprintf("%s:%s/%s", t.Kind, t.ID, t.Role), "/"))
	}
	return strings.Join(s, " ")
}

func TestTargetsAreFoundByIDAndByName(t *testing.T) {
	t.Parallel()
	const s, w, a = "application:" + sheets + "/Clerk", "application:" + wiki, "group:" + staff
	for cell, want := range map[string][2]string{ // as groups, as applications
		"":                                     {"", ""},
		staff:                                  {a, "application:target.forbidden(" + staff + ")"},
		strings.ToUpper(staff):                 {a, "application:target.forbidden(" + staff + ")"},
		sheets + " " + strings.ToUpper(sheets): {"group:target.forbidden(" + sheets + ")", s},
		"time sheets":                          {"group:target.forbidden(time sheets)", s},
		"Time Sheets;" + sheets:                {"group:target.forbidden(Time Sheets) group:target.forbidden(" + sheets + ")", s},
		"Time  Sheets Wiki|wiki":               {"group:target.forbidden(Time Sheets Wiki) group:target.forbidden(wiki)", s + " " + w},
		"Wiki Sheets":                          {"group:target.forbidden(Wiki Sheets)", "application:target.forbidden(Wiki Sheets)"},
		"Night":                                {"group:target.ambiguous(Night)", "application:target.forbidden(Night)"},
		"all staff " + night:                   {a + " group:" + night, "application:target.forbidden(all staff) application:target.forbidden(" + night + ")"},
		"Wiki:Editor":                          {"group:target.forbidden(Wiki:Editor)", w + "/Editor"},
		"wiki:editor Wiki":                     {"group:target.forbidden(wiki:editor Wiki)", w + "/Editor " + w},
		wiki + ":Read:All":                     {"group:target.forbidden(" + wiki + ":Read:All)", w + "/Read:All"},
		"Time Sheets:Payroll time sheets":      {"group:target.forbidden(Time Sheets:Payroll time sheets)", "application:" + sheets + "/Payroll " + s},
		"Time Sheets:Clerk;" + sheets:          {"group:target.forbidden(Time Sheets:Clerk) group:target.forbidden(" + sheets + ")", s},
		"Wiki:Owner":                           {"group:target.forbidden(Wiki:Owner)", "application:target.forbidden(Wiki:Owner)"},
		"Wiki:":                                {"group:target.forbidden(Wiki:)", "application:target.forbidden(Wiki:)"},
		"All Staff:Editor":                     {"group:target.forbidden(All Staff:Editor)", "application:target.forbidden(All Staff:Editor)"},
		alien + " Wiki":                        {"group:target.forbidden(" + alien + ") group:target.forbidden(Wiki)", "application:target.forbidden(" + alien + ") " + w},
	} {
		p := partners()
		if got := targets(p.Judge(row(t, "Email,InvitedToGroups", "ana@partner.example,"+cell))); got != want[0] {
			t.Errorf("groups %q:\ngot  %s\nwant %s", cell, got, want[0])
		}
		if got := targets(p.Judge(row(t, "Email,InvitedToApplications", "ana@partner.example,"+cell))); got != want[1] {
			t.Errorf("applications %q:\ngot  %s\nwant %s", cell, got, want[1])
		}
	}
}

func TestATargetInTheWrongColumnIsSaidToBe(t *testing.T) {
	t.Parallel()
	v := partners().Judge(row(t, "Email,InvitedToGroups", "ana@partner.example,Wiki"))
	if got := v.Targets[0].Problem.Text; !strings.Contains(got, "other column") {
		t.Errorf("got %q", got)
	}
}

func TestARowIsRefusedWhenNothingOfItIsAllowed(t *testing.T) {
	t.Parallel()
	for cells, want := range map[string]string{
		"ana@partner.example,":                   "",
		"ana@partner.example,Wiki":               "",
		"ana@partner.example,Wiki;" + alien:      "",
		"ana@partner.example," + alien + "|None": "target.forbidden",
		"ana@other.example,Wiki":                 "domain.forbidden",
	} {
		got, refused := partners().Judge(row(t, "Email,InvitedToApplications", cells)).Refused()
		if got.Code != want || refused != (want != "") {
			t.Errorf("%s: %v, %t, want %q", cells, got, refused, want)
		}
	}
}

func TestAFileOverItsMaximumIsHeld(t *testing.T) {
	t.Parallel()
	p := partners()
	if f := p.Exceeds(3); f != nil {
		t.Errorf("3 of 3: %v", f)
	}
	if f := p.Exceeds(4); f == nil || f.Code != policy.TooManyGuests || !strings.Contains(f.Text, ": guestlist approve IMPORT") {
		t.Errorf("4 of 3: %v", f)
	}
}

func TestDescriptionsHoldEverythingInFull(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := partners()
	p.Domains = append(p.Domains, "*")
	if err := p.Describe(&b); err != nil {
		t.Fatal(err)
	}
	want := `source partners, files in container inbox-partners
  groups, by object id: 3
    6f1c0c52-52a1-4d0c-9f5e-0a8c3b6f0001  All Staff
    6f1c0c52-52a1-4d0c-9f5e-0a8c3b6f0002  Night
    6f1c0c52-52a1-4d0c-9f5e-0a8c3b6f0003  night
  applications, by application (client) id: 2
    0D5B7F0E-1111-4C8E-A3D2-5A1F00000001  Time Sheets, role Clerk, roles that rows may name: Payroll
    0d5b7f0e-1111-4c8e-a3d2-5a1f00000002  Wiki, roles that rows may name: Editor, Read:All
  domains of guests: 3
    * (any domain)
    partner.example
    Second.Example
  more domains of copies (CC): 1
    contoso.example
  redirect hosts: 1
    myapplications.microsoft.com
  at most 3 guests in a file
  own text: yes   links in it: yes   copies (CC): yes   resend: yes   mail: own
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
