/** Mirrors src/broker/rights.ts: what becomes of connections, routes and queues when rights change. @module */

import { assert, assertEquals } from "@std/assert";
import type { AuthenticationVerdict, Authenticator, ConnectAttempt } from "../../src/auth/authenticator.ts";
import type { Authorizer, Identity } from "../../src/auth/authorizer.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { LateAuthenticator, TrustingAuthenticator } from "../support/authenticators.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { TableAuthorizer } from "../support/table_authorizer.ts";
import { TestBroker, type TestBrokerOptions } from "../support/test_broker.ts";

const { NotAuthorized } = ReasonCode;
const PERSISTENT = { cleanStart: false, properties: { sessionExpiryInterval: 1000 } } as const;

const NOTHING_REMEMBERED: TestBrokerOptions = { config: { limits: { matchCacheEntriesMax: 0 } } };

async function start(options: TestBrokerOptions = {}) {
  const authorizer = new TableAuthorizer();
  const broker = await TestBroker.start({ authorizer, authenticator: new TrustingAuthenticator(), ...options });
  return { authorizer, broker, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() };
}

/** A named user. */
function as(userName: string, options: object = {}) {
  return { clientId: userName, userName, ...options };
}

for (const topics of ["remembered", "met once"]) {
  const name =
    `A right to receive that is revoked holds back the next message, at every QoS, and comes back with the right, ` +
    `where topics are ${topics}`;
  Deno.test(name, async () => {
    await using it = await start(topics === "remembered" ? {} : NOTHING_REMEMBERED);
    const publisher = await it.broker.connect();
    const reader = await it.broker.connect({ clientId: "reader" });
    const other = await it.broker.connect();
    for (const client of [reader, other]) await client.subscribe(["secret/#", "open/#"], { qos: 1 });
    const publishAll = async () => {
      await publisher.publish("secret/a", "0");
      await publisher.publishAcknowledged("secret/a", "1", { qos: 1 });
      await publisher.publish("open/a", "0");
    };
    const expectAll = async (client: typeof reader, ...expected: string[]) => {
      for (const line of expected) {
        const packet = await client.expectPublish();
        assertEquals(`${packet.topicName} ${packet.text}`, line);
        if (packet.qos === 1) await client.acknowledge(PacketType.Puback, packet.packetIdentifier);
      }
      await client.expectNothing();
    };
    const all = ["secret/a 0", "secret/a 1", "open/a 0"];
    await publishAll();
    await expectAll(reader, ...all);
    await expectAll(other, ...all);

    it.authorizer.refusals = [{ may: "receive", clientId: "reader", topic: "secret/a" }];
    await publishAll();
    await expectAll(other, ...all);
    await expectAll(reader, "open/a 0");

    it.authorizer.refusals = [];
    await publishAll();
    await expectAll(reader, ...all);
  });
}

/** Counts what it is asked about receiving. */
class CountingAuthorizer extends TableAuthorizer {
  topics = 0;
  filters = 0;
  override mayReceive(identity: Identity, topicName: string): boolean {
    this.topics++;
    return super.mayReceive(identity, topicName);
  }
  override mayReceiveAll(identity: Identity): boolean | undefined {
    this.filters++;
    return super.mayReceiveAll(identity);
  }
}

