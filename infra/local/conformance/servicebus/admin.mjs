// The administration of queues, done with the JavaScript client. It prints "ok NAME" for each case and ends with an error
// at the first that fails. The Go test beside the emulator starts it:
//
//   NODE_EXTRA_CA_CERTS=FILE node admin.mjs CONNECTION-STRING
//
// The namespace is empty; the client asks it by https.
import assert from "node:assert/strict";
import { ServiceBusAdministrationClient } from "@azure/service-bus";

const client = new ServiceBusAdministrationClient(process.argv[2], { retryOptions: { maxRetries: 0 } });
const forever = "P10675199DT2H48M5.4775807S";
const wanted = {
  lockDuration: "PT45S", maxSizeInMegabytes: 2048, requiresDuplicateDetection: true, requiresSession: false,
  defaultMessageTimeToLive: "P14D", deadLetteringOnMessageExpiration: true, duplicateDetectionHistoryTimeWindow: "PT4H",
  maxDeliveryCount: 7, enableBatchedOperations: false, status: "SendDisabled", autoDeleteOnIdle: "PT10M", enablePartitioning: false,
  userMetadata: "a <note> & more",
};

function has(actual, expected) {
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((k) => [k, actual[k]])), expected);
}

async function fails(code, words, call) {
  await assert.rejects(call, (err) => {
    assert.equal(err.code, code, `${err.statusCode} ${err.code}: ${err.message}`);
    assert.match(err.message, words);
    return true;
  });
}

const cases = {
  async "create and get"() {
    has(await client.createQueue("plain"), { name: "plain", lockDuration: "PT1M", maxDeliveryCount: 10, maxSizeInMegabytes: 1024,
      requiresDuplicateDetection: false, requiresSession: false, defaultMessageTimeToLive: forever, autoDeleteOnIdle: forever,
      duplicateDetectionHistoryTimeWindow: "PT10M", enableBatchedOperations: true, status: "Active", availabilityStatus: "Available" });
    await client.createQueue("full/one", wanted);
    has(await client.getQueue("full/one"), { name: "full/one", ...wanted });
    assert.deepEqual([await client.queueExists("plain"), await client.queueExists("none")], [true, false]);
  },

  async "update"() {
    const queue = await client.getQueue("full/one");
    queue.maxDeliveryCount = 9;
    queue.status = "Active";
    has(await client.updateQueue(queue), { ...wanted, maxDeliveryCount: 9, status: "Active" });
    has(await client.getQueue("full/one"), { maxDeliveryCount: 9, status: "Active" });
  },

  async "counts"() {
    const counts = await client.getQueueRuntimeProperties("plain");
    has(counts, { name: "plain", totalMessageCount: 0, activeMessageCount: 0, deadLetterMessageCount: 0, scheduledMessageCount: 0,
      transferMessageCount: 0, transferDeadLetterMessageCount: 0, sizeInBytes: 0 });
    assert.ok(Math.abs(counts.createdAt - Date.now()) < 60_000 && counts.modifiedAt >= counts.createdAt, `${counts.createdAt}`);
  },

  async "list by pages"() {
    for (let i = 0; i < 103; i++) await client.createQueue(`list-${i}`);
    const names = [];
    for await (const q of client.listQueues()) names.push(q.name);
    assert.equal(new Set(names).size, 105);
    const sizes = [];
    for await (const page of client.listQueues().byPage({ maxPageSize: 50 })) sizes.push(page.length);
    assert.deepEqual(sizes, [50, 50, 5]);
  },

  async "namespace"() {
    has(await client.getNamespaceProperties(), { messagingSku: "Standard", name: process.argv[2].match(/sb:\/\/(.*?);/)[1] });
  },

  async "delete and refuse"() {
    await fails("MessageEntityAlreadyExistsError", /SubCode=40900/, () => client.createQueue("plain"));
    await client.deleteQueue("plain");
    await fails("MessageEntityNotFoundError", /./, () => client.getQueue("plain"));
    await fails("MessageEntityNotFoundError", /SubCode=40400/, () => client.deleteQueue("plain"));
    await fails("ServiceError", /sessions/, () => client.createQueue("s", { requiresSession: true }));
    await fails("ServiceError", /forwarding/, () => client.createQueue("f", { forwardTo: "full/one" }));
    await fails("ServiceError", /TopicDescription/, () => client.createTopic("t"));
    await fails("ServiceError", /subscriptions/, () => client.getSubscription("t", "s"));
  },
};

for (const [name, run] of Object.entries(cases)) {
  await run().catch((err) => {
    console.error(`FAILED ${name}`);
    throw err;
  });
  console.log(`ok ${name}`);
}
