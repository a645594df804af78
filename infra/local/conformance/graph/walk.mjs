// The whole walk of a guest, done with Microsoft's JavaScript client and its types: look up, invite, add to groups, assign
// an app role, list, redeem, take everything back, delete. It asserts each step, prints "ok NAME" for each case and ends
// with an error at the first that fails. The Go test beside the emulator starts it:
//
//   GRAPH_EMULATOR=URL IDENTITY_ENDPOINT=URL IDENTITY_HEADER=SECRET node --import ./emulator.mjs walk.mjs GROUP APPLICATION
//
// GROUP is the name of a group, APPLICATION the application id of an application that declares a role for users.
/** @import * as graph from "@microsoft/microsoft-graph-types" */
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { BatchRequestContent, BatchResponseContent, Client, GraphError, PageIterator } from "@microsoft/microsoft-graph-client";
import { judge, note } from "./types.mjs";

const [groupName, appId] = process.argv.slice(2);
const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = process.env;
const address = "ana.o-hara@partner.example";
const directoryObject = "https://graph.microsoft.com/v1.0/directoryObjects/";

const client = Client.initWithMiddleware({
  authProvider: {
    async getAccessToken() {
      const url = `${IDENTITY_ENDPOINT}?resource=https://graph.microsoft.com&api-version=2019-08-01`;
      const answer = await fetch(url, { headers: { "X-IDENTITY-HEADER": IDENTITY_HEADER ?? "" } });
      return (await answer.json()).access_token;
    },
  },
});

/** @param {string} name */
const done = (name) => console.log(`ok ${name}`);

/**
 * refused returns the error that a call must end with.
 * @param {Promise<unknown>} call @param {number} status @param {RegExp} text
 */
async function refused(call, status, text) {
  const err = await call.then(() => assert.fail(`${text} was expected`), (e) => e);
  assert.ok(err instanceof GraphError, String(err));
  assert.equal(err.statusCode, status);
  assert.match(err.message, text);
  assert.ok(err.code && err.requestId, "an error carries code and request id");
  return err;
}

/**
 * replicated repeats a call while the directory does not know the guest everywhere.
 * @template T @param {() => Promise<T>} call @returns {Promise<T>}
 */
async function replicated(call) {
  for (const end = Date.now() + 240_000; ; await wait(100)) {
    try {
      return await call();
    } catch (e) {
      const passing = e instanceof GraphError && (e.statusCode === 404 || /Not a valid reference update/.test(e.message));
      if (!passing || Date.now() > end) throw e;
    }
  }
}

/** all follows the pages of a list. @template T @param {any} first @returns {Promise<T[]>} */
async function all(first, headers = {}) {
  /** @type {T[]} */
  const list = [];
  await new PageIterator(client, first, (it) => Boolean(list.push(it)), { headers }).iterate();
  return list;
}

const filter = `mail eq '${address}' or proxyAddresses/any(p:p eq 'SMTP:${address}') or otherMails/any(o:o eq '${address}')`;
const lookUp = async () => (await client.api("/users").filter(filter).select("id,userType,mail,externalUserState,creationType").top(5).get()).value;

assert.deepEqual(await lookUp(), []);
done("nobody is found before the invitation");

/** @type {graph.Invitation} */
const wanted = {
  invitedUserEmailAddress: address,
  invitedUserDisplayName: "Ana O’Hara",
  inviteRedirectUrl: "https://portal.contoso.example/",
  sendInvitationMessage: false,
  invitedUserMessageInfo: { customizedMessageBody: "Welcome", ccRecipients: [{ emailAddress: { address: "boss@contoso.example" } }] },
};
/** @type {graph.Invitation} */
const invitation = note("Invitation", await client.api("/invitations").post(wanted));
const id = invitation.invitedUser?.id ?? assert.fail("the invitation names no user");
assert.equal(invitation.status, "PendingAcceptance");
/** @type {graph.Invitation} */
const again = note("Invitation", await client.api("/invitations").post(wanted));
assert.equal(again.invitedUser?.id, id);
assert.notEqual(again.inviteRedeemUrl, invitation.inviteRedeemUrl);
done("an invitation is answered, and again with another link");

await refused(client.api("/invitations").post({ ...wanted, invitedUserEmailAddress: "a+b@partner.example" }), 400, /Primary SMTP Address is an invalid value/);
done("a bad address is refused");

note("User", await replicated(() => client.api(`/users/${id}`).get()));
/** @type {graph.User[]} */
const found = await replicated(lookUp);
note("User", found[0]);
assert.deepEqual(found.map((u) => [u.id, u.userType, u.mail, u.externalUserState, u.creationType]), [[id, "Guest", address, "PendingAcceptance", "Invitation"]]);
done("the guest is found by id and by address");

/** @type {graph.Group[]} */
const groups = (await client.api("/groups").filter(`displayName eq '${groupName}'`).get()).value;
assert.equal(groups.length, 1);
const group = note("Group", groups[0]).id;
note("Group", await client.api(`/groups/${group}`).select("id,displayName,groupTypes,mailEnabled,securityEnabled,isAssignableToRole,onPremisesSyncEnabled").get());
done("a group is found by its name");

