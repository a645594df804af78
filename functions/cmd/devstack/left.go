package main

import "guestlist/functions/cmd/devstack/internal/oracle"

// left is where an oracle finds what a run left.
func (s *stack) left() oracle.Sources {
	return oracle.Sources{Ledger: s.services.Ledger, Blobs: s.services.Blobs, Bus: s.services.Bus, Broker: s.bus, Entra: s.entra, Mailbox: s.mailbox}
}
