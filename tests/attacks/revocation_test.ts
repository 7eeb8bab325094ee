/** Attack 15: what was promised before a right was taken away, and is delivered after it all the same (CVE-2018-12546,
 * CVE-2021-34434, emqx#10192, #10433). @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { rule } from "../support/accounts.ts";
import type { ConnectOptions, TestClient } from "../support/test_client.ts";
import { AccessBroker, as, PERSISTENT, puback, suback } from "./access_support.ts";

const { NotAuthorized, NoMatchingSubscribers, Success } = ReasonCode;
const OF_READER = { subjectKind: "user", subjectName: "reader" } as const;

/** "reader" may subscribe to `secret/#` by rule 2, and to `open/#` by rule 3; "writer" may all. */
function start(config = {}): Promise<AccessBroker> {
  return AccessBroker.start({
    users: ["reader", "second", "writer"],
    rules: [
      rule("#", { subjectKind: "user", subjectName: "writer" }),
      rule("secret/#", { ...OF_READER, action: "subscribe" }),
      rule("open/#", { ...OF_READER, action: "subscribe" }),
      rule("#", { subjectKind: "user", subjectName: "second", action: "subscribe" }),
    ],
    config,
  });
}

async function revoke(it: AccessBroker): Promise<void> {
  await it.store.removeRule(2);
  await it.obeyed();
}

/** Secret and open messages in turn, each acknowledged by the broker. */
async function publishBoth(writer: TestClient, qos: 1 | 2 = 1, retain = false): Promise<void> {
  for (const topicName of ["secret/a", "open/a", "secret/b", "open/b"]) {
    await writer.publishAcknowledged(topicName, topicName, { qos, retain });
  }
}

async function expectOpen(client: TestClient): Promise<void> {
  const unfinished: number[] = [];
  for (const topicName of ["open/a", "open/b"]) {
    const packet = await client.expectPublish();
    assertEquals(packet.topicName, topicName);
    if (packet.qos === 1) await client.acknowledge(PacketType.Puback, packet.packetIdentifier);
    if (packet.qos === 2) unfinished.push(packet.packetIdentifier);
  }
  for (const packetIdentifier of unfinished) {
    await client.acknowledge(PacketType.Pubrec, packetIdentifier);
    await client.expect(PacketType.Pubrel);
    await client.acknowledge(PacketType.Pubcomp, packetIdentifier);
  }
  await client.expectNothing();
}

for (const qos of [1, 2] as const) {
  Deno.test(`Attack 15: queued messages of QoS ${qos} are not delivered after the right was revoked, the others are`, async () => {
    await using it = await start();
    const writer = await it.connect(as("writer"));
    const reader = await it.connect(as("reader", PERSISTENT));
    await reader.subscribe(["secret/#", "open/#"], { qos });
    await reader.disconnect();
    await publishBoth(writer, qos);
    assertEquals(it.server.snapshot().queuedMessages, 4);
    await revoke(it);
    await expectOpen(await it.connect(as("reader", PERSISTENT)));
    assertEquals(it.server.snapshot().queuedMessages, 0, "what is withheld is not kept");
  });
}

Deno.test("Attack 15: queued messages behind a full window of a client that is connected are judged when their turn comes", async () => {
  await using it = await start();
  const writer = await it.connect(as("writer"));
  const reader = await it.connect(as("reader", { properties: { receiveMaximum: 1 } }));
  await reader.subscribe(["secret/#", "open/#"], { qos: 1 });
  await writer.publishAcknowledged("open/first", "", { qos: 1 });
  const first = await reader.expectPublish();
  await publishBoth(writer);
  await revoke(it);
  await reader.acknowledge(PacketType.Puback, first.packetIdentifier);
  await expectOpen(reader);
});

Deno.test("Attack 15: retained messages are not delivered to who may not receive them any more, by any filter", async () => {
  await using it = await start();
  const writer = await it.connect(as("writer"));
  const reader = await it.connect(as("reader", PERSISTENT));
  assertEquals(await suback(reader, "secret/#"), 1);
  await reader.disconnect();
  await publishBoth(writer, 1, true);
  await revoke(it);
  const again = await it.connect(as("reader", { ...PERSISTENT, cleanStart: true }));
  for (const filter of ["secret/#", "secret/a", "+/a", "#", "$share/g/secret/a"]) {
    assertEquals(await suback(again, filter), NotAuthorized);
  }
  assertEquals(await suback(again, "open/#"), 1);
  await expectOpen(again);
});

