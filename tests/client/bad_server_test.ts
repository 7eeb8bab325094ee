/** Servers that break the protocol, or say nothing: each ends in a typed error and a new connection, and nothing hangs.
 * @module */

import { assertEquals } from "@std/assert";
import {
  ConnectionLostError,
  ConnectRefusedError,
  DisconnectedError,
  ServerProtocolError,
} from "../../src/client/errors.ts";
import { PacketType, type Properties, ReasonCode } from "../../src/packet/mod.ts";
import { connectThrough, FakeServer, rejectsWith, type ServerSide, settle, TestTime } from "./support.ts";

const { Puback, Pubrec, Pubrel, Pubcomp, Connack, Publish, Subscribe, Unsubscribe, Disconnect, Pingreq } = PacketType;

/** What a Server sends after CONNACK, and what the client answers it with. */
const BROKEN: readonly { what: string; send: (server: ServerSide) => Promise<void>; reasonCode: ReasonCode }[] = [
  { what: "a malformed packet", send: (s) => s.sendBytes([0x00, 0]), reasonCode: ReasonCode.MalformedPacket },
  {
    what: "a Remaining Length of five bytes",
    send: (s) => s.sendBytes([0x30, 0xff, 0xff, 0xff, 0xff, 1]),
    reasonCode: ReasonCode.MalformedPacket,
  },
  { what: "QoS 3", send: (s) => s.sendBytes([0x36, 5, 0, 1, 97, 0, 1]), reasonCode: ReasonCode.MalformedPacket },
  {
    what: "a Topic Name with a wildcard",
    send: (s) => s.sendBytes([0x30, 4, 0, 1, 0x23, 0]),
    reasonCode: ReasonCode.ProtocolError,
  },
  { what: "a second CONNACK", send: (s) => s.sendBytes([0x20, 3, 0, 0, 0]), reasonCode: ReasonCode.ProtocolError },
  { what: "PINGREQ", send: (s) => s.send({ type: Pingreq }), reasonCode: ReasonCode.ProtocolError },
  {
    what: "SUBSCRIBE",
    send: (s) => s.sendBytes([0x82, 7, 0, 1, 0, 0, 1, 97, 0]),
    reasonCode: ReasonCode.ProtocolError,
  },
  { what: "PINGRESP without PINGREQ", send: (s) => s.sendBytes([0xd0, 0]), reasonCode: ReasonCode.ProtocolError },
  { what: "PUBACK that nobody awaits", send: (s) => s.acknowledge(Puback, 7), reasonCode: ReasonCode.ProtocolError },
  { what: "PUBCOMP that nobody awaits", send: (s) => s.acknowledge(Pubcomp, 7), reasonCode: ReasonCode.ProtocolError },
  {
    what: "SUBACK that nobody awaits",
    send: (s) => s.sendBytes([0x90, 4, 0, 1, 0, 0]),
    reasonCode: ReasonCode.ProtocolError,
  },
  {
    what: "UNSUBACK that nobody awaits",
    send: (s) => s.sendBytes([0xb0, 4, 0, 1, 0, 0]),
    reasonCode: ReasonCode.ProtocolError,
  },
  {
    what: "AUTH without a method",
    send: (s) => s.send({ type: PacketType.Auth, reasonCode: 0x18, properties: { authenticationMethod: "X" } }),
    reasonCode: ReasonCode.ProtocolError,
  },
  {
    what: "a Topic Alias that was not allowed",
    send: (s) => s.publish("a", "", { topicAlias: 1 }),
    reasonCode: ReasonCode.TopicAliasInvalid,
  },
  {
    what: "an identifier that is in use",
    send: async (s) => {
      await s.publish("a", "", { qos: 1, packetIdentifier: 1 });
      await s.publish("a", "", { qos: 1, packetIdentifier: 1 });
    },
    reasonCode: ReasonCode.ProtocolError,
  },
  {
    what: "PUBREL before PUBREC",
    send: async (s) => {
      await s.publish("a", "", { qos: 2, packetIdentifier: 1 });
      await s.acknowledge(Pubrel, 1);
    },
    reasonCode: ReasonCode.ProtocolError,
  },
  {
    what: "a packet that is too large",
    send: (s) => s.publish("a", "x".repeat(1000)),
    reasonCode: ReasonCode.PacketTooLarge,
  },
];