Deno.test("A subscription that is wholly allowed is judged once, and again when rights change or its Client comes anew", async () => {
  const authorizer = new CountingAuthorizer();
  await using it = await start({ authorizer });
  const publisher = await it.broker.connect();
  let reader = await it.broker.connect(as("reader", PERSISTENT));
  await reader.subscribe("a/#");
  let topics = 0;
  const publishTen = async (received: number) => {
    for (let i = 0; i < 10; i++) await publisher.publish(`a/${topics++}`, "");
    for (let i = 0; i < received; i++) await reader.expectPublish();
    await reader.expectNothing();
  };
  const asked = () => [authorizer.filters, authorizer.topics];
  await publishTen(10);
  assertEquals(asked(), [1, 0], "a filter, and no topic");

  authorizer.refusals = [{ may: "receive", userName: "reader", topic: "a/13" }];
  await publishTen(9);
  assertEquals(asked(), [2, 10], "the filter anew, and each topic");
  authorizer.refusals = [{ may: "receive", userName: "reader" }];
  await publishTen(0);
  assertEquals(asked(), [3, 10], "the filter anew, and no topic");
  authorizer.refusals = [];
  await publishTen(10);
  assertEquals(asked(), [4, 10]);

  await reader.disconnect();
  reader = await it.broker.connect(as("reader", PERSISTENT));
  await publishTen(10);
  assertEquals(asked(), [5, 10], "another Identity");
});

Deno.test("Queued messages of one topic in a row are judged once, and anew for another Client, and when rights change", async () => {
  const authorizer = new CountingAuthorizer();
  await using it = await start({ authorizer });
  const publisher = await it.broker.connect();
  const options = { ...PERSISTENT, properties: { ...PERSISTENT.properties, receiveMaximum: 1 } };
  for (const userName of ["one", "two", "three"]) {
    const reader = await it.broker.connect(as(userName, options));
    await reader.subscribe("+", { qos: 1 });
    await reader.disconnect();
  }
  for (const topic of ["a", "a", "a", "b", "b", "a"]) await publisher.publishAcknowledged(topic, "", { qos: 1 });
  const drain = async (userName: string, expected: string[], first = () => {}) => {
    const client = await it.broker.connect(as(userName, options));
    for (const [index, topicName] of expected.entries()) {
      const packet = await client.expectPublish();
      assertEquals(packet.topicName, topicName);
      if (index === 0) first();
      await client.acknowledge(PacketType.Puback, packet.packetIdentifier);
    }
    await client.expectNothing();
  };
  authorizer.refusals = [{ may: "receive", userName: "two", topic: "a" }];
  authorizer.topics = 0;
  await drain("one", ["a", "a", "a", "b", "b", "a"]);
  assertEquals(authorizer.topics, 3);
  await drain("two", ["b", "b"]);
  assertEquals(authorizer.topics, 6);
  await drain("three", ["a", "b", "b"], () => {
    authorizer.refusals = [{ may: "receive", userName: "three", topic: "a" }];
  });
  assertEquals(it.broker.server.snapshot().queuedMessages, 0);
});

Deno.test("Who may not receive a message does not count as its subscriber", async () => {
  await using it = await start();
  const reader = await it.broker.connect({ clientId: "reader" });
  await reader.subscribe("a", { qos: 1 });
  it.authorizer.refusals = [{ may: "receive", clientId: "reader" }];
  const publisher = await it.broker.connect();
  assertEquals(await publisher.publishAcknowledged("a", "1", { qos: 1 }), ReasonCode.NoMatchingSubscribers);
});

for (const topics of ["remembered", "met once"]) {
  const name =
    `A right to publish that is revoked is revoked for a topic that was published to a moment before, where ` +
    `topics are ${topics}`;
  Deno.test(name, async () => {
    await using it = await start(topics === "remembered" ? {} : NOTHING_REMEMBERED);
    const publisher = await it.broker.connect({ clientId: "p" });
    const watcher = await it.broker.connect();
    await watcher.subscribe("#");
    await publisher.publish("a", "before");
    await publisher.publish("a", "before, too");
    assertEquals((await watcher.expectPublish()).text, "before");
    assertEquals((await watcher.expectPublish()).text, "before, too");
    it.authorizer.refusals = [{ may: "publish", clientId: "p", topic: "a" }];
    await publisher.publish("a", "after");
    assertEquals(await publisher.publishAcknowledged("a", "after", { qos: 1 }), NotAuthorized);
    await watcher.expectNothing();
    it.authorizer.refusals = [];
    await publisher.publish("a", "again");
    assertEquals((await watcher.expectPublish()).text, "again");
  });
}

