// Everything that Guestlist does with a queue, done with the JavaScript client. It asserts each step, prints "ok NAME" for
// each case and ends with an error at the first that fails. The Go test beside the emulator starts it:
//
//   node queues.mjs CONNECTION-STRING QUEUE SHORT
//
// QUEUE is empty and locks for a minute. SHORT is empty too and locks for a second, so that a lock can be lost.
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { ServiceBusClient } from "@azure/service-bus";

const [connectionString, queue, short] = process.argv.slice(2);
const patient = { maxWaitTimeInMs: 30_000 }; // a message that is due comes at once, but the machine may be busy
const brief = { maxWaitTimeInMs: 300 }; // for what must not come
const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 2, retryDelayInMs: 50 } });
const sender = client.createSender(queue);
const receiver = client.createReceiver(queue);
const deadLetters = client.createReceiver(queue, { subQueueType: "deadLetter" });

// receive takes exactly n messages.
async function receive(from, n) {
  const all = [];
  while (all.length < n) {
    const some = await from.receiveMessages(n - all.length, patient);
    assert.notEqual(some.length, 0, `${n} messages were expected, ${all.length} came`);
    all.push(...some);
  }
  return all;
}

async function one(from = receiver) {
  return (await receive(from, 1))[0];
}

// browse peeks from the front, by a client of its own: a client goes on where its last peek at a queue stopped.
async function browse(options) {
  const other = new ServiceBusClient(connectionString);
  try {
    return await other.createReceiver(queue, options).peekMessages(10);
  } finally {
    await other.close();
  }
}

async function empty(from = receiver) {
  assert.deepEqual((await from.receiveMessages(1, brief)).map((m) => m.body), []);
}

// again sends one message, receives it and hands it over locked.
async function again(body, more = {}) {
  await sender.sendMessages({ body, ...more });
  const m = await one();
  assert.equal(m.body, body);
  return m;
}

// fails asserts that a call is refused with a code of the client, which reads it from the condition or from the words.
async function fails(code, call) {
  await assert.rejects(call, (err) => {
    assert.equal(err.code, code, `${err.name} ${err.code}: ${err.message}`);
    return true;
  });
}