Deno.test("Attack 15: a filter that is wider than what is left brings only what is left, retained messages, too", async () => {
  await using it = await start();
  const writer = await it.connect(as("writer"));
  await publishBoth(writer, 1, true);
  const second = await it.connect(as("second"));
  await it.store.addRule(rule("secret/#", { subjectKind: "user", subjectName: "second", effect: "deny" }));
  await it.obeyed();
  assertEquals(await suback(second, "#"), 1);
  await expectOpen(second);
  await publishBoth(writer);
  await expectOpen(second);
});

Deno.test("Attack 15: in-flight messages of QoS 1 are not sent again after the right was revoked", async () => {
  await using it = await start();
  const writer = await it.connect(as("writer"));
  const reader = await it.connect(as("reader", PERSISTENT));
  await reader.subscribe(["secret/#", "open/#"], { qos: 1 });
  await publishBoth(writer);
  for (let count = 0; count < 4; count++) await reader.expectPublish();
  await it.lose(reader);
  await revoke(it);
  await expectOpen(await it.connect(as("reader", PERSISTENT)));
});

Deno.test("Attack 15: an exchange of QoS 2 that the client has answered is completed, and shows nothing more of the message", async () => {
  await using it = await start();
  const writer = await it.connect(as("writer"));
  const reader = await it.connect(as("reader", PERSISTENT));
  await reader.subscribe("secret/#", { qos: 2 });
  await writer.publishAcknowledged("secret/a", "1", { qos: 2 });
  const { packetIdentifier } = await reader.expectPublish();
  await reader.acknowledge(PacketType.Pubrec, packetIdentifier);
  await reader.expect(PacketType.Pubrel);
  await it.lose(reader);
  await revoke(it);
  const again = await it.connect(as("reader", PERSISTENT));
  assertEquals((await again.expect(PacketType.Pubrel)).packetIdentifier, packetIdentifier);
  await again.acknowledge(PacketType.Pubcomp, packetIdentifier);
  await again.expectNothing();
  assertEquals(it.server.snapshot().queuedMessages, 0);
});

Deno.test("Attack 15: a publisher's exchange of QoS 2 that began before the revocation ends, and the next one is refused", async () => {
  await using it = await start();
  const second = await it.connect(as("second"));
  await second.subscribe("#", { qos: 2 });
  const writer = await it.connect(as("writer"));
  const packetIdentifier = await writer.publish("secret/a", "1", { qos: 2 });
  assertEquals((await writer.expect(PacketType.Pubrec)).reasonCode, Success);
  await it.store.removeRule(1);
  await it.obeyed();
  // Once more, as a client that missed PUBREC: the answer is the same, and nobody gets it twice.
  await writer.publish("secret/a", "1", { qos: 2, packetIdentifier, dup: true });
  await writer.expect(PacketType.Pubrec);
  await writer.acknowledge(PacketType.Pubrel, packetIdentifier);
  assertEquals((await writer.expect(PacketType.Pubcomp)).packetIdentifier, packetIdentifier);
  assertEquals(await writer.publishAcknowledged("secret/a", "2", { qos: 2 }), NotAuthorized);
  assertEquals((await second.expectPublish()).text, "1");
  await second.expectNothing();
});

Deno.test("Attack 15: a durable subscription brings nothing while its right is gone, online and offline, and again after it came back", async () => {
  await using it = await start();
  const writer = await it.connect(as("writer"));
  const reader = await it.connect(as("reader", PERSISTENT));
  await reader.subscribe(["secret/#", "open/#"], { qos: 1 });
  await revoke(it);
  await publishBoth(writer);
  await expectOpen(reader);
  assertEquals(await puback(writer, "secret/a"), NoMatchingSubscribers);
  await reader.disconnect();
  await publishBoth(writer);
  assertEquals(it.server.snapshot().queuedMessages, 2, "nothing is gathered for it meanwhile");
  const again = await it.connect(as("reader", PERSISTENT));
  await expectOpen(again);
  await it.store.addRule(rule("secret/#", { ...OF_READER, action: "subscribe" }));
  await it.obeyed();
  await writer.publishAcknowledged("secret/c", "", { qos: 1 });
  assertEquals((await again.expectPublish()).topicName, "secret/c");
});

