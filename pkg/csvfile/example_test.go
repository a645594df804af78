package csvfile_test

import (
	"fmt"
	"io"
	"strings"

	"guestlist/pkg/csvfile"
)

func ExampleReader() {
	file := strings.NewReader("Email;DisplayName;InvitedToGroups\n" +
		"Ana <Ana@partner.example>;Ana Prieto;Launch Team|Night Shift\n" +
		"ben+new@partner.example;Ben;\n")
	r, err := csvfile.NewReader(file)
	if err != nil {
		fmt.Println(err) // no file of guests, or not readable
		return
	}
	for {
		row, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		if row.Refused() {
			fmt.Println(row.Line, row.Problems[0].Code)
			continue
		}
		fmt.Printf("%d %s %q\n", row.Line, row.Email, row.Groups)
	}
	// Output:
	// 2 ana@partner.example ["Launch Team" "Night Shift"]
	// 3 email.forbidden-character
}