const cases = {
  async "send, receive, complete"() {
    const properties = { text: "täxt", number: 3, half: 0.5, yes: true };
    await sender.sendMessages({ body: { guest: "ada" }, messageId: "m1", correlationId: "c1", subject: "invite",
      contentType: "application/json", to: "t", replyTo: "r", partitionKey: "p", timeToLive: 3_600_000, applicationProperties: properties });
    const before = Date.now();
    const m = await one();
    assert.deepEqual(m.body, { guest: "ada" });
    assert.deepEqual([m.messageId, m.correlationId, m.subject, m.contentType, m.to, m.replyTo, m.partitionKey, m.timeToLive, m.state],
      ["m1", "c1", "invite", "application/json", "t", "r", "p", 3_600_000, "active"]);
    assert.deepEqual(m.applicationProperties, properties);
    assert.equal(m.expiresAtUtc.getTime(), m.enqueuedTimeUtc.getTime() + 3_600_000);
    assert.ok(Math.abs(m.enqueuedTimeUtc - before) < 60_000, `enqueued at ${m.enqueuedTimeUtc}`);
    assert.ok(m.lockedUntilUtc > m.enqueuedTimeUtc && m.lockToken && m.sequenceNumber.gt(0));
    await receiver.completeMessage(m);
    await empty();
  },

  async "bodies of any kind"() {
    await sender.sendMessages([{ body: "text" }, { body: Buffer.from([0, 255]) }, { body: [1, 2] }, { body: null },
      { bodyType: "value", body: 7 }, { bodyType: "sequence", body: [[1, "two"]] }]);
    const got = await receive(receiver, 6);
    assert.deepEqual(got.map((m) => m.body), ["text", Buffer.from([0, 255]), [1, 2], null, 7, [[1, "two"]]]);
    assert.equal(new Set(got.map((m) => m.messageId)).size, 6, "messages without an id are given one each");
    for (const m of got) await receiver.completeMessage(m);
  },

  async "batches"() {
    const batch = await sender.createMessageBatch();
    assert.equal(batch.maxSizeInBytes, 256 * 1024);
    let n = 0;
    while (batch.tryAddMessage({ body: `${n}`.padEnd(10_000, ".") })) n++;
    assert.ok(n > 20, `${n} messages fitted`);
    await sender.sendMessages(batch);
    const got = await receive(receiver, n);
    assert.deepEqual(got.map((m) => parseInt(m.body)), [...Array(n).keys()]);
    await Promise.all(got.map((m) => receiver.completeMessage(m)));
    await empty();
    await fails("MessageSizeExceeded", () => sender.sendMessages({ body: "x".repeat(257 * 1024) }));
    await sender.sendMessages({ body: "the link still works" });
    await receiver.completeMessage(await one());
  },

  async "schedule and cancel"() {
    const later = new Date(Date.now() + 3_600_000);
    const numbers = await sender.scheduleMessages([{ body: "a" }, { body: "b" }], later);
    assert.equal(numbers.length, 2);
    const seen = await browse();
    assert.deepEqual(seen.map((m) => [m.body, m.state, m.scheduledEnqueueTimeUtc.getTime()]),
      [["a", "scheduled", later.getTime()], ["b", "scheduled", later.getTime()]]);
    await sender.cancelScheduledMessages(numbers[0]);
    assert.deepEqual((await browse()).map((m) => m.body), ["b"]);
    await fails("MessageNotFound", () => sender.cancelScheduledMessages(numbers[0]));
    await sender.cancelScheduledMessages([numbers[1]]);
    const soon = new Date(Date.now() + 1_000);
    await sender.scheduleMessages({ body: "soon" }, soon);
    await sender.sendMessages({ body: "soon too", scheduledEnqueueTimeUtc: soon });
    for (const m of await receive(receiver, 2)) {
      assert.ok(m.enqueuedTimeUtc >= soon, `${m.body} is there at ${m.enqueuedTimeUtc.toISOString()}, due at ${soon.toISOString()}`);
      assert.equal(m.state, "active");
      await receiver.completeMessage(m);
    }
  },

  async "abandon with properties"() {
    const m = await again("a", { applicationProperties: { kept: 1, changed: "old" } });
    await receiver.abandonMessage(m, { changed: "new", added: true });
    const back = await one();
    assert.deepEqual(back.applicationProperties, { kept: 1, changed: "new", added: true });
    assert.equal(back.deliveryCount, m.deliveryCount + 1);
    assert.notEqual(back.lockToken, m.lockToken);
    await receiver.completeMessage(back);
  },

  async "defer and receive deferred"() {
    const m = await again("d");
    await receiver.deferMessage(m, { why: "not yet" });
    await empty();
    assert.deepEqual((await browse()).map((p) => p.state), ["deferred"]);
    const [back] = await receiver.receiveDeferredMessages(m.sequenceNumber);
    assert.deepEqual([back.body, back.state, back.applicationProperties.why], ["d", "deferred", "not yet"]);
    await receiver.completeMessage(back);
    await fails("MessageNotFound", () => receiver.receiveDeferredMessages(m.sequenceNumber));
  },

  async "dead-letter with a reason"() {
    const m = await again("bad", { messageId: "dead" });
    await receiver.deadLetterMessage(m, { deadLetterReason: "address", deadLetterErrorDescription: "no such domain", line: 7 });
    await empty();
    assert.deepEqual((await browse({ subQueueType: "deadLetter" })).map((p) => p.deadLetterReason), ["address"]);
    const d = await one(deadLetters);
    assert.deepEqual([d.body, d.messageId, d.deadLetterReason, d.deadLetterErrorDescription, d.applicationProperties.line, d.deliveryCount],
      ["bad", "dead", "address", "no such domain", 7, m.deliveryCount]);
    await deadLetters.completeMessage(d);
    await empty(deadLetters);
  },

  async "a deferred message can be dead-lettered"() {
    const m = await again("d");
    await receiver.deferMessage(m);
    const [back] = await receiver.receiveDeferredMessages([m.sequenceNumber]);
    await receiver.deadLetterMessage(back, { deadLetterReason: "r", deadLetterErrorDescription: "d" });
    await deadLetters.completeMessage(await one(deadLetters));
  },

  async "renew"() {
    const m = await again("r");
    const until = m.lockedUntilUtc;
    await wait(20);
    const renewed = await receiver.renewMessageLock(m);
    assert.ok(renewed > until, `${renewed.toISOString()} is not after ${until.toISOString()}`);
    await receiver.completeMessage(m);
  },

  async "peek"() {
    await sender.sendMessages([{ body: "1" }, { body: "2" }, { body: "3" }]);
    const all = await browse();
    assert.deepEqual(all.map((m) => m.body), ["1", "2", "3"]);
    const rest = await receiver.peekMessages(2, { fromSequenceNumber: all[1].sequenceNumber });
    assert.deepEqual(rest.map((m) => [m.body, m.lockToken]), [["2", undefined], ["3", undefined]]);
    assert.equal((await receiver.peekMessages(1)).length, 0, "peeking goes on where it stopped");
    for (const m of await receive(receiver, 3)) await receiver.completeMessage(m);
  },

  async "receive and delete"() {
    await sender.sendMessages([{ body: "1" }, { body: "2" }]);
    const eager = client.createReceiver(queue, { receiveMode: "receiveAndDelete" });
    assert.deepEqual((await receive(eager, 2)).map((m) => [m.body, m.lockToken]), [["1", undefined], ["2", undefined]]);
    await eager.close();
    await empty();
  },

  async "a stream of messages"() {
    const stream = client.createReceiver(queue);
    const got = [];
    const done = new Promise((resolve, reject) => {
      stream.subscribe({ processMessage: async (m) => { if (got.push(m.body) === 50) resolve(); }, processError: async (e) => reject(e.error) },
        { maxConcurrentCalls: 5 });
    });
    for (let i = 0; i < 50; i++) await sender.sendMessages({ body: i });
    await done;
    await stream.close();
    assert.deepEqual(got.sort((a, b) => a - b), [...Array(50).keys()]);
    await empty();
  },

  async "a lock that is lost"() {
    const s = client.createSender(short);
    const r = client.createReceiver(short, { maxAutoLockRenewalDurationInMs: 0 });
    await s.sendMessages({ body: "slow" });
    const m = await one(r);
    const back = await one(r); // the lock expired, once or more
    assert.ok(back.deliveryCount > m.deliveryCount, `${back.deliveryCount} after ${m.deliveryCount}`);
    await fails("MessageLockLost", () => r.completeMessage(m));
    await fails("MessageLockLost", () => r.renewMessageLock(m));
    await one(client.createReceiver(short, { receiveMode: "receiveAndDelete" }));
    await r.close();
    await s.close();
  },

  async "what is not there"() {
    await fails("MessagingEntityNotFound", () => client.createSender("nowhere").sendMessages({ body: "" }));
    await fails("MessagingEntityNotFound", () => client.createReceiver("nowhere").receiveMessages(1));
    await fails("MessagingEntityNotFound", () => client.createReceiver("topic", "subscription").receiveMessages(1));
    await assert.rejects(() => client.acceptSession(queue, "session"), /session/i);
  },

  async "a wrong key"() {
    const guest = new ServiceBusClient(connectionString.replace(/SharedAccessKey=[^;]*/, "SharedAccessKey=guessed"), { retryOptions: { maxRetries: 0 } });
    await fails("UnauthorizedAccess", () => guest.createSender(queue).sendMessages({ body: "" }));
    await guest.close();
  },
};

for (const [name, run] of Object.entries(cases)) {
  await run().catch((err) => {
    console.error(`FAILED ${name}`);
    throw err;
  });
  console.log(`ok ${name}`);
}
await client.close();
