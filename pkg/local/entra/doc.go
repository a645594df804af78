// Package entra emulates a Microsoft Entra directory over HTTP: the part of Microsoft Graph that inviting guests and
// giving them access needs, the managed-identity endpoint of App Service, and the page behind a redeem link. Call [Serve]
// with a [Seed], hand [Server.URL], [Server.IdentityEndpoint] and [Server.IdentityHeader] to the program under test, look
// at [Server.State] and [Server.Stats], and call [Server.Close] at the end.
//
// It promises that a request is atomic; that one address never gets two users, however many invitations run at once; that
// every invitation mail is counted; and that one seed gives the same lags and, call for call, the same faults. It is meant
// to be harder than the real directory: new users lag, limits are enforced to the letter, and a few requests fail, some of
// them after their work was done.
//
// # Controls
//
// The second port serves GET /stats and /state; POST /reset (back to the seed); GET, POST and DELETE /faults (see [Fault];
// {"rates":{"before":0,"afterWrite":0,"reset":0}} sets the [Rates], DELETE ends all); POST /tenant
// ({"invitations":"open|blocked|disallowed","blockAfter":N}); POST /users, /groups and /applications, which add an object or
// change the given properties of the one with its id (appId), and DELETE on each of them with the id. What is changed
// through the controls is replicated at once.
//
// # Where it differs from Microsoft Graph
//
//   - Only v1.0, only the routes in routes, only the filters in find and filterMembers; anything else is refused and
//     logged. There is no $batch, no delta, no $expand and no beta.
//   - A token for Microsoft Graph may do everything; permissions are not emulated. Role-assignable and dynamic groups are
//     closed to everybody. Throw a fault with status 403 to take a permission away.
//   - There is one replica: what was seen once stays seen. Deletions and group and application changes are replicated at
//     once. A deleted user is gone, without the thirty days in the recycle bin, and its address can be invited again.
//   - Lags last seconds here and up to minutes there.
//   - Reads are not limited (resource units), nor are members per group, assignments per principal and objects per tenant.
//   - An invitation that is answered 201 always makes its user. To see one that never appears, delete the user through the
//     controls.
//   - Nobody signs in on the redeem page. No mail is sent: it is counted.
//
// # What nobody has verified
//
// The code, though not the text, of most refused invitations (BadRequest or Forbidden here) and of a group that keeps
// guests out. Texts and codes for a missing or malformed property of an invitation, for groups synchronised from on-premises, for more
// than twenty references in one PATCH, for disabled app roles, and of the identity endpoint's refusals; whether a member's
// other mails block an invitation; whether an invitation uses up the write quota (here it does); whether a new redeem link
// ends the older one (here it does); whether filters on proxyAddresses heed the case of SMTP: (here they do); what happens
// to a body that is labelled gzip and is not (here 400).
package entra
