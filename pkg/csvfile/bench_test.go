package csvfile_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"testing"

	"guestlist/pkg/csvfile"
)

func sample(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("Email,DisplayName,InvitationText,InviteRedirectUrl,InvitedToApplications,InvitedToGroups,CcEmailAddress,Language\n")
	for i := range rows {
		fmt.Fprintf(&b, "guest%06d@partner.example,Guest %d,\"Welcome, and thanks\",https://myapplications.microsoft.com/,,6f1c0c52-52a1-4d0c-9f5e-0a8c3b6f0001,,en\n", i, i)
	}
	return b.Bytes()
}

func BenchmarkReader(b *testing.B) {
	const rows = 10_000
	file := sample(rows)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := csvfile.NewReader(bytes.NewReader(file))
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkEncodingCSV is the measure: the standard library on the same bytes, cells only, nothing judged.
func BenchmarkEncodingCSV(b *testing.B) {
	file := sample(10_000)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		c := csv.NewReader(bytes.NewReader(file))
		var err error
		for err == nil {
			_, err = c.Read()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}