for (const { what, send, reasonCode } of BROKEN) {
  Deno.test(`a Server that sends ${what} is told so, left, and asked again`, async () => {
    const fake = new FakeServer();
    const properties: Properties = { receiveMaximum: 3, maximumPacketSize: 500 };
    const { client, server, time } = await fake.connect({ properties });
    const subscribing = client.subscribe("a", { qos: 2 });
    const { packetIdentifier } = await server.expect(Subscribe);
    await server.send({ type: PacketType.Suback, packetIdentifier, reasonCodes: [2], properties: {} });
    const subscription = await subscribing;
    await send(server);
    // What the client said before it noticed.
    let packet = await server.receive();
    while (packet !== undefined && packet.type !== Disconnect) packet = await server.receive();
    assertEquals(packet?.type === Disconnect && packet.reasonCode, reasonCode);
    await server.expectClosed();
    assertEquals(client.state, "waiting");
    await time.advance(300);
    await (await fake.next()).accept();
    await settle();
    assertEquals(client.state, "connected");
    client.drop();
    await subscription.unsubscribe();
  });

  Deno.test(`a Server that sends ${what} ends a client that does not reconnect`, async () => {
    const fake = new FakeServer();
    const properties: Properties = { receiveMaximum: 3, maximumPacketSize: 500 };
    const { client, server } = await fake.connect({ properties, reconnect: false });
    // Nobody reads, so nothing is acknowledged.
    const subscribing = client.subscribe("a", { qos: 2 });
    const { packetIdentifier } = await server.expect(Subscribe);
    await server.send({ type: PacketType.Suback, packetIdentifier, reasonCodes: [2], properties: {} });
    const subscription = await subscribing;
    await send(server);
    while (await server.receive() !== undefined);
    const error = await rejectsWith(ServerProtocolError, client.closed);
    assertEquals(error.reasonCode, reasonCode);
    assertEquals(client.state, "closed");
    await subscription.unsubscribe();
  });
}

Deno.test("a wrong answer to a question: PUBREC for QoS 1, PUBACK for QoS 2, PUBACK twice, UNSUBACK for SUBSCRIBE", async () => {
  const cases: [1 | 2 | 0, (server: ServerSide, identifier: number) => Promise<void>][] = [
    [1, (server, identifier) => server.acknowledge(Pubrec, identifier)],
    [2, (server, identifier) => server.acknowledge(Puback, identifier)],
    [2, (server, identifier) => server.acknowledge(Pubcomp, identifier)],
    [
      1,
      (server, identifier) => server.acknowledge(Puback, identifier).then(() => server.acknowledge(Puback, identifier)),
    ],
    [0, (server, identifier) => server.sendBytes([0xb0, 4, 0, identifier, 0, 0])],
    [0, (server, identifier) => server.sendBytes([0x90, 5, 0, identifier, 0, 0, 0])],
  ];
  for (const [qos, answer] of cases) {
    const fake = new FakeServer();
    const { client, server } = await fake.connect({ reconnect: false });
    const asked = qos === 0 ? client.subscribe("a") : client.publish("a", "", { qos });
    asked.catch(() => {});
    const packet = await server.expect(qos === 0 ? Subscribe : Publish);
    await answer(server, packet.packetIdentifier);
    while (await server.receive() !== undefined);
    const error = await rejectsWith(ServerProtocolError, client.closed);
    assertEquals(error.reasonCode, ReasonCode.ProtocolError);
  }
});

Deno.test("PUBREC for an unknown identifier is answered by PUBREL 0x92, and its PUBCOMP is taken", async () => {
  const fake = new FakeServer();
  const { client, server } = await fake.connect();
  await server.acknowledge(Pubrec, 9);
  const { packetIdentifier, reasonCode } = await server.expect(Pubrel);
  assertEquals([packetIdentifier, reasonCode], [9, ReasonCode.PacketIdentifierNotFound]);
  await server.acknowledge(Pubcomp, 9, ReasonCode.PacketIdentifierNotFound);
  await server.acknowledge(Pubrel, 8);
  assertEquals((await server.expect(Pubcomp)).reasonCode, ReasonCode.PacketIdentifierNotFound);
  assertEquals(client.state, "connected");
  client.drop();
});

Deno.test("before CONNACK a Server may say nothing else, and CONNACK cannot resume what was not asked for", async () => {
  const cases: ((server: ServerSide) => Promise<void>)[] = [
    (server) => server.sendBytes([0xd0, 0]),
    (server) => server.sendBytes([0xe0, 0]),
    (server) => server.publish("a", ""),
    (server) => server.sendBytes([0x20, 3, 1, 0, 0]),
    (server) => server.sendBytes([0x20, 3, 2, 0, 0]),
    (server) => server.sendBytes([0x20, 3, 0, 1, 0]),
  ];
  for (const send of cases) {
    const fake = new FakeServer();
    const connecting = connectThrough(fake.open, { protocolVersion: 5 });
    const server = await fake.next();
    await server.expect(PacketType.Connect);
    await send(server);
    await rejectsWith(ServerProtocolError, connecting);
  }
});