/** Knows whether all below "a" may be published to; counts what it is asked about publishing. */
class BranchAuthorizer extends TableAuthorizer {
  asked = 0;
  override mayPublish(identity: Identity, topicName: string): boolean {
    this.asked++;
    return super.mayPublish(identity, topicName);
  }
  publishableFilter(identity: Identity, topicName: string): string | undefined {
    return topicName.startsWith("a/") && super.mayPublish(identity, "a/#") ? "a/#" : undefined;
  }
}

Deno.test("Topics that are not remembered are not asked about either where all of a filter may be published to", async () => {
  const authorizer = new BranchAuthorizer();
  await using it = await start({ authorizer, config: { limits: { matchCacheEntriesMax: 0 } } });
  const watcher = await it.broker.connect();
  await watcher.subscribe("#");
  const client = await it.broker.connect(as("p"));
  const publish = async (topicName: string, isAllowed: boolean, retain = false) => {
    await client.publish(topicName, "", { retain });
    if (isAllowed) assertEquals((await watcher.expectPublish()).topicName, topicName);
    else await watcher.expectNothing();
  };
  for (let i = 0; i < 10; i++) await publish(`a/${i}`, true);
  assertEquals(authorizer.asked, 1);
  for (let i = 0; i < 10; i++) await publish(`b/${i}`, true);
  assertEquals(authorizer.asked, 11, "of others it is");
  await publish("a/x", true);
  assertEquals(authorizer.asked, 11, "what was known is known still");
  await publish("a/x", true, true);
  assertEquals(authorizer.asked, 12, "to retain is a right of its own");

  authorizer.refusals = [{ may: "publish", topic: "a/#" }, { may: "publish", topic: "a/7" }];
  for (let i = 0; i < 10; i++) await publish(`a/${i}`, i !== 7);
  assertEquals(authorizer.asked, 22);
});

/** Refuses to retain, and QoS 2; counts what it is asked. */
class StrictAuthorizer implements Authorizer {
  onChange: (() => void) | undefined = undefined;
  asked = 0;
  connectRefusal() {
    return undefined;
  }
  mayPublish(_identity: Identity, _topicName: string, qos: number, retain: boolean): boolean {
    this.asked++;
    return !retain && qos < 2;
  }
  maySubscribe(): boolean {
    return true;
  }
  mayReceive(): boolean {
    return true;
  }
}

Deno.test("To retain, and each QoS, are rights of their own, also on a topic that is remembered as allowed", async () => {
  const authorizer = new StrictAuthorizer();
  await using it = await start({ authorizer });
  const client = await it.broker.connect();
  const puback = (qos: 1 | 2, retain = false) => client.publishAcknowledged("a", "x", { qos, retain });
  assertEquals(await puback(1), ReasonCode.NoMatchingSubscribers);
  assertEquals(authorizer.asked, 1);
  assertEquals(await puback(1), ReasonCode.NoMatchingSubscribers);
  assertEquals(authorizer.asked, 1, "the answer is remembered");
  assertEquals(await puback(1, true), NotAuthorized);
  assertEquals(await puback(2), NotAuthorized);
  await client.publish("a", "x", { retain: true });
  await client.expectNothing();
  assertEquals(it.broker.server.snapshot().retainedMessages, 0);
});

Deno.test("A connection remembers many topics, each by itself, however many they are", async () => {
  await using it = await start();
  it.authorizer.refusals = [{ may: "publish", topic: "t/300" }];
  const client = await it.broker.connect();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 600; i++) {
      const expected = i === 300 ? NotAuthorized : ReasonCode.NoMatchingSubscribers;
      assertEquals(await client.publishAcknowledged(`t/${i}`, "x", { qos: 1 }), expected);
    }
  }
});