const members = `/groups/${group}/members`;
await replicated(() => client.api(`${members}/$ref`).post({ "@odata.id": directoryObject + id }));
await refused(client.api(`${members}/$ref`).post({ "@odata.id": directoryObject + id }), 400, /already exist for the following modified properties: 'members'/);
await refused(client.api(`/groups/${group}`).patch({ "members@odata.bind": [directoryObject + id] }), 400, /already exist/);
done("a member is added once");

/** @type {string[]} */
const more = [];
for (const n of [1, 2, 3, 4, 5]) {
  const { invitedUser } = await client.api("/invitations").post({ ...wanted, invitedUserEmailAddress: `guest${n}@partner.example` });
  more.push(invitedUser.id);
}
await replicated(() => client.api(`/groups/${group}`).patch({ "members@odata.bind": more.map((m) => directoryObject + m) }));
const listed = await all(await client.api(members).select("id,displayName").top(2).get());
assert.deepEqual(new Set(listed.map((u) => u.id)), new Set([id, ...more]));
const headers = { ConsistencyLevel: "eventual" };
const some = await client.api(members).headers(headers).query({ $count: "true" }).filter(`id in ('${id}','${group}')`).select("id").get();
assert.ok(some["@odata.count"] <= 1);
done("five members are added at once and listed by pages");

// The client takes off the host and leaves the rest: in a batch the version is not part of the address.
const batch = new BatchRequestContent([
  { id: "user", request: new Request(`https://graph.microsoft.com/users/${id}?$select=id`) },
  { id: "nobody", request: new Request(`https://graph.microsoft.com/users/${group}`) },
]);
const responses = new BatchResponseContent(await client.api("/$batch").post(await batch.getContent()));
assert.deepEqual([responses.getResponseById("user").status, responses.getResponseById("nobody").status], [200, 404]);
done("a batch is answered");

/** @type {graph.ServicePrincipal} */
const application = note("ServicePrincipal", await client.api(`/servicePrincipals(appId='${appId}')`).get());
const role = application.appRoles?.find((r) => r.isEnabled && r.allowedMemberTypes?.includes("User"))?.id;
const assigned = `/servicePrincipals/${application.id}/appRoleAssignedTo`;
/** @type {graph.AppRoleAssignment} */
const wantedRole = { principalId: id, resourceId: application.id ?? "", appRoleId: role ?? "" };
/** @type {graph.AppRoleAssignment} */
const assignment = note("AppRoleAssignment", await replicated(() => client.api(assigned).post(wantedRole)));
await refused(client.api(assigned).post(wantedRole), 400, /Permission being assigned already exists on the object/);
await refused(client.api(assigned).post({ ...wantedRole, appRoleId: "00000000-0000-0000-0000-000000000000" }), 400, /was not found on application/);
/** @type {graph.AppRoleAssignment[]} */
const roles = await all(await client.api(assigned).get());
assert.deepEqual(roles.map((r) => r.id), [assignment.id]);
note("AppRoleAssignment", (await client.api(`/users/${id}/appRoleAssignments`).get()).value[0]);
done("an app role is assigned once and listed");

const waiting = client.api("/users").headers(headers).query({ $count: "true" }).filter("externalUserState eq 'PendingAcceptance'");
const pending = await replicated(async () => {
  /** @type {graph.User[]} */
  const list = await all(await waiting.select("id,mail,externalUserState,externalUserStateChangeDateTime").top(2).get(), headers);
  return list;
});
pending.forEach((u) => note("User", u));
assert.equal(pending.length, 6);
done("guests who have not redeemed are listed by pages");

const link = new URL(again.inviteRedeemUrl ?? "");
const accepted = await fetch(link.origin + link.pathname, { method: "POST", body: link.searchParams, redirect: "manual" });
assert.deepEqual([accepted.status, accepted.headers.get("location")], [303, "https://portal.contoso.example/"]);
/** @type {graph.User} */
const redeemed = note("User", await client.api(`/users/${id}`).select("externalUserState,externalUserStateChangeDateTime").get());
assert.equal(redeemed.externalUserState, "Accepted");
done("the link redeems the invitation");

note("Organization", (await client.api("/organization").get()).value[0]);
note("AuthorizationPolicy", await client.api("/policies/authorizationPolicy").get());
done("organization and policy are told");

await client.api(`${assigned}/${assignment.id}`).delete();
await client.api(`${members}/${id}/$ref`).delete();
await client.api(`/users/${id}`).delete();
const gone = await refused(client.api(`/users/${id}`).get(), 404, /does not exist or one of its queried reference-property objects are not present/);
assert.equal(gone.code, "Request_ResourceNotFound");
note("User", await client.api(`/directory/deletedItems/${id}`).get());
done("everything is taken back");

const verdict = judge();
assert.deepEqual(verdict.misfits, [], "answers that do not fit Microsoft's types");
done(`${verdict.answers} answers fit Microsoft's types`);
