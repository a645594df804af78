// Package mailbox is a mail server for one machine: it takes every mail over SMTP, keeps it in memory and delivers nothing.
// A page shows the mails and lets a person follow their links; a JSON API and controls serve tests.
//
//	GET    /                     the page
//	GET    /messages             all mails, the newest last; ?to=ADDRESS only those of one recipient
//	GET    /messages/{id}        one mail with its headers, plain text and HTML
//	GET    /messages/{id}/html   its HTML alone; /text and /raw likewise
//	DELETE /messages             forgets all mails
//	GET    /stats                how many mails, how many different Message-IDs, which came more than once
//	GET    /faults, POST, DELETE what goes wrong; see [Fault]
//
// The faults are those that a real server has: greylisting (a first attempt is put off), slow answers, addresses that are
// refused, and connections that break after the mail's data, when the sender cannot know whether it was taken.
//
// SMTP itself is github.com/emersion/go-smtp. It offers STARTTLS with a certificate of its own (see [Server.CertPool]) and,
// if a user name is configured, asks for it. What it leaves out: delivery, relaying, persistence, delivery reports.
package mailbox
