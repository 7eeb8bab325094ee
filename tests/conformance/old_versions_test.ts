/** Clients of MQTT 3.1.1 and 3.1 beside those of 5.0. The sections named are those of 3.1.1; the ids of statements are
 * those of 5.0, as everywhere. @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { LateAuthenticator } from "../support/authenticators.ts";
import { TestBroker } from "../support/test_broker.ts";
import { readBytes } from "../support/wire_exchange.ts";

/** A CONNECT in bytes, byte 8 being the flags. */
const CONNECT = {
  4: (flags: string, clientId: string) => wire(`10 [ "MQTT" 04 ${flags} 00 00 "${clientId}" ]`),
  3: (flags: string, clientId: string) => wire(`10 [ "MQIsdp" 03 ${flags} 00 00 "${clientId}" ]`),
};
const OLD = [4, 3] as const;

Deno.test("CONNACK of 3.1.1 and 3.1 has two bytes: flags and return code", async () => {
  await using broker = await TestBroker.start();
  for (const version of OLD) {
    const stream = broker.open();
    await stream.write(CONNECT[version]("02", "c"));
    await stream.write(wire("c0 00"));
    assertEquals(await readBytes(stream, 6), wire("20 02 00 00 d0 00"));
    stream.close();
  }
});

Deno.test("Return codes 1 to 5", async () => {
  const authenticator = new LateAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  const verdicts: [ReasonCode, number][] = [
    [ReasonCode.UnsupportedProtocolVersion, 1],
    [ReasonCode.ClientIdentifierNotValid, 2],
    [ReasonCode.ServerUnavailable, 3],
    [ReasonCode.ServerBusy, 3],
    [ReasonCode.QuotaExceeded, 3],
    [ReasonCode.BadUserNameOrPassword, 4],
    [ReasonCode.NotAuthorized, 5],
    [ReasonCode.Banned, 5],
  ];
  for (const version of OLD) {
    for (const [reasonCode, returnCode] of verdicts) {
      const stream = broker.open();
      await stream.write(CONNECT[version]("02", "c"));
      (await authenticator.next()).answer({ reasonCode, reasonString: "not for old clients" });
      assertEquals(await readBytes(stream, 4), wire(`20 02 00 0${returnCode}`));
      assertEquals(await stream.read(new Uint8Array(1)), null);
    }
  }
});

Deno.test("An unacceptable Protocol Version is answered with return code 1", async () => {
  await using broker = await TestBroker.start();
  for (
    const connect of [
      `10 [ "MQTT" 03 02 00 00 "c" ]`,
      `10 [ "MQIsdp" 04 02 00 00 "c" ]`,
      `10 [ "MQTT" 84 02 00 00 "c" ]`,
    ]
  ) {
    const stream = broker.open();
    await stream.write(wire(connect));
    assertEquals(await readBytes(stream, 4), wire("20 02 00 01"));
    assertEquals(await stream.read(new Uint8Array(1)), null);
  }
});

Deno.test("[MQTT-3.1.3-6] [MQTT-3.1.3-8] An empty Client Identifier needs Clean Session 1 and 3.1.1; otherwise return code 2", async () => {
  await using broker = await TestBroker.start();
  for (const [version, flags, returnCode] of [[4, "02", 0], [4, "00", 2], [3, "02", 2], [3, "00", 2]] as const) {
    const stream = broker.open();
    await stream.write(CONNECT[version](flags, ""));
    assertEquals(await readBytes(stream, 4), wire(`20 02 00 0${returnCode}`));
    if (returnCode === 0) stream.close();
    else assertEquals(await stream.read(new Uint8Array(1)), null);
  }
});

Deno.test("[MQTT-3.1.4-1] A malformed CONNECT of 3.1.1 is closed with no CONNACK: there is no return code for it", async () => {
  await using broker = await TestBroker.start();
  for (
    const connect of [
      `10 [ "MQTT" 04 03 00 00 "c" ]`, // reserved flag
      `10 [ "MQTT" 04 0a 00 00 "c" ]`, // Will QoS without a will
      `10 [ "MQTT" 04 1e 00 00 "c" "w" "" ]`, // Will QoS 3
      `10 [ "MQTT" 04 42 00 00 "c" "password" ]`, // a password without a user name
      `10 [ "MQTT" 04 82 00 00 "c" ]`, // no user name
      `10 [ "MQTT" 04 02 00 00 "c" 00 ]`, // a byte too many
      `10 [ "MQTT" 04 02 00 00 00 03 ed a0 80 ]`, // a surrogate
    ]
  ) {
    const client = broker.client();
    client.speak(4);
    await client.sendBytes(wire(connect));
    await client.expectClosed();
  }
});

Deno.test("Session Present is told to 3.1.1, and not to 3.1, whose byte is reserved", async () => {
  await using broker = await TestBroker.start();
  for (const [version, flag] of [[4, 1], [3, 0]] as const) {
    for (const expected of [0, flag]) {
      const stream = broker.open();
      await stream.write(CONNECT[version]("00", `c${version}`));
      assertEquals((await readBytes(stream, 4))[2], expected);
      await stream.write(wire("e0 00"));
      assertEquals(await stream.read(new Uint8Array(1)), null);
    }
  }
});

