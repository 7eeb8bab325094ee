/** CONNECT: what a running broker makes of its fields. Spec §3.1. Wills, sessions and broken CONNECTs have files of
 * their own. @module */

import { assertEquals } from "@std/assert";
import { makeConfig } from "../../src/config/config.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { startServer } from "../../src/server.ts";
import { connectTcp } from "../../src/transport/tcp.ts";
import { wire } from "../packet/support.ts";
import { LateAuthenticator, TrustingAuthenticator } from "../support/authenticators.ts";
import { TableAuthorizer } from "../support/table_authorizer.ts";
import { TestBroker } from "../support/test_broker.ts";
import { TestClient } from "../support/test_client.ts";

const CONNECT_EMPTY = wire(`10 [ "MQTT" 05 02 00 00 [ ] "early" ]`);

Deno.test("[MQTT-3.1.3-1] [MQTT-3.1.2-17] [MQTT-3.1.2-19] [MQTT-3.1.2-9] [MQTT-3.1.3-3] Client Identifier, Will, User Name and Password are taken from their places", async () => {
  const authenticator = new TrustingAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  const watcher = await broker.connect({ userName: "watcher" });
  await watcher.subscribe("#");
  const client = broker.client();
  await client.sendBytes(
    wire(`10 [ "MQTT" 05 c6 00 00 [ 11 00 00 00 00 ]
      "the client" [ 03 "text/plain" ] "the/will" "the payload" "the user" "the password" ]`),
  );
  await client.expect(PacketType.Connack);
  const { clientId, userName, password, protocolVersion } = authenticator.attempts.at(-1)!;
  assertEquals(
    [clientId, userName, new TextDecoder().decode(password), protocolVersion],
    ["the client", "the user", "the password", 5],
  );
  client.drop();
  const will = await watcher.expectPublish();
  assertEquals([will.topicName, will.text, will.properties], ["the/will", "the payload", {
    contentType: "text/plain",
  }]);
});

Deno.test("[MQTT-3.1.2-16] [MQTT-3.1.2-18] Flags 0: there is no User Name and no Password", async () => {
  const authenticator = new TrustingAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  await broker.connect();
  assertEquals(authenticator.attempts.map((a) => [a.userName, a.password]), [[undefined, undefined]]);
});

Deno.test("[MQTT-3.1.2-19] A Password without a User Name is allowed in 5.0", async () => {
  const authenticator = new TrustingAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  await broker.connect({ password: new Uint8Array([0, 255]) });
  assertEquals(authenticator.attempts.map((a) => [a.userName, a.password]), [[undefined, new Uint8Array([0, 255])]]);
});

Deno.test("[MQTT-3.1.3-5] Client Identifiers of 1 to 23 letters and digits are accepted, and longer and stranger ones, too", async () => {
  await using broker = await TestBroker.start();
  const all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const ids = [...all, all.slice(0, 23), all.slice(23, 46), all.slice(39), "a".repeat(1024), " ", "ä/#+$", "\u{1f426}"];
  for (const clientId of ids) await broker.connect({ clientId });
  assertEquals(broker.server.snapshot().sessions, new Set(ids).size);
});

Deno.test("[MQTT-3.1.3-8] A Client Identifier longer than the limit is refused with 0x85", async () => {
  await using broker = await TestBroker.start({ config: { limits: { clientIdBytesMax: 23 } } });
  await broker.connect({ clientId: "a".repeat(23) });
  for (const clientId of ["a".repeat(24), "ä".repeat(12)]) {
    const client = broker.client();
    await client.sendConnect({ clientId });
    assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.ClientIdentifierNotValid);
    await client.expectClosed();
  }
});

Deno.test("[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] An empty Client Identifier becomes an assigned one that nobody else has", async () => {
  await using broker = await TestBroker.start();
  const clients = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = broker.client();
      const connack = await client.connect({ clientId: "", properties: { sessionExpiryInterval: 100 } });
      return { client, assigned: connack.properties.assignedClientIdentifier! };
    }),
  );
  assertEquals(new Set(clients.map(({ assigned }) => assigned)).size, 20);
  // As if the Client had sent it: the session is found again under this name.
  const { client, assigned } = clients[7];
  await client.subscribe("a");
  client.drop();
  const again = broker.client();
  const connack = await again.connect({ clientId: assigned, cleanStart: false });
  assertEquals([connack.sessionPresent, connack.properties.assignedClientIdentifier], [true, undefined]);
  await again.publish("a", "still subscribed");
  assertEquals((await again.expectPublish()).text, "still subscribed");
});

