package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/status"
)

func (s *stack) startMailbox(_ context.Context, log io.Writer) (err error) {
	faults, err := s.mailFaults()
	if err != nil {
		return err
	}
	c := mailbox.Config{SMTP: s.address(1025), HTTP: s.address(8025), NoTLS: true, Faults: faults, RandSeed: s.random, Log: slog.New(slog.NewTextHandler(log, nil))}
	if s.mailbox, err = mailbox.Serve(c); err != nil {
		return fmt.Errorf("start the mailbox: %w", err)
	}
	s.onClose(func() { s.mailbox.Close() })
	return nil
}

// mailFaults are what mail servers do now and then, by -faults. A fault with a rate of 0 would always apply.
func (s *stack) mailFaults() ([]mailbox.Fault, error) {
	if s.faults == "on" {
		return []mailbox.Fault{{Kind: mailbox.Greylist, Rate: 0.05}, {Kind: mailbox.Defer, Rate: 0.01}, {Kind: mailbox.Drop, Rate: 0.005},
			{Kind: mailbox.Lose, Rate: 0.005}}, nil
	}
	r, err := rates(s.faults)
	if err != nil || r.Before == 0 {
		return nil, err
	}
	return []mailbox.Fault{{Kind: mailbox.Greylist, Rate: r.Before}, {Kind: mailbox.Defer, Rate: r.Before}, {Kind: mailbox.Drop, Rate: r.Before},
		{Kind: mailbox.Lose, Rate: r.Before}}, nil
}

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