Deno.test("Who may not be connected any more hears 0x87 and is closed, or only closed in 3.1.1; the others stay", async () => {
  await using it = await start();
  const gone = await it.broker.connect(as("gone"));
  const old = await it.broker.connect(as("old", { protocolVersion: 4 }));
  const stays = await it.broker.connect(as("stays"));
  it.authorizer.refusals = ["gone", "old"].map((userName) => ({ may: "connect", userName } as const));
  await gone.expectDisconnect(NotAuthorized);
  await old.expectClosed();
  await stays.expectNothing();
  assertEquals(it.broker.server.snapshot().connectedClients, 1);
});

Deno.test("Who loses the right to be here while its CONNACK waits for the disk is refused, and leaves nothing behind", async () => {
  const store = new DelayedStore();
  await using it = await start({ store });
  store.hold();
  const client = it.broker.client();
  await client.sendConnect(as("gone", { ...PERSISTENT, will: { topicName: "will" } }));
  while (it.broker.server.snapshot().sessions === 0) await new Promise((resolve) => setTimeout(resolve));
  it.authorizer.refusals = [{ may: "connect", userName: "gone" }];
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, NotAuthorized);
  await client.expectClosed();
  store.release();
  const { connections, connectedClients, sessions } = it.broker.server.snapshot();
  assertEquals({ connections, connectedClients, sessions }, { connections: 0, connectedClients: 0, sessions: 1 });
});

Deno.test("The Will Message of a Client whose rights were taken away is not sent when that closes it", async () => {
  await using it = await start();
  const watcher = await it.broker.connect(as("watcher"));
  await watcher.subscribe("#");
  const gone = await it.broker.connect(as("gone", { will: { topicName: "will" } }));
  it.authorizer.refusals = [{ may: "connect", userName: "gone" }, { may: "publish", userName: "gone" }];
  await gone.expectDisconnect(NotAuthorized);
  await watcher.expectNothing();
});

Deno.test("A message of a Shared Subscription goes to a member that may receive it", async () => {
  await using it = await start();
  const [first, second] = [await it.broker.connect(as("first")), await it.broker.connect(as("second"))];
  for (const member of [first, second]) await member.subscribe("$share/group/+", { qos: 1 });
  it.authorizer.refusals = [{ may: "receive", userName: "first", topic: "a" }];
  const publisher = await it.broker.connect();
  for (let i = 0; i < 4; i++) await publisher.publish("a", `${i}`);
  for (let i = 0; i < 4; i++) assertEquals((await second.expectPublish()).text, `${i}`);
  await first.expectNothing();
  it.authorizer.refusals = [{ may: "receive", topic: "a" }];
  assertEquals(await publisher.publishAcknowledged("a", "nobody", { qos: 1 }), ReasonCode.NoMatchingSubscribers);
});

Deno.test("What a member of a Shared Subscription leaves behind goes to one that may receive it", async () => {
  await using it = await start();
  const names = ["first", "second", "third"];
  const members = [];
  for (const name of names) {
    const member = await it.broker.connect(as(name, { properties: { receiveMaximum: 10 } }));
    members.push(member);
  }
  await members[0].subscribe("$share/group/+", { qos: 1 });
  const publisher = await it.broker.connect();
  for (const topicName of ["a", "b"]) await publisher.publishAcknowledged(topicName, topicName, { qos: 1 });
  for (const topicName of ["a", "b"]) assertEquals((await members[0].expectPublish()).text, topicName);
  for (const member of members.slice(1)) await member.subscribe("$share/group/+", { qos: 1 });
  // Each may have one of the two.
  it.authorizer.refusals = [
    { may: "receive", userName: "second", topic: "a" },
    { may: "receive", userName: "third", topic: "b" },
  ];
  await it.broker.lose(members[0]);
  assertEquals((await members[1].expectPublish()).text, "b");
  assertEquals((await members[2].expectPublish()).text, "a");
  await members[1].expectNothing();
  await members[2].expectNothing();
});

