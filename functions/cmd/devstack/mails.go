package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/status"
)

// finishMails lists the mails, and copies them below -results: the mailbox ends with the stack.
func (s *stack) finishMails() error {
	all := s.mailbox.Messages()
	w := s.console.text()
	if len(all) == 0 {
		return nil
	}
	table := status.Table{Columns: []status.Column{{Title: "MAIL TO", Bends: true}, {Title: "SUBJECT", Bends: true}}}
	for _, m := range all[:min(most, len(all))] {
		table.Row(strings.Join(m.To, ", "), m.Subject)
	}
	fmt.Fprintln(w)
	if err := table.Write(w); err != nil {
		return err
	}
	if n := len(all) - most; n > 0 {
		fmt.Fprintf(w, "and %d more mails\n", n)
	}
	if s.results == "" {
		return nil
	}
	dir := filepath.Join(s.results, "mails")
	if err := os.RemoveAll(dir); err != nil { // those of an earlier run have links that lead nowhere
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, m := range all[:min(most, len(all))] {
		if err := s.saveMail(dir, m); err != nil {
			return fmt.Errorf("copy a mail: %w", err)
		}
	}
	fmt.Fprintf(w, "\nThe mails as web pages, until the next run: %s\n", dir)
	return nil
}

func (s *stack) saveMail(dir string, sum mailbox.Summary) error {
	m, ok := s.mailbox.Message(sum.ID)
	if !ok {
		return nil
	}
	name := fmt.Sprintf("%03d-%s.html", sum.ID, strings.Map(fileName, strings.Join(sum.To, "-")))
	return os.WriteFile(filepath.Join(dir, name), []byte(m.HTML), 0o600)
}

// fileName keeps what is safe in the name of a file everywhere.
func fileName(r rune) rune {
	if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@_-", r) {
		return r
	}
	return '_'
}