Deno.test("connect() rejects when the Server is silent, closes, or is not there", async () => {
  const silent = new FakeServer();
  const time = new TestTime();
  const connecting = connectThrough(silent.open, { connectTimeoutMs: 5000 }, time);
  await silent.next();
  const rejected = rejectsWith(ConnectionLostError, connecting);
  await time.advance(5100);
  await rejected;

  const closing = new FakeServer();
  const closed = rejectsWith(ConnectionLostError, connectThrough(closing.open, { protocolVersion: 5 }));
  (await closing.next()).stream.close();
  await closed;

  const absent = new FakeServer();
  absent.refuses = new Error("nobody listens");
  const error = await rejectsWith(ConnectionLostError, connectThrough(absent.open));
  assertEquals(error.message, "no connection to memory:: nobody listens");
});

Deno.test("connect() that cannot open anything gives up in time, and closes what is opened later", async () => {
  const time = new TestTime();
  const opened = Promise.withResolvers<never>();
  const signals: AbortSignal[] = [];
  const connecting = connectThrough(
    (signal) => {
      signals.push(signal);
      return opened.promise;
    },
    { connectTimeoutMs: 1000 },
    time,
  );
  const rejected = rejectsWith(ConnectionLostError, connecting);
  await time.advance(1100);
  await rejected;
  assertEquals(signals[0].aborted, true);
  let isClosed = false;
  opened.resolve({ close: () => isClosed = true } as never);
  await settle();
  assertEquals(isClosed, true);
});

Deno.test("a refusal on the way back is tried again, one that no attempt would mend is the end", async () => {
  const fake = new FakeServer();
  const { client, server, time, states } = await fake.connect();
  server.stream.reset();
  await time.advance(300);
  await (await fake.next()).accept({ reasonCode: ReasonCode.ServerBusy });
  await time.advance(0);
  assertEquals(client.state, "waiting");
  await time.advance(600);
  await (await fake.next()).accept({ reasonCode: ReasonCode.ClientIdentifierNotValid });
  const error = await rejectsWith(ConnectRefusedError, client.closed);
  assertEquals(error.reasonCode, ReasonCode.ClientIdentifierNotValid);
  assertEquals(states, ["connecting", "connected", "waiting", "connecting", "waiting", "connecting", "closed"]);
});

Deno.test("DISCONNECT of the Server: its reason and reference are told; taken over is the end, busy is not", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect();
  await server.send({ type: Disconnect, reasonCode: ReasonCode.ServerBusy, properties: {} });
  await settle();
  assertEquals(client.state, "waiting");
  await time.advance(300);
  const second = await fake.next();
  await second.accept();
  const properties = { serverReference: "other:1883", reasonString: "another one came" };
  await second.send({ type: Disconnect, reasonCode: ReasonCode.SessionTakenOver, properties });
  const error = await rejectsWith(DisconnectedError, client.closed);
  assertEquals([error.reasonCode, error.serverReference, error.reasonString], [0x8e, "other:1883", "another one came"]);
  assertEquals(fake.arrivals, 2);
});

Deno.test("keep alive: PINGREQ when nothing else was sent, and the end when it is not answered", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect({ keepAlive: 10 });
  await time.advance(9_000);
  await client.publish("a", "");
  await server.expect(Publish);
  await time.advance(9_000);
  await time.advance(700);
  await server.expect(Pingreq);
  await server.sendBytes([0xd0, 0]);
  await time.advance(9_600);
  await server.expect(Pingreq);
  assertEquals(client.state, "connected");
  await time.advance(9_750);
  assertEquals(client.state, "waiting");
});

Deno.test("keep alive of the Server takes the place of ours, and 0 is off", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect({ keepAlive: 0 }, { properties: { serverKeepAlive: 2 } });
  assertEquals(client.server.keepAlive, 2);
  await time.advance(1_600);
  await server.expect(Pingreq);
  client.drop();
  const off = new FakeServer();
  const silent = await off.connect({ keepAlive: 0 });
  await silent.time.advance(1e9);
  assertEquals(silent.packets.length, 2);
  silent.client.drop();
});

