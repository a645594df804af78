// Package notify is the step that mails a guest who was invited: the text that the file brought, what was granted, and the
// link that redeems the invitation. Microsoft's own mail leaves that text out where an application invites.
//
// Promise: one mail per invitation, whatever crashes or is delivered twice, and whichever import is ready first sends it.
// It rests on the guest's row in the ledger: the step claims it (claim), writes "sending" with the mail's Message-ID,
// hands the mail to the server (act), then writes "sent" and erases the redeem link in one update, and from there the
// entry (record). A crash between any two of these leaves a row from which the next delivery goes on:
//
//   - after the claim: the lease runs out, nothing was sent
//   - after "sending", the server's answer lost or never noted: nobody can know whether the mail was taken. It is sent
//     once more with the same Message-ID, and the row carries "mail.uncertain". Nothing else repeats a mail
//   - after "sent": the next delivery records the entry; only a copy (CC) may be sent again, with its own Message-ID
//
// The redeem link is a secret. It lies in the guest's row alone, and goes into the guest's mail and nowhere else.
//
// [Letter] is what a mail says; the words of each language are in the folder content. [Pace] keeps the provider's limits.
package notify
