// Package simtest runs the whole of Guestlist in one process and in virtual time: the real steps behind the real handler,
// breaker and pacer, on the memory twins of ledger, storage and broker. Only the directory is simulated. Its tests are about
// hours and days: outages, blocks, caps, and how imports share what the directory takes.
package simtest