Deno.test("[MQTT-3.1.3-6] Clean Start 0 with an empty Client Identifier is a new session", async () => {
  await using broker = await TestBroker.start();
  const connack = await broker.client().connect({ clientId: "", cleanStart: false });
  assertEquals([connack.sessionPresent, typeof connack.properties.assignedClientIdentifier], [false, "string"]);
});

Deno.test("[MQTT-3.1.3-2] The session belongs to the Client Identifier, letter by letter", async () => {
  await using broker = await TestBroker.start();
  const properties = { sessionExpiryInterval: 100 };
  for (const clientId of ["client", "Client", "client "]) {
    const client = await broker.connect({ clientId, properties });
    await client.subscribe(clientId);
    await client.disconnect();
  }
  const publisher = await broker.connect();
  for (const clientId of ["client", "Client", "client "]) {
    const client = broker.client();
    assertEquals((await client.connect({ clientId, cleanStart: false, properties })).sessionPresent, true);
    for (const topicName of ["client", "Client", "client "]) await publisher.publish(topicName, topicName);
    await publisher.expectNothing();
    assertEquals((await client.receiveAll()).map((packet) => (packet as { text?: string }).text), [clientId]);
  }
});

Deno.test("[MQTT-3.1.4-3] The first connection of a Client Identifier gets DISCONNECT 0x8E when a second one comes", async () => {
  await using broker = await TestBroker.start();
  for (const cleanStart of [true, false]) {
    const first = await broker.connect({ clientId: "c", properties: { sessionExpiryInterval: 100 } });
    const second = broker.client();
    const connack = await second.connect({ clientId: "c", cleanStart });
    assertEquals(connack.sessionPresent, !cleanStart);
    await first.expectDisconnect(ReasonCode.SessionTakenOver);
    await second.expectNothing();
    await second.disconnect();
  }
});

Deno.test("[MQTT-3.1.4-3] [MQTT-3.14.0-1] A 3.1.1 client is taken over with no packet, and may take over a 5.0 client", async () => {
  await using broker = await TestBroker.start();
  const old = await broker.connect({ clientId: "c", protocolVersion: 4, cleanStart: false });
  const young = broker.client();
  assertEquals((await young.connect({ clientId: "c", cleanStart: false })).sessionPresent, true);
  await old.expectClosed();
  const oldAgain = await broker.connect({ clientId: "c", protocolVersion: 4 });
  await young.expectDisconnect(ReasonCode.SessionTakenOver);
  await oldAgain.expectNothing();
});

Deno.test("[MQTT-3.1.4-3] Who is refused takes nobody over", async () => {
  const authenticator = new LateAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  const connecting = broker.connect({ clientId: "c", userName: "u" });
  (await authenticator.next()).answer({});
  const first = await connecting;

  const stranger = broker.client();
  await stranger.sendConnect({ clientId: "c", userName: "u" });
  (await authenticator.next()).answer({ reasonCode: ReasonCode.BadUserNameOrPassword });
  assertEquals((await stranger.expect(PacketType.Connack)).reasonCode, ReasonCode.BadUserNameOrPassword);

  // The right password of another user does not open this session either.
  const other = broker.client();
  await other.sendConnect({ clientId: "c", userName: "other", cleanStart: true });
  (await authenticator.next()).answer({});
  assertEquals((await other.expect(PacketType.Connack)).reasonCode, ReasonCode.NotAuthorized);
  await first.expectNothing();
});

Deno.test("[MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.0-2] CONNACK 0x00 comes first and once, whatever waits", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ clientId: "c", properties: { sessionExpiryInterval: 100 } });
  await client.subscribe("a", { qos: 1 });
  await client.disconnect();
  const publisher = await broker.connect();
  await publisher.publish("a", "waits", { qos: 1 });
  await publisher.expect(PacketType.Puback);

  const again = broker.client();
  await again.sendConnect({ clientId: "c", cleanStart: false });
  const connack = await again.expect(PacketType.Connack);
  assertEquals([connack.reasonCode, connack.sessionPresent], [0, true]);
  assertEquals((await again.expectPublish()).text, "waits");
  await again.expectNothing();
});