Deno.test("An unacknowledged message that may not be received any more is not repeated, but one of QoS 2 that was sent", async () => {
  await using it = await start();
  const options = as("reader", PERSISTENT);
  const reader = await it.broker.connect(options);
  await reader.subscribe("#", { qos: 2 });
  const publisher = await it.broker.connect();
  await publisher.publishAcknowledged("a", "1", { qos: 1 });
  await publisher.publishAcknowledged("b", "2", { qos: 2 });
  await reader.expectPublish();
  const second = await reader.expectPublish();
  await it.broker.lose(reader);
  it.authorizer.refusals = [{ may: "receive", userName: "reader" }];
  const again = await it.broker.connect(options);
  const repeated = await again.expectPublish();
  assertEquals([repeated.text, repeated.dup, repeated.packetIdentifier], ["2", true, second.packetIdentifier]);
  await again.expectNothing();
  await again.acknowledge(PacketType.Pubrec, repeated.packetIdentifier);
  await again.expect(PacketType.Pubrel);
  await again.acknowledge(PacketType.Pubcomp, repeated.packetIdentifier);
  assertEquals(it.broker.server.snapshot().queuedMessages, 0);
});

Deno.test("What an anonymous Client left behind neither keeps out a named one nor comes into its hands", async () => {
  await using it = await start();
  const anonymous = await it.broker.connect({ clientId: "sensor-1", ...PERSISTENT });
  await anonymous.subscribe("#", { qos: 1 });
  await anonymous.disconnect();
  const publisher = await it.broker.connect();
  await publisher.publishAcknowledged("a", "for the anonymous one", { qos: 1 });
  const named = it.broker.client();
  const connack = await named.connect({ clientId: "sensor-1", userName: "greenhouse", ...PERSISTENT });
  assertEquals(connack.sessionPresent, false);
  await named.expectNothing();
  assertEquals(it.broker.server.snapshot().subscriptions, 0);

  // The other way round, and between two names, it is refused.
  for (const userName of [undefined, "office"]) {
    const thief = it.broker.client();
    await thief.sendConnect({ clientId: "sensor-1", userName, ...PERSISTENT });
    assertEquals((await thief.expect(PacketType.Connack)).reasonCode, NotAuthorized);
  }
  await named.expectNothing();
});

Deno.test("An anonymous Client that is connected gives way to a named one of its Client Identifier", async () => {
  await using it = await start();
  const anonymous = await it.broker.connect({ clientId: "sensor-1" });
  const named = it.broker.client();
  assertEquals((await named.connect({ clientId: "sensor-1", userName: "greenhouse" })).sessionPresent, false);
  await anonymous.expectDisconnect(ReasonCode.SessionTakenOver);
  assertEquals(it.broker.server.snapshot().sessions, 1);
});

/** Lets everybody in for a minute. */
class MinuteAuthenticator implements Authenticator {
  constructor(readonly wallMs: () => number) {}
  authenticate({ userName }: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): void {
    answer({ reasonCode: ReasonCode.Success, userName, validUntilMs: this.wallMs() + 60_000 });
  }
  begin() {
    return {
      step: (_data: unknown, answer: (step: never) => void) =>
        answer(
          {
            kind: "done",
            data: undefined,
            verdict: { reasonCode: ReasonCode.Success, userName: "u", validUntilMs: this.wallMs() + 60_000 },
          } as never,
        ),
      abandon() {},
    };
  }
}

Deno.test("A proof that ends, ends its connection, unless it was renewed", async () => {
  let wallMs = () => 0;
  await using it = await start({ authenticator: new MinuteAuthenticator(() => wallMs()) });
  wallMs = () => it.broker.clock.wallMs();
  const authenticationMethod = "M";
  const renews = await it.broker.connect(as("u", { properties: { authenticationMethod } }));
  const ends = await it.broker.connect(as("v"));
  await it.broker.advance(50_000);
  await renews.send({
    type: PacketType.Auth,
    reasonCode: ReasonCode.ReAuthenticate,
    properties: { authenticationMethod },
  });
  assertEquals((await renews.expect(PacketType.Auth)).reasonCode, ReasonCode.Success);
  await it.broker.advance(11_000);
  await ends.expectDisconnect(NotAuthorized);
  await renews.expectNothing();
  await it.broker.advance(50_000);
  await renews.expectDisconnect(NotAuthorized);
  assertEquals(it.broker.server.snapshot().timers, 0);
});