Deno.test("Properties of a 5.0 publisher are stripped for old subscribers, and theirs are none", async () => {
  await using broker = await TestBroker.start();
  const young = await broker.connect();
  const olds = await Promise.all(OLD.map((protocolVersion) => broker.connect({ protocolVersion })));
  for (const client of [young, ...olds]) await client.subscribe("a", { qos: 1 });
  await young.publish("a", "from 5.0", {
    qos: 1,
    properties: { contentType: "text/plain", userProperties: [["name", "value"]], messageExpiryInterval: 100 },
  });
  for (const old of olds) {
    const { text, properties, qos } = await old.expectPublish();
    assertEquals([text, properties, qos], ["from 5.0", {}, 1]);
  }
  const all = await young.receiveAll();
  assertEquals(all.length, 2); // PUBLISH and PUBACK
  await olds[0].publish("a", "from 3.1.1");
  assertEquals((await young.expectPublish()).properties, {});
});

Deno.test("Message Expiry Interval is in force for old subscribers, too", async () => {
  await using broker = await TestBroker.start();
  const options = { protocolVersion: 4, clientId: "old", cleanStart: false } as const;
  const old = await broker.connect(options);
  await old.subscribe("a", { qos: 1 });
  await old.disconnect();
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("a", "short", { qos: 1, properties: { messageExpiryInterval: 10 } });
  await publisher.publishAcknowledged("a", "long", { qos: 1, properties: { messageExpiryInterval: 100 } });
  await broker.advance(11_000);
  const again = await broker.connect(options);
  assertEquals((await again.expectPublish()).text, "long");
});

Deno.test("SUBACK and UNSUBACK of 3.1.1 and 3.1: 0x80 for a refusal, no codes in UNSUBACK", async () => {
  await using broker = await TestBroker.start({ config: { limits: { subscriptionsPerSessionMax: 1 } } });
  for (const version of OLD) {
    const stream = broker.open();
    await stream.write(CONNECT[version]("02", "c"));
    await stream.write(wire(`82 [ 00 01 "a" 02 "b" 01 ] a2 [ 00 02 "a" "never" ]`));
    assertEquals(await readBytes(stream, 4 + 6 + 4), wire("20 02 00 00 90 04 00 01 02 80 b0 02 00 02"));
    stream.close();
  }
});

Deno.test("Acknowledgements of 3.1.1 and 3.1 have two bytes, also where 5.0 would hear a Reason Code", async () => {
  await using broker = await TestBroker.start();
  for (const version of OLD) {
    const stream = broker.open();
    await stream.write(CONNECT[version]("02", "c"));
    // Nobody subscribes; PUBREL 9 is unknown.
    await stream.write(wire(`32 [ "a" 00 01 ] 34 [ "a" 00 02 ] 62 [ 00 02 ] 62 [ 00 09 ]`));
    assertEquals(await readBytes(stream, 4 + 16), wire("20 02 00 00 40 02 00 01 50 02 00 02 70 02 00 02 70 02 00 09"));
    stream.close();
  }
});

Deno.test("QoS 2 through a 3.1.1 publisher and a 3.1 subscriber", async () => {
  await using broker = await TestBroker.start();
  const subscriber = await broker.connect({ protocolVersion: 3 });
  await subscriber.subscribe("a", { qos: 2 });
  const publisher = await broker.connect({ protocolVersion: 4 });
  await publisher.publishAcknowledged("a", "once", { qos: 2 });
  const { text, qos, packetIdentifier } = await subscriber.expectPublish();
  assertEquals([text, qos], ["once", 2]);
  await subscriber.acknowledge(PacketType.Pubrec, packetIdentifier);
  await subscriber.expect(PacketType.Pubrel);
  await subscriber.acknowledge(PacketType.Pubcomp, packetIdentifier);
  await subscriber.expectNothing();
});

Deno.test("3.1 clients may set DUP where 3.1.1 made it reserved", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ protocolVersion: 3 });
  await client.sendBytes(wire(`8a [ 00 01 "a" 00 ]`));
  await client.expect(PacketType.Suback);
  await client.sendBytes(wire(`aa [ 00 02 "a" ]`));
  await client.expect(PacketType.Unsuback);
  const strict = await broker.connect({ protocolVersion: 4 });
  await strict.sendBytes(wire(`8a [ 00 01 "a" 00 ]`));
  await strict.expectClosed();
});

Deno.test("The server's shutting down closes old clients without a packet", async () => {
  const broker = await TestBroker.start();
  const clients = await Promise.all(OLD.map((protocolVersion) => broker.connect({ protocolVersion })));
  const stopping = broker.server.stop();
  for (const client of clients) {
    await client.expectClosed();
    client.drop();
  }
  await stopping;
});

Deno.test("A session of a 3.1.1 client is taken over by its 5.0 successor with all it has, and back", async () => {
  await using broker = await TestBroker.start();
  const old = await broker.connect({ protocolVersion: 4, clientId: "c", cleanStart: false });
  await old.subscribe("a", { qos: 1 });
  await old.disconnect();
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("a", "1", { qos: 1, properties: { contentType: "text/plain" } });
  const young = await broker.connect({ clientId: "c", cleanStart: false, properties: { sessionExpiryInterval: 100 } });
  assertEquals((await young.expectPublish()).properties.contentType, "text/plain");
  await young.disconnect();
  const back = broker.client();
  assertEquals((await back.connect({ protocolVersion: 4, clientId: "c", cleanStart: false })).sessionPresent, true);
  const { text, dup, properties } = await back.expectPublish();
  assertEquals([text, dup, properties], ["1", true, {}]);
});