Deno.test("[MQTT-3.1.4-5] What a Client sends right behind CONNECT is handled after CONNACK", async () => {
  const authenticator = new LateAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  const client = broker.client();
  await client.sendBytes(CONNECT_EMPTY);
  await client.sendBytes(wire(`82 [ 00 01 [ ] "a" 00 ] 30 [ "a" [ ] 'early' ] c0 00`));
  (await authenticator.next()).answer({});
  await client.expect(PacketType.Connack);
  await client.expect(PacketType.Suback);
  assertEquals((await client.expectPublish()).text, "early");
  await client.expect(PacketType.Pingresp);
});

Deno.test("[MQTT-3.1.4-6] [MQTT-3.2.2-7] [MQTT-3.1.4-2] What stands behind a refused CONNECT is not processed", async () => {
  const authenticator = new LateAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  const client = broker.client();
  await client.sendBytes(CONNECT_EMPTY);
  await client.sendBytes(wire(`31 [ "a" [ ] 'retained' ] 82 [ 00 01 [ ] "a" 00 ]`));
  (await authenticator.next()).answer({ reasonCode: ReasonCode.Banned });
  await client.sendBytes(wire(`31 [ "b" [ ] 'retained' ]`)).catch(() => {});
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.Banned);
  await client.expectClosed();
  const { retainedMessages, subscriptions, sessions, connections } = broker.server.snapshot();
  assertEquals({ retainedMessages, subscriptions, sessions, connections }, {
    retainedMessages: 0,
    subscriptions: 0,
    sessions: 0,
    connections: 0,
  });
});

Deno.test("[MQTT-3.1.4-6] The same when the refusal needs no authenticator", async () => {
  await using broker = await TestBroker.start();
  const client = broker.client();
  await client.sendBytes(wire(`10 [ "MQTT" 06 02 00 00 [ ] "c" ] 31 [ "a" [ ] 'retained' ]`));
  await client.expect(PacketType.Connack);
  await client.expectClosed();
  assertEquals(broker.server.snapshot().retainedMessages, 0);
});

Deno.test("A Client that leaves before its authenticator has answered leaves nothing behind", async () => {
  const authenticator = new LateAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  const client = broker.client();
  await client.sendConnect({ clientId: "gone", userName: "u" });
  const question = await authenticator.next();
  client.drop();
  question.answer({});
  const witness = broker.connect({ clientId: "witness" });
  (await authenticator.next()).answer({});
  await (await witness).expectNothing();
  const { connections, sessions, connectedClients } = broker.server.snapshot();
  assertEquals({ connections, sessions, connectedClients }, { connections: 1, sessions: 1, connectedClients: 1 });
});

Deno.test("An authenticator that answers after the connect time-out is not listened to", async () => {
  const authenticator = new LateAuthenticator();
  await using broker = await TestBroker.start({ authenticator, config: { limits: { connectTimeoutMs: 5_000 } } });
  const client = broker.client();
  await client.sendConnect({ clientId: "slow" });
  const question = await authenticator.next();
  await broker.advance(5_050);
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.ServerBusy);
  await client.expectClosed();
  question.answer({});
  assertEquals(broker.server.snapshot().sessions, 0);
});

Deno.test("A connection without a whole CONNECT is closed after the connect time-out", async () => {
  await using broker = await TestBroker.start({ config: { limits: { connectTimeoutMs: 5_000 } } });
  const silent = broker.client();
  const half = broker.client();
  await half.sendBytes(CONNECT_EMPTY.subarray(0, 10));
  const quick = await broker.connect();
  await broker.advance(4_900);
  // Bytes that make no packet prolong nothing.
  await half.sendBytes(CONNECT_EMPTY.subarray(10, 11));
  assertEquals(broker.server.snapshot().connections, 3);
  await broker.advance(150);
  await silent.expectClosed();
  await half.expectClosed();
  await quick.expectNothing();
});

