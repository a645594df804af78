// Package protocoltest holds no code: its tests are a model of the guest's row, the one place where imports meet, and the
// proof that pkg/invite and pkg/notify behave as the model does.
//
// The model is two workers, two imports of the same guest, one row, one directory that shows a new user late, and one mail
// server. Its steps are what others can see or what a worker reads: claim, look-up, each write, POST, mail. A search goes
// through every order of them breadth first, with every placing of a bounded number of faults: a crash at any point, an
// answer that is lost (the POST was made, was not, or is made later still), a refusal, a message delivered twice, a worker
// that stands still beyond its lease. A message that waits may come back at any moment, so no order depends on a delay.
//
// Time goes in ticks. A lease is 3, an act starts with 2 left and ends, with its record, within 1. A user shows at once or
// after 4, and an uncertain POST binds everybody for 8: a tick more than it takes a worker that stands still for 2 and
// a request that arrives 1 late. Searches for what happens when one of these assumptions, or one rule of the protocol, does
// not hold are tests too: each has to end in a broken promise, with the shortest way there.
//
// The model leaves out deleted users, cancelled imports, replays and refusals for good.
package protocoltest