/** Says that it heard of the cancellation. */
class CancellableAuthenticator extends LateAuthenticator {
  cancelled = 0;
  override authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): () => void {
    super.authenticate(attempt, answer);
    return () => void this.cancelled++;
  }
}

Deno.test("An authenticator hears that nobody waits for its verdict any more", async () => {
  const authenticator = new CancellableAuthenticator();
  await using it = await start({ authenticator });
  const late = it.broker.client();
  await late.sendConnect();
  await authenticator.next();
  await it.broker.advance(10_000);
  assertEquals((await late.expect(PacketType.Connack)).reasonCode, ReasonCode.ServerBusy);
  assertEquals(authenticator.cancelled, 1);
  const early = it.broker.client();
  await early.sendConnect();
  (await authenticator.next()).answer({});
  assertEquals((await early.expect(PacketType.Connack)).reasonCode, ReasonCode.Success);
  await early.disconnect();
  assertEquals(authenticator.cancelled, 1, "who was answered cancels nothing");
});

Deno.test("A Client that leaves while the authenticator thinks is noticed at once", async () => {
  const authenticator = new CancellableAuthenticator();
  await using it = await start({ authenticator });
  const client = it.broker.client();
  await client.sendConnect();
  await authenticator.next();
  await it.broker.lose(client);
  assertEquals(authenticator.cancelled, 1);
});

Deno.test("What a Client sends behind CONNECT is handled after the verdict, in order", async () => {
  const authenticator = new LateAuthenticator();
  await using it = await start({ authenticator });
  const client = it.broker.client();
  await client.sendConnect();
  client.speak(5);
  const question = await authenticator.next();
  for (let i = 0; i < 50; i++) await client.publish("a", "x".repeat(1000), { qos: 1, packetIdentifier: i + 1 });
  assert(it.broker.server.snapshot().connectedClients === 0);
  question.answer({});
  await client.expect(PacketType.Connack);
  for (let i = 0; i < 50; i++) assertEquals((await client.expect(PacketType.Puback)).packetIdentifier, i + 1);
});

Deno.test("A Client that breaks the protocol behind CONNECT hears so after the verdict", async () => {
  const authenticator = new LateAuthenticator();
  await using it = await start({ authenticator });
  const client = it.broker.client();
  await client.sendConnect();
  client.speak(5);
  const question = await authenticator.next();
  await client.sendBytes(new Uint8Array([0x00, 0x00]));
  question.answer({});
  await client.expect(PacketType.Connack);
  await client.expectDisconnect(ReasonCode.MalformedPacket);
  await client.expectClosed();
  assertEquals(it.broker.server.snapshot().connections, 0);
});

Deno.test("A refused PUBLISH is logged once a minute for each Client, so that its owner can see it", async () => {
  await using it = await start();
  it.authorizer.refusals = [{ may: "publish", clientId: "p" }];
  const client = await it.broker.connect({ clientId: "p" });
  const lines = () => it.broker.lines.filter(({ text }) => text.includes("PUBLISH of p to a")).length;
  for (let i = 0; i < 3; i++) await client.publish("a", "");
  await client.expectNothing();
  assertEquals(lines(), 1);
  await it.broker.advance(60_000);
  await client.publish("a", "");
  await client.expectNothing();
  assertEquals(lines(), 2);
});