Deno.test("[MQTT-3.1.4-2] Connections beyond connectionsMax are refused with 0x89, or return code 3", async () => {
  await using broker = await TestBroker.start({ config: { limits: { connectionsMax: 3 } } });
  const first = await broker.connect();
  await broker.connect();
  await broker.connect();
  for (
    const [protocolVersion, reasonCode] of [[5, ReasonCode.ServerBusy], [4, ReasonCode.ServerUnavailable]] as const
  ) {
    const client = broker.client();
    await client.sendConnect({ protocolVersion });
    assertEquals((await client.expect(PacketType.Connack)).reasonCode, reasonCode);
    await client.expectClosed();
  }
  await first.disconnect();
  await (await broker.connect()).expectNothing();
});

Deno.test("[MQTT-3.1.4-2] A CONNECT larger than connectPacketSizeMax is refused with 0x95", async () => {
  await using broker = await TestBroker.start({ config: { limits: { connectPacketSizeMax: 128 } } });
  const client = broker.client();
  await client.sendConnect({ clientId: "c", userName: "u".repeat(128) });
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.PacketTooLarge);
  await client.expectClosed();
});

Deno.test("[MQTT-3.1.4-2] A user that the authorizer keeps from a Client Identifier gets 0x87", async () => {
  const authorizer = new TableAuthorizer([{ may: "connect", clientId: "root" }]);
  await using broker = await TestBroker.start({ authorizer });
  const client = broker.client();
  await client.sendConnect({ clientId: "root" });
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.NotAuthorized);
  await client.expectClosed();
  await (await broker.connect()).expectNothing();
});

Deno.test("[MQTT-3.1.4-2] Anonymous clients are refused where the configuration says so", async () => {
  await using broker = await TestBroker.start({ config: { allowAnonymous: false } });
  const client = broker.client();
  await client.sendConnect();
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.NotAuthorized);
  await client.expectClosed();
});

Deno.test("[MQTT-3.1.2-2] A Protocol Version that is switched off is refused with 0x84 or return code 1", async () => {
  await using broker = await TestBroker.start({ config: { protocolVersions: [4] } });
  for (const protocolVersion of [5, 3] as const) {
    const client = broker.client();
    await client.sendConnect({ protocolVersion });
    const connack = await client.expect(PacketType.Connack);
    assertEquals(connack.reasonCode, ReasonCode.UnsupportedProtocolVersion);
    await client.expectClosed();
  }
  await (await broker.connect({ protocolVersion: 4 })).expectNothing();
});

Deno.test("[MQTT-3.1.2-24] [MQTT-3.1.2-25] A message too large for a Client is dropped for it alone, and counts as delivered", async () => {
  await using broker = await TestBroker.start();
  const small = await broker.connect({ properties: { maximumPacketSize: 40, receiveMaximum: 1 } });
  const large = await broker.connect();
  for (const client of [small, large]) await client.subscribe("#", { qos: 2 });
  const publisher = await broker.connect();
  // PUBLISH: 2 + topic 2+1 + identifier 2 (above QoS 0) + properties 1 + payload
  for (const qos of [0, 1, 2] as const) {
    const fits = 40 - 2 - 3 - (qos === 0 ? 0 : 2) - 1;
    for (const bytes of [fits + 1, 10_000, fits]) {
      const payload = "x".repeat(bytes);
      if (qos === 0) await publisher.publish("a", payload);
      else await publisher.publishAcknowledged("a", payload, { qos });
      const received = await large.expectPublish();
      assertEquals(received.text, payload);
    }
    // With a Receive Maximum of 1, it comes only if the others took no quota.
    const { text, packetIdentifier } = await small.expectPublish();
    assertEquals(text.length, fits);
    if (qos === 1) await small.acknowledge(PacketType.Puback, packetIdentifier);
    if (qos === 2) {
      await small.acknowledge(PacketType.Pubrec, packetIdentifier);
      await small.expect(PacketType.Pubrel);
      await small.acknowledge(PacketType.Pubcomp, packetIdentifier);
    }
    await small.expectNothing();
  }
});

Deno.test("[MQTT-3.1.2-24] [MQTT-3.1.2-25] A retained message and a queued message too large for a Client are not sent either", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("big", "x".repeat(100), { qos: 1, retain: true });
  const options = {
    clientId: "c",
    cleanStart: false,
    properties: { sessionExpiryInterval: 100, maximumPacketSize: 40 },
  };
  const client = await broker.connect(options);
  await client.subscribe("#", { qos: 1 });
  await client.expectNothing();
  await client.disconnect();
  await publisher.publishAcknowledged("big", "x".repeat(100), { qos: 1 });
  await publisher.publishAcknowledged("small", "x", { qos: 1 });
  const again = await broker.connect(options);
  assertEquals((await again.expectPublish()).topicName, "small");
  await again.expectNothing();
});

