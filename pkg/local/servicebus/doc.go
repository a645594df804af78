// Package servicebus is an Azure Service Bus for one machine: an AMQP 1.0 server with queues in memory, complete enough
// that the azservicebus client cannot tell it from the service. It is for tests and for the local stack.
//
// Call Serve, give ConnectionString to a client, and Close at the end; tests call servicebustest.Start. It does what the
// service does for queues: peek-lock and receive-and-delete, settling on the link or by lock token from anywhere, renewing,
// deferring, scheduling, dead-lettering, peeking, batches, duplicate detection, delivery counts, lock expiry, time to live,
// size limits; tokens are verified if Config.Keys says so. SetFaults makes operations go wrong. Memory is that of the
// messages that are there and of the duplicate history, which is bounded; a client that does not read holds up nobody but
// itself. It listens where it is told, and nothing is stored: with the process the messages end.
//
// Where to read: conn.go has a connection's two goroutines, handshake.go how it begins, session.go and link.go what it
// carries; receive.go and deliver.go bring messages in and out, settle.go and management.go do what clients say about them,
// rpc.go how requests are answered; access.go verifies tokens, faults.go has the faults. admin.go answers administration
// over HTTP, admin_entry.go has what it writes and admin_settings.go what it reads. The codec is internal/amqp, the queues
// are internal/broker.
//
// It differs from the service in this:
//   - Queues only. Topics, message sessions, forwarding, transactions, WebSockets and messages by HTTP are refused by name.
//   - A link stays although the token that opened it has expired. The service detaches it; clients renew before.
//   - Tokens of Microsoft Entra are refused, or accepted unverified.
//   - AutoDeleteOnIdle is kept and told, not acted on. A queue has one dead-letter queue and no transfer dead-letter queue.
//   - A connection may be idle for as long as it sends empty frames; the service ends links after ten idle minutes.
//   - Errors have no tracking id, and some texts are shorter; conditions and status codes are the service's.
//   - More than a million message ids in a duplicate window: the oldest are forgotten before their time.
//   - There is no throttling unless a fault throttles.
//   - Partitioning and EnableBatchedOperations are kept and told, not acted on: a queue has one partition. Its keys have no
//     times of creation and change.
//
// It could not be compared with the service in this, and follows the documentation, the clients' tests or reason:
//   - Releasing a message (as azservicebus does with late ones) counts no delivery.
//   - A locked message outlives its time to live, and ends when it is given back. A deferred one does not end by itself.
//   - A message gets the queue's default time to live if its own is longer or missing, and shows it.
//   - A dead letter keeps its sequence number and the time it was enqueued; a scheduled message gets a new number when it
//     becomes active.
//   - A scheduled message that was cancelled stays in the duplicate history.
//   - Consumers that have credit at the same time share the messages, in no order that is promised.
//   - Changing a queue detaches all links to it, those to its management too, as amqp:link:detach-forced.
//   - An update by administration sets what it leaves open to what a new queue has.
//   - Deferred messages count in a queue's MessageCount, not in its ActiveMessageCount.
//   - Which claim an operation of $management takes: Send for scheduling and cancelling, Listen for all else.
package servicebus