Deno.test("Attack 15: a shared subscription of several users: messages go to the member that may still receive them", async () => {
  await using it = await start();
  const writer = await it.connect(as("writer"));
  const reader = await it.connect(as("reader", PERSISTENT));
  const second = await it.connect(as("second", PERSISTENT));
  for (const member of [reader, second]) assertEquals(await suback(member, "$share/g/secret/#"), 1);
  await revoke(it);
  for (let count = 0; count < 6; count++) await puback(writer, `secret/${count}`);
  for (let count = 0; count < 6; count++) {
    const packet = await second.expectPublish();
    assertEquals(packet.topicName, `secret/${count}`);
    await second.acknowledge(PacketType.Puback, packet.packetIdentifier);
  }
  await reader.expectNothing();
  // What the other leaves behind waits for it: it is neither handed to the one that may not, nor lost.
  await puback(writer, "secret/left");
  assertEquals((await second.expectPublish()).topicName, "secret/left");
  await it.lose(second);
  await puback(writer, "secret/late");
  await reader.expectNothing();
  const again = await it.connect(as("second", PERSISTENT));
  assertEquals((await again.expectPublish()).topicName, "secret/left");
  assertEquals((await again.expectPublish()).topicName, "secret/late");
});

for (const isDown of [true, false]) {
  const when = isDown ? "while the broker is down" : "before it restarts";
  Deno.test(`Attack 15: a right that is revoked ${when} holds back queued, in-flight and retained messages from the store`, async () => {
    await using it = await start({ durability: "full" });
    const writer = await it.connect(as("writer"));
    const options: ConnectOptions = { ...PERSISTENT };
    const reader = await it.connect(as("reader", options));
    await reader.subscribe(["secret/#", "open/#"], { qos: 1 });
    await publishBoth(writer);
    for (let count = 0; count < 4; count++) await reader.expectPublish(); // in flight
    await it.lose(reader);
    await publishBoth(writer); // queued
    await publishBoth(writer, 1, true);
    if (!isDown) await revoke(it);
    await it.end();
    if (isDown) await it.store.removeRule(2);
    await it.begin();
    const again = await it.connect(as("reader", options));
    for (const topicName of ["open/a", "open/b", "open/a", "open/b", "open/a", "open/b"]) {
      const packet = await again.expectPublish();
      assertEquals(packet.topicName, topicName);
      await again.acknowledge(PacketType.Puback, packet.packetIdentifier);
    }
    await again.expectNothing();
    assertEquals(it.server.snapshot().queuedMessages, 0);
    assertEquals((await again.subscribe(["secret/#", "open/#"])).reasonCodes, [NotAuthorized, Success]);
    for (const topicName of ["open/a", "open/b"]) assertEquals((await again.expectPublish()).topicName, topicName);
    await again.expectNothing();
  });
}

Deno.test("Attack 15: nothing is queued for a user who is disabled, and what was queued waits for nobody else", async () => {
  await using it = await start();
  const writer = await it.connect(as("writer"));
  const reader = await it.connect(as("reader", PERSISTENT));
  await reader.subscribe("open/#", { qos: 1 });
  await it.store.updateUser("reader", (user) => ({ ...user, isDisabled: true }));
  await reader.expectDisconnect(NotAuthorized);
  assertEquals(await puback(writer, "open/a"), NoMatchingSubscribers);
  assertEquals(it.server.snapshot().queuedMessages, 0);
  await it.expectRefused(ReasonCode.BadUserNameOrPassword, as("reader", PERSISTENT));
  await it.expectRefused(NotAuthorized, as("second", { ...PERSISTENT, clientId: "reader" }));
});

Deno.test("Attack 15: a retained message that may not be published any more cannot be cleared or replaced either", async () => {
  await using it = await start();
  const writer = await it.connect(as("writer"));
  await writer.publishAcknowledged("open/a", "first", { qos: 1, retain: true });
  await it.store.addRule(
    rule("open/#", { subjectKind: "user", subjectName: "writer", effect: "deny", action: "retain" }),
  );
  await it.obeyed();
  assertEquals(await writer.publishAcknowledged("open/a", "", { qos: 1, retain: true }), NotAuthorized);
  assertEquals(await writer.publishAcknowledged("open/a", "second", { qos: 1, retain: true }), NotAuthorized);
  assertEquals(await writer.publishAcknowledged("open/a", "passing", { qos: 1 }), NoMatchingSubscribers);
  const reader = await it.connect(as("reader"));
  assertEquals(await suback(reader, "open/#"), 1);
  assertEquals((await reader.expectPublish()).text, "first");
});