Deno.test("[MQTT-3.1.2-24] A Client that CONNACK itself is too large for is not left waiting", async () => {
  await using broker = await TestBroker.start();
  const client = broker.client();
  await client.sendConnect({ properties: { maximumPacketSize: 4 } });
  await client.expectClosed();
  assertEquals(broker.server.snapshot().sessions, 0);
});

Deno.test("[MQTT-3.1.2-26] Topic Aliases towards a Client stay within its Topic Alias Maximum", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ properties: { topicAliasMaximum: 3 } });
  await client.subscribe("#");
  const publisher = await broker.connect();
  const names = new Map<number, string>();
  let aliased = 0;
  for (let round = 0; round < 5; round++) {
    for (const topicName of ["topic/a", "topic/b", "topic/c", "topic/d", "topic/e"]) {
      await publisher.publish(topicName, topicName);
      const received = await client.expectPublish();
      if (received.topicAlias !== 0) {
        assertEquals(received.topicAlias <= 3, true);
        if (received.topicName === "") aliased++;
        else names.set(received.topicAlias, received.topicName);
      }
      // The payload tells the topic: the alias leads to the same.
      assertEquals(received.topicName === "" ? names.get(received.topicAlias) : received.topicName, received.text);
    }
  }
  assertEquals(aliased > 0, true);
});

Deno.test("[MQTT-3.1.2-27] A Client without a Topic Alias Maximum, or with 0, is sent no aliases", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  for (const properties of [{}, { topicAliasMaximum: 0 }]) {
    const client = await broker.connect({ properties });
    await client.subscribe("#");
    for (let round = 0; round < 3; round++) {
      await publisher.publish("a/rather/long/topic", "");
      const received = await client.expectPublish();
      assertEquals([received.topicAlias, received.topicName], [0, "a/rather/long/topic"]);
    }
  }
});

Deno.test("[MQTT-3.1.2-29] Request Problem Information 0: no Reason String and no User Property but in PUBLISH, CONNACK and DISCONNECT", async () => {
  const authorizer = new TableAuthorizer([{ may: "publish", topic: "no" }, { may: "subscribe", topic: "no" }]);
  await using broker = await TestBroker.start({ authorizer });
  const client = await broker.connect({ properties: { requestProblemInformation: false } });
  const suback = await client.subscribe(["no", "yes", "#/bad"]);
  assertEquals(suback.properties, {});
  assertEquals((await client.unsubscribe(["never", "#/bad"])).properties, {});
  await client.publish("no", "", { qos: 1 });
  assertEquals((await client.expect(PacketType.Puback)).properties, {});
  await client.publish("no", "", { qos: 2 });
  assertEquals((await client.expect(PacketType.Pubrec)).properties, {});
  await client.acknowledge(PacketType.Pubrel, 77);
  assertEquals((await client.expect(PacketType.Pubcomp)).properties, {});
  // A PUBLISH keeps its own.
  await client.publish("yes", "", { properties: { userProperties: [["name", "value"]] } });
  assertEquals((await client.expectPublish()).properties.userProperties, [["name", "value"]]);
});

Deno.test("[MQTT-4.2.0-1] The broker serves TCP, whatever way the bytes are cut", async () => {
  const server = await startServer(makeConfig({ port: 0, sysIntervalS: 0, durability: "off" }));
  try {
    const client = new TestClient(await connectTcp("127.0.0.1", Number(new URL(server.urls[0]).port)));
    const bytes = wire(
      `10 [ "MQTT" 05 02 00 00 [ ] "c" ] 82 [ 00 01 [ ] "a" 01 ] 30 [ "a" [ ] 'payload' ] c0 00 c0 00`,
    );
    for (let i = 0; i < 20; i++) await client.sendBytes(bytes.subarray(i, i + 1));
    await client.sendBytes(bytes.subarray(20));
    await client.expect(PacketType.Connack);
    await client.expect(PacketType.Suback);
    assertEquals((await client.expectPublish()).text, "payload");
    await client.expect(PacketType.Pingresp);
    await client.expect(PacketType.Pingresp);
    await client.disconnect();
  } finally {
    await server.stop();
  }
});