Deno.test("an acknowledgement that does not come ends the connection, and the message goes out again on the next", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect({ acknowledgementTimeoutMs: 5000, keepAlive: 0 });
  const published = client.publish("a", "1", { qos: 1 });
  await server.expect(Publish);
  await time.advance(5_100);
  assertEquals(client.state, "waiting");
  await time.advance(300);
  const second = await fake.next();
  await second.accept({ sessionPresent: true });
  const again = await second.expect(Publish);
  assertEquals(again.dup, true);
  await second.acknowledge(Puback, again.packetIdentifier);
  await published;
  client.drop();
});

Deno.test("an alarm that rings too early is set again", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect();
  server.stream.reset();
  await settle();
  assertEquals(client.state, "waiting");
  time.ringAll();
  await settle();
  assertEquals(client.state, "waiting");
  await time.advance(300);
  await (await fake.next()).accept();
  await settle();
  assertEquals(client.state, "connected");
  client.drop();
});

Deno.test("fallback: a Server that knows 3.1.1 alone is asked again with it", async () => {
  const answers: ((server: ServerSide) => unknown)[] = [
    (server) => server.sendBytes([0x20, 3, 0, 0x84, 0]),
    (server) => server.sendBytes([0x20, 2, 0, 1]),
    (server) => server.stream.close(),
  ];
  for (const answer of answers) {
    const fake = new FakeServer();
    const connecting = connectThrough(fake.open);
    const first = await fake.next();
    assertEquals((await first.expect(PacketType.Connect)).protocolVersion, 5);
    await answer(first);
    const second = await fake.next();
    const connect = await second.accept();
    assertEquals(connect.protocolVersion, 4);
    assertEquals(connect.clientId.length > 0, true);
    const { client } = await connecting;
    assertEquals(client.protocolVersion, 4);
    client.drop();
  }
  for (const options of [{ fallback: false }, { protocolVersion: 5 as const }]) {
    for (const connack of [[0x20, 3, 0, 0x84, 0], [0x20, 2, 0, 1]]) {
      const fake = new FakeServer();
      const connecting = connectThrough(fake.open, options);
      await (await fake.next()).sendBytes(connack);
      const { reasonCode } = await rejectsWith(ConnectRefusedError, connecting);
      assertEquals(reasonCode, ReasonCode.UnsupportedProtocolVersion);
      assertEquals(fake.arrivals, 1);
    }
  }
});

Deno.test("what a Server does not take is refused before it is sent", async () => {
  const fake = new FakeServer();
  const { client, packets } = await fake.connect({}, {
    properties: {
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 50,
      wildcardSubscriptionAvailable: false,
      sharedSubscriptionAvailable: false,
    },
  });
  const codeOf = (promise: Promise<unknown>) =>
    rejectsWith(Error, promise).then((error) => (error as never)["reasonCode"]);
  assertEquals(await codeOf(client.publish("a", "", { qos: 2 })), ReasonCode.QoSNotSupported);
  assertEquals(await codeOf(client.publish("a", "", { retain: true })), ReasonCode.RetainNotSupported);
  assertEquals(await codeOf(client.publish("a", "", { retain: true, qos: 1 })), ReasonCode.RetainNotSupported);
  assertEquals(await codeOf(client.publish("a", "x".repeat(50))), ReasonCode.PacketTooLarge);
  assertEquals(await codeOf(client.publish("a", "x".repeat(50), { qos: 1 })), ReasonCode.PacketTooLarge);
  assertEquals(await codeOf(client.subscribe("a/#")), ReasonCode.WildcardSubscriptionsNotSupported);
  assertEquals(await codeOf(client.subscribe("$share/g/a")), ReasonCode.SharedSubscriptionsNotSupported);
  assertEquals(await codeOf(client.subscribe("x".repeat(50))), ReasonCode.PacketTooLarge);
  assertEquals(packets, [`sent ${PacketType.Connect}`, `received ${Connack}`]);
  assertEquals(client.outboxLength, 0);
  client.drop();
});

Deno.test("UNSUBSCRIBE that is not answered ends with the client", async () => {
  const fake = new FakeServer();
  const { client, server } = await fake.connect();
  const subscribing = client.subscribe("a");
  const { packetIdentifier } = await server.expect(Subscribe);
  await server.send({ type: PacketType.Suback, packetIdentifier, reasonCodes: [0], properties: {} });
  const ending = (await subscribing).unsubscribe();
  await server.expect(Unsubscribe);
  client.drop();
  await ending;
});
