// The walk of a guest with CLI for Microsoft 365: log in with the managed identity, invite, look up, add to a group, list,
// remove, delete, restore. It asserts each step, prints "ok NAME" for each and ends with an error at the first that fails.
// The Go test beside the emulator starts it, with a home folder of its own:
//
//   GRAPH_EMULATOR=URL IDENTITY_ENDPOINT=URL IDENTITY_HEADER=SECRET HOME=FOLDER node --import ../graph/emulator.mjs walk.mjs GROUP
//
// The tool takes no other address for Microsoft Graph, so it runs with emulator.mjs, which also refuses the hosts of its
// telemetry. Logging in and inviting start it as people do; the rest goes through its library, which runs the same commands
// without a start of Node for each. App roles of users are not among its commands.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { executeCommand } from "@pnp/cli-microsoft365";

const [group] = process.argv.slice(2);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const address = "ana.o-hara@partner.example";

// start runs one command in a process of its own and returns what it printed as JSON, or throws what it said.
async function start(...command) {
  const args = ["--import", here("../graph/emulator.mjs"), here("node_modules/@pnp/cli-microsoft365/dist/index.js"), ...command, "--output", "json"];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 300_000, env: { ...process.env, CI: "1" } });
    return JSON.parse(stdout);
  } catch (e) {
    throw new Error(`m365 ${command.join(" ")}: ${e.stderr || e.stdout || e.message}`);
  }
}

// m365 runs one command through the library, likewise.
async function m365(command, options) {
  try {
    const { stdout } = await executeCommand(command, { ...options, output: "json" });
    return stdout === "" ? undefined : JSON.parse(stdout);
  } catch (e) {
    throw new Error(`m365 ${command}: ${e.error?.message ?? JSON.stringify(e.error ?? e)}`);
  }
}

const done = (name) => console.log(`ok ${name}`);
const config = `${process.env.HOME}/.config/configstore`;
await mkdir(config, { recursive: true });
await writeFile(`${config}/cli-m365-config.json`, JSON.stringify({ disableTelemetry: true, autoOpenLinksInBrowser: false }));

const login = await start("login", "--authType", "identity");
assert.match(login.connectedAs, /^Identity /);
done("log in");

const inviteRedirectUrl = "https://myapplications.microsoft.com";
const invitation = await start("entra", "user", "guest", "add", "--emailAddress", address, "--displayName", "Ana O’Hara", "--inviteRedirectUrl", inviteRedirectUrl);
const id = invitation.invitedUser.id;
assert.equal(invitation.status, "PendingAcceptance");
await assert.rejects(m365("entra user guest add", { emailAddress: "a+b@partner.example", inviteRedirectUrl }), /Primary SMTP Address is an invalid value/);
done("invite");

assert.equal((await m365("entra user get", { email: address })).id, id);
const guests = await m365("entra user list", { type: "Guest", properties: "id,mail" });
assert.deepEqual(guests.filter((u) => u.mail === address), [{ id, mail: address }]);
done("look up");

const add = (who) => m365("entra group member add", { groupName: group, role: "Member", ...who });
await add({ userIds: id });
await assert.rejects(add({ userIds: id }), /One or more added object references already exist/);
await add({ userNames: "gus_partner.example#EXT#@contoso.onmicrosoft.com" });
done("add to a group");

const members = (filter) => m365("entra group member list", { groupName: group, role: "Member", filter });
assert.equal((await members()).length, 2);
assert.deepEqual((await members(`id eq '${id}'`)).map((u) => u.id), [id]);
done("list members");

await m365("entra group member remove", { groupName: group, userIds: id, role: "Member", force: true });
assert.equal((await members()).length, 1);
done("remove from a group");

await m365("entra user remove", { id, force: true });
await assert.rejects(m365("entra user get", { id }), /does not exist or one of its queried reference-property objects are not present/);
assert.deepEqual((await m365("entra user recyclebinitem list")).map((u) => u.id), [id]);
await m365("entra user recyclebinitem restore", { id });
assert.equal((await m365("entra user get", { id })).id, id);
done("delete and restore");
