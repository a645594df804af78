// Package entra emulates a Microsoft Entra directory over HTTP: the part of Microsoft Graph that inviting guests and
// giving them access needs, the managed-identity endpoint of App Service, the page behind a redeem link, and the page
// where a guest finds its applications. Call [Serve] with a [Seed], hand [Server.URL], [Server.IdentityEndpoint] and
// [Server.IdentityHeader] to the program under test, look at [Server.State] and [Server.Stats], and call [Server.Close] at
// the end.
//
// It promises that a request is atomic; that one address never gets two users, however many invitations run at once; that
// every invitation mail is counted; and that one seed gives the same lags and, call for call, the same faults. It is meant
// to be harder than the real directory: new users lag, limits are enforced to the letter, a few requests fail, some of
// them after their work was done, and whatever the documents do not say is refused.
//
// # Behaviours and their switches
//
// [Switches] lists every behaviour that can be chosen, where it is set, what it does and where it is described; a test
// holds that the list is complete and that each of them has a test over HTTP. [Refusals] is the catalogue of every text
// that Microsoft Graph is known to answer with: the directory gives it by its state where it can, and a [Fault] that names
// it gives it in any case. Both lists say how good the evidence is: D is Microsoft's documentation, M a Microsoft
// employee's word, T somebody else's report, U something that nobody has verified, so that it is, at least in part, this
// package's own.
//
// # Controls
//
// The second port serves GET /stats and /state; POST /reset (back to the seed); GET, POST and DELETE /faults (see [Fault];
// {"rates":{…}} sets the [Rates], DELETE ends all); GET and POST /tenant (see [Settings]); POST /identities (see
// [Identity]) and /tokens/revoke; POST /users, /groups and /applications, which add an object or change the given
// properties of the one with its id (appId), and DELETE on each of them with the id; GET /switches and /refusals. What is
// changed through the controls is replicated at once.
//
// # Where it differs from Microsoft Graph
//
//   - Only v1.0, only the routes in routes with their query options, only the filters in userFilters and its neighbours;
//     anything else is refused and logged. There is no delta, no $expand, no $orderby, no $search and no beta. A
//     user's properties cannot be changed through Microsoft Graph here, nor can groups and applications be made.
//   - Inviting an internal account to turn it into a guest (invitedUser without resetRedemption) and sponsors are refused.
//   - Permissions are those of applications. User.ReadBasic.All is unknown; the other ones that a page lists as higher are
//     taken.
//   - There is one replica: what was seen once stays seen. Deletions and group and application changes are replicated at
//     once. Lags last seconds here and up to minutes there.
//   - A user that is restored comes back without its groups and roles.
//   - Of one application's limits over all tenants, and of the 130,000 requests in 10 s, nothing is emulated: those of a
//     tenant are narrower. Every object, deleted or not, counts as one against the quota of objects.
//   - No invitation mail is sent: it is counted. Nobody signs in on the pages: whoever has a redeem link is the guest, and My Apps takes
//     an address without a password. Consent, auto-redemption and one-time passcodes are left out. A redirect address on a
//     host of Microsoft's My Apps leads to the emulated page, any other to itself.
//
// # What nobody has verified
//
// All rows of both lists with evidence U. Besides: texts and codes for a missing or malformed property of an invitation,
// for unknown query options and paths, and of the identity endpoint's refusals; that an absent principal of an app role is
// told from one that is not replicated yet (here 400, and first 404); what an invitation does when several accounts share
// the address (here the first of them counts); what happens to a body that is labelled gzip and is not (here 400). Where a
// guess may well be wrong, a setting makes it the other way.
package entra
