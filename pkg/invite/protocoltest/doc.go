// Package protocoltest holds no code: its tests are a model of the guest's row, the one place where imports meet, and a
// comparison of pkg/invite and pkg/notify with it.
//
// The model is two workers, two imports of the same guest, one row, one directory that shows a new user late, and one mail
// server. Its steps are what others can see or what a worker reads: claim, look-up, each write, POST, mail. A search goes
// through every order of them breadth first, with every placing of a bounded number of faults: a crash at any point, an
// answer that is lost (the POST was made, was not, or is made later still), a refusal, a message delivered twice, a worker
// that stands still beyond its lease. A message that waits may come back at any moment, so no order depends on a delay.
//
// Time goes in ticks. A lease is 3, an act starts with 2 left and ends, with its record, within 1. A user shows at once or
// after 4, and an uncertain POST binds everybody for 8: as long as a user may stay hidden whose POST was under way for 1, its
// worker stood still for 2, and the request arrived 1 late. What happens when one of these assumptions, or one rule of the
// protocol, does not hold is searched too: each has to end in a broken promise, with the shortest way there.
//
// The ways that are worth a name, and random ones with more faults, are then gone by the real steps, one act at a time on
// pkg/ledger/memledger, and compared after each act: what every worker is about to do, row, entries, users, POSTs, mails.
//
// The search takes two faults on one way; -args -faults 3 takes three, half a minute and 4 GB. The model leaves out deleted
// users, cancelled imports, replays and refusals for good.
package protocoltest