Deno.test("A message of QoS 2 whose right is revoked while it waits for the disk is not sent, and keeps no place", async () => {
  const store = new DelayedStore();
  await using it = await start({ store });
  const reader = await it.broker.connect(as("reader", PERSISTENT));
  await reader.subscribe(["secret", "open"], { qos: 2 });
  const publisher = await it.broker.connect(as("publisher"));
  store.hold();
  for (const topicName of ["secret", "open"]) await publisher.publish(topicName, topicName, { qos: 2 });
  await store.held();
  while (it.broker.server.snapshot().queuedMessages < 2) await new Promise((resolve) => setTimeout(resolve));
  it.authorizer.refusals = [{ may: "receive", userName: "reader", topic: "secret" }];
  store.release();
  const { text, packetIdentifier } = await reader.expectPublish();
  assertEquals(text, "open");
  await reader.acknowledge(PacketType.Pubrec, packetIdentifier);
  await reader.expect(PacketType.Pubrel);
  await reader.acknowledge(PacketType.Pubcomp, packetIdentifier);
  await reader.expectNothing();
  assertEquals(it.broker.server.snapshot().queuedMessages, 0);
});

Deno.test("What a member of a Shared Subscription leaves behind is not lost since nobody may receive what was before it", async () => {
  await using it = await start();
  const first = await it.broker.connect(as("first"));
  await first.subscribe("$share/group/+", { qos: 1 });
  const publisher = await it.broker.connect();
  for (const topicName of ["a", "b"]) {
    await publisher.publishAcknowledged(topicName, topicName, { qos: 1 });
    assertEquals((await first.expectPublish()).text, topicName);
  }
  const second = await it.broker.connect(as("second"));
  await second.subscribe("$share/group/+", { qos: 1 });
  it.authorizer.refusals = [{ may: "receive", userName: "second", topic: "a" }];
  await it.broker.lose(first);
  assertEquals((await second.expectPublish()).text, "b");
  await second.expectNothing();
});

/** Bans; has a bug about one Client. */
class BanningAuthorizer extends TableAuthorizer {
  bug = "";
  override connectRefusal(identity: Identity) {
    if (identity.userName === this.bug) throw new Error("a bug");
    const refusal = super.connectRefusal(identity);
    return refusal && { ...refusal, reasonCode: ReasonCode.Banned };
  }
}

Deno.test("[MQTT-3.14.2-1] Who is banned while connected hears 0x98, since DISCONNECT has no 0x8A", async () => {
  const authorizer = new BanningAuthorizer();
  await using it = await start({ authorizer });
  const banned = await it.broker.connect(as("banned"));
  authorizer.refusals = [{ may: "connect", userName: "banned" }];
  await banned.expectDisconnect(ReasonCode.AdministrativeAction);
  const late = it.broker.client();
  await late.sendConnect(as("banned"));
  assertEquals((await late.expect(PacketType.Connack)).reasonCode, ReasonCode.Banned);
});

Deno.test("A bug with one connection does not keep another one that lost its rights", async () => {
  const authorizer = new BanningAuthorizer();
  await using it = await start({ authorizer });
  const unlucky = await it.broker.connect(as("unlucky"));
  const banned = await it.broker.connect(as("banned"));
  authorizer.bug = "unlucky";
  authorizer.refusals = [{ may: "connect", userName: "banned" }];
  await banned.expectDisconnect(ReasonCode.AdministrativeAction);
  await unlucky.expectDisconnect(ReasonCode.UnspecifiedError);
});

/** Lets in whom it is told to, and asks again. */
class DoorKeeper extends TrustingAuthenticator {
  isOpen = true;
  presentRefusal(identity: Identity, listenerUrl: string) {
    if (this.isOpen || identity.userName !== undefined) return undefined;
    return { reasonCode: NotAuthorized, why: `no anonymous clients on ${listenerUrl}` };
  }
}

Deno.test("Who came in without a name is closed when its door lets nobody in like that any more", async () => {
  const authenticator = new DoorKeeper();
  await using it = await start({ authenticator });
  const anonymous = await it.broker.connect();
  const named = await it.broker.connect(as("named"));
  it.authorizer.refusals = [];
  await anonymous.expectNothing();
  authenticator.isOpen = false;
  it.authorizer.refusals = [];
  await anonymous.expectDisconnect(NotAuthorized);
  await named.expectNothing();
});
