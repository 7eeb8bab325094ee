/** Broken packets to a running broker: the Reason Code that they bring, and the end of the connection. Spec §1.5, §2,
 * §3.1, §3.14, §3.15, §4.13. Before CONNACK the answer is a CONNACK, after it a DISCONNECT. @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "../support/test_broker.ts";
import { readBytes, testDisconnected, testRefusedConnects } from "../support/wire_exchange.ts";

const { MalformedPacket, ProtocolError, UnsupportedProtocolVersion } = ReasonCode;

/** Text that is no UTF-8, behind its length. */
const BAD_TEXT = {
  "a lone continuation byte": "00 01 80",
  "a sequence cut short": "00 02 e2 82",
  "an overlong form": "00 02 c0 af",
  "a surrogate (U+D800)": "00 03 ed a0 80",
  "a code point above U+10FFFF": "00 04 f4 90 80 80",
};
const NULL_TEXT = "00 03 61 00 62";

/** CONNECTs with `text` in place of one of their strings. Flags: 80 user name, 40 password, 04 will, 02 Clean Start. */
const CONNECT_TEXTS = {
  "Client Identifier [MQTT-3.1.3-4]": (text: string) => `10 [ "MQTT" 05 02 00 00 [ ] ${text} ]`,
  "Will Topic [MQTT-3.1.3-11]": (text: string) => `10 [ "MQTT" 05 06 00 00 [ ] "c" [ ] ${text} "payload" ]`,
  "User Name [MQTT-3.1.3-12]": (text: string) => `10 [ "MQTT" 05 82 00 00 [ ] "c" ${text} ]`,
  "Authentication Method": (text: string) => `10 [ "MQTT" 05 02 00 00 [ 15 ${text} ] "c" ]`,
  "name of a User Property [MQTT-1.5.7-1]": (text: string) => `10 [ "MQTT" 05 02 00 00 [ 26 ${text} "value" ] "c" ]`,
  "value of a User Property [MQTT-1.5.7-1]": (text: string) => `10 [ "MQTT" 05 02 00 00 [ 26 "name" ${text} ] "c" ]`,
};

/** The same for packets behind CONNACK. */
const OTHER_TEXTS = {
  "Topic Name of PUBLISH": (text: string) => `30 [ ${text} [ ] 'payload' ]`,
  "Content Type of PUBLISH": (text: string) => `30 [ "topic" [ 03 ${text} ] 'payload' ]`,
  "User Property of PUBLISH [MQTT-1.5.7-1]": (text: string) => `30 [ "topic" [ 26 "name" ${text} ] 'payload' ]`,
  "Topic Filter of SUBSCRIBE": (text: string) => `82 [ 00 01 [ ] ${text} 00 ]`,
  "Topic Filter of UNSUBSCRIBE": (text: string) => `a2 [ 00 01 [ ] ${text} ]`,
  "Reason String of DISCONNECT": (text: string) => `e0 [ 00 [ 1f ${text} ] ]`,
};

for (const [what, text] of Object.entries(BAD_TEXT)) {
  testRefusedConnects(
    Object.entries(CONNECT_TEXTS).map(([field, packet]) => ({
      name: `[MQTT-1.5.4-1] CONNECT with ${what} in the ${field} is malformed`,
      wire: packet(text),
      reasonCode: MalformedPacket,
    })),
  );
  testDisconnected(
    Object.entries(OTHER_TEXTS).map(([field, packet]) => ({
      name: `[MQTT-1.5.4-1] ${what} in the ${field} is malformed`,
      wire: packet(text),
      reasonCode: MalformedPacket,
    })),
  );
}

testRefusedConnects(
  Object.entries(CONNECT_TEXTS).map(([field, packet]) => ({
    name: `[MQTT-1.5.4-2] CONNECT with U+0000 in the ${field} is malformed`,
    wire: packet(NULL_TEXT),
    reasonCode: MalformedPacket,
  })),
);
testDisconnected(
  Object.entries(OTHER_TEXTS).map(([field, packet]) => ({
    name: `[MQTT-1.5.4-2] U+0000 in the ${field} is malformed`,
    wire: packet(NULL_TEXT),
    reasonCode: MalformedPacket,
  })),
);

testRefusedConnects([
  {
    name: "[MQTT-3.1.2-1] A Protocol Name that is not MQTT is refused with 0x84",
    wire: `10 [ "MQTX" 05 02 00 00 [ ] "c" ]`,
    reasonCode: UnsupportedProtocolVersion,
  },
  {
    name: "[MQTT-3.1.2-1] The Protocol Name is in upper case",
    wire: `10 [ "mqtt" 05 02 00 00 [ ] "c" ]`,
    reasonCode: UnsupportedProtocolVersion,
  },
  {
    name: "[MQTT-3.1.2-2] Protocol Version 6 is refused with 0x84",
    wire: `10 [ "MQTT" 06 02 00 00 [ ] "c" ]`,
    reasonCode: UnsupportedProtocolVersion,
  },
  {
    name: "[MQTT-3.1.2-2] Protocol Version 255 is refused with 0x84",
    wire: `10 [ "MQTT" ff 02 00 00 [ ] "c" ]`,
    reasonCode: UnsupportedProtocolVersion,
  },
  {
    name: "[MQTT-3.1.2-2] Protocol Version 3 under the name MQTT is refused in words of that time: return code 1",
    wire: `10 [ "MQTT" 03 02 00 00 "c" ]`,
    reasonCode: UnsupportedProtocolVersion,
    version: 4,
  },
  {
    name: "[MQTT-3.1.2-3] The reserved bit of the Connect Flags is 0",
    wire: `10 [ "MQTT" 05 03 00 00 [ ] "c" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.2-9] A Will Flag without Will Properties, Will Topic and Will Payload is malformed",
    wire: `10 [ "MQTT" 05 06 00 00 [ ] "c" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.2-9] A Will Flag without a Will Payload is malformed",
    wire: `10 [ "MQTT" 05 06 00 00 [ ] "c" [ ] "topic" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.2-11] Will Flag 0 with Will QoS 1 is malformed",
    wire: `10 [ "MQTT" 05 0a 00 00 [ ] "c" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.2-12] Will QoS 3 is malformed",
    wire: `10 [ "MQTT" 05 1e 00 00 [ ] "c" [ ] "topic" "payload" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.2-13] Will Flag 0 with Will Retain 1 is malformed",
    wire: `10 [ "MQTT" 05 22 00 00 [ ] "c" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.2-16] User Name Flag 0 with a User Name in the payload is malformed",
    wire: `10 [ "MQTT" 05 02 00 00 [ ] "c" "name" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.2-17] User Name Flag 1 without a User Name is malformed",
    wire: `10 [ "MQTT" 05 82 00 00 [ ] "c" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.2-18] Password Flag 0 with a Password in the payload is malformed",
    wire: `10 [ "MQTT" 05 82 00 00 [ ] "c" "name" "password" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.2-19] Password Flag 1 without a Password is malformed",
    wire: `10 [ "MQTT" 05 c2 00 00 [ ] "c" "name" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.3-3] CONNECT without a Client Identifier is malformed",
    wire: `10 [ "MQTT" 05 02 00 00 [ ] ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.3-1] A Will Topic before the Will Properties is malformed",
    wire: `10 [ "MQTT" 05 06 00 00 [ ] "c" "topic" [ ] "payload" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-2.2.2-1] CONNECT without a Property Length is malformed",
    wire: `10 [ "MQTT" 05 02 00 00 ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-2.1.3-1] CONNECT with reserved flags is malformed",
    wire: `11 [ "MQTT" 05 02 00 00 [ ] "c" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-2.1.3-1] The beginning of TLS looks like a CONNECT with reserved flags",
    wire: "16 03 01 00 c8 01 00 00 c4",
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-1.5.5-1] CONNECT with a Property Length in two bytes instead of one is malformed",
    wire: `10 [ "MQTT" 05 02 00 00 80 00 "c" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-1.5.5-1] CONNECT with a Remaining Length in two bytes instead of one is malformed",
    wire: `10 8e 00 "MQTT" 05 02 00 00 [ ] "c"`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.4-1] CONNECT with an unknown property is malformed",
    wire: `10 [ "MQTT" 05 02 00 00 [ 7f 00 ] "c" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.4-1] CONNECT with a property of another packet is refused",
    wire: `10 [ "MQTT" 05 02 00 00 [ 23 00 01 ] "c" ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.4-1] CONNECT with bytes behind its payload is malformed",
    wire: `10 [ "MQTT" 05 02 00 00 [ ] "c" 00 ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-3.1.4-1] CONNECT with a property twice is a protocol error",
    wire: `10 [ "MQTT" 05 02 00 00 [ 11 00 00 00 01 11 00 00 00 01 ] "c" ]`,
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.1.4-1] CONNECT with Receive Maximum 0 is a protocol error",
    wire: `10 [ "MQTT" 05 02 00 00 [ 21 00 00 ] "c" ]`,
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.1.4-1] CONNECT with Maximum Packet Size 0 is a protocol error",
    wire: `10 [ "MQTT" 05 02 00 00 [ 27 00 00 00 00 ] "c" ]`,
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.1.4-1] CONNECT with Request Problem Information 2 is a protocol error",
    wire: `10 [ "MQTT" 05 02 00 00 [ 17 02 ] "c" ]`,
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.1.4-1] CONNECT with Request Response Information 2 is a protocol error",
    wire: `10 [ "MQTT" 05 02 00 00 [ 19 02 ] "c" ]`,
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.1.4-1] CONNECT with Authentication Data and no method is a protocol error",
    wire: `10 [ "MQTT" 05 02 00 00 [ 16 "data" ] "c" ]`,
    reasonCode: ProtocolError,
  },
]);

testDisconnected([
  // Types 1 and 3 have cases of their own.
  ...[
    ["PUBACK", "41 [ 00 01 ]"],
    ["PUBREC", "51 [ 00 01 ]"],
    ["PUBREL", "60 [ 00 01 ]"],
    ["PUBCOMP", "71 [ 00 01 ]"],
    ["SUBSCRIBE", `80 [ 00 01 [ ] "a" 00 ]`],
    ["UNSUBSCRIBE", `a0 [ 00 01 [ ] "a" ]`],
    ["PINGREQ", "c1 [ ]"],
    ["DISCONNECT [MQTT-3.14.1-1]", "e1 [ ]"],
    ["AUTH [MQTT-3.15.1-1]", `f1 [ 18 [ 15 "method" ] ]`],
  ].map(([name, wire]) => ({
    name: `[MQTT-2.1.3-1] Wrong flags in the Fixed Header of ${name} are malformed`,
    wire,
    reasonCode: MalformedPacket,
  })),
  {
    name: "[MQTT-2.1.3-1] Control Packet type 0 is malformed",
    wire: "00 [ ]",
    reasonCode: MalformedPacket,
  },
  ...[
    ["CONNACK", "20 [ 00 00 [ ] ]"],
    ["SUBACK", "90 [ 00 01 [ ] 00 ]"],
    ["UNSUBACK", "b0 [ 00 01 [ ] 00 ]"],
    ["PINGRESP", "d0 [ ]"],
  ].map(([name, wire]) => ({
    name: `[MQTT-4.13.1-1] ${name} from a Client is a protocol error`,
    wire,
    reasonCode: ProtocolError,
  })),
  {
    name: "[MQTT-1.5.5-1] A Remaining Length of five bytes is malformed",
    wire: "30 80 80 80 80 01",
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-1.5.5-1] A Subscription Identifier in more bytes than needed is malformed",
    wire: `82 [ 00 01 [ 0b 81 00 ] "a" 00 ]`,
    reasonCode: MalformedPacket,
  },
  {
    name: "[MQTT-2.2.1-2] A Packet Identifier in a PUBLISH of QoS 0 is not one: here it is a wrong Property Length",
    wire: `30 [ "a" 07 00 00 'payload' ]`,
    reasonCode: MalformedPacket,
  },
  ...[
    ["PUBLISH of QoS 1", `32 [ "a" 00 00 [ ] ]`],
    ["PUBLISH of QoS 2", `34 [ "a" 00 00 [ ] ]`],
    ["SUBSCRIBE", `82 [ 00 00 [ ] "a" 00 ]`],
    ["UNSUBSCRIBE", `a2 [ 00 00 [ ] "a" ]`],
  ].map(([name, wire]) => ({
    name: `[MQTT-2.2.1-3] Packet Identifier 0 in ${name} is answered with DISCONNECT`,
    wire,
    reasonCode: ProtocolError,
  })),
  ...[
    ["PUBLISH", `30 [ "a" ]`],
    ["SUBSCRIBE", `82 [ 00 01 ]`],
    ["UNSUBSCRIBE", `a2 [ 00 01 ]`],
  ].map(([name, wire]) => ({
    name: `[MQTT-2.2.2-1] ${name} without a Property Length is malformed`,
    wire,
    reasonCode: MalformedPacket,
  })),
  {
    name: "[MQTT-3.14.2-1] DISCONNECT with a Reason Code of no table is a protocol error",
    wire: "e0 [ 05 ]",
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.14.2-1] DISCONNECT from a Client with a Reason Code of the Server's is a protocol error",
    wire: "e0 [ 8e ]",
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.15.2-1] AUTH with a Reason Code of no table is a protocol error",
    wire: `f0 [ 01 [ 15 "method" ] ]`,
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.15.2-1] AUTH Success from a Client is a protocol error",
    wire: `f0 [ 00 [ 15 "method" ] ]`,
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.1.0-2] A second CONNECT is a protocol error",
    wire: `10 [ "MQTT" 05 02 00 00 [ ] "again" ]`,
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.1.0-2] [MQTT-3.14.2-1] A second CONNECT of another Protocol Version is a protocol error, too",
    wire: `10 [ "MQTT" 06 02 00 00 [ ] "again" ]`,
    reasonCode: ProtocolError,
  },
  {
    name: "[MQTT-3.1.0-2] [MQTT-3.2.0-2] A second CONNECT that is broken brings a DISCONNECT, not a second CONNACK",
    wire: `10 [ "MQTT" 05 03 00 00 [ ] "again" ]`,
    reasonCode: ProtocolError,
  },
]);

for (
  const [name, bytes] of [
    ["PINGREQ", "c0 00"],
    ["PUBLISH", `30 [ "a" [ ] 'payload' ]`],
    ["SUBSCRIBE", `82 [ 00 01 [ ] "a" 00 ]`],
    ["DISCONNECT", "e0 00"],
    ["AUTH", `f0 [ 18 [ 15 "method" ] ]`],
    ["a line of HTTP", "'GET / HTTP/1.1'"],
  ]
) {
  Deno.test(`[MQTT-3.1.0-1] [MQTT-3.14.0-1] ${name} instead of CONNECT: the connection ends without a word`, async () => {
    await using broker = await TestBroker.start();
    const client = broker.client();
    await client.sendBytes(wire(bytes));
    await client.expectClosed();
    assertEquals(broker.server.snapshot().connections, 0);
  });
}

Deno.test("[MQTT-1.5.4-3] EF BB BF stays where it is, in topics, properties and Client Identifiers", async () => {
  await using broker = await TestBroker.start();
  const subscriber = await broker.connect({ clientId: "\ufeffsubscriber" });
  await subscriber.subscribe("\ufefftopic/#");
  const publisher = await broker.connect();
  // Another topic: the mark is a part of the name, too.
  await publisher.publish("topic/a", "without");
  await publisher.publish("\ufefftopic/\ufeffa", "with", {
    properties: { contentType: "\ufefftext", userProperties: [["\ufeffname", "\ufeffvalue"]] },
  });
  const received = await subscriber.expectPublish();
  assertEquals(received.topicName, "\ufefftopic/\ufeffa");
  assertEquals(received.properties, { contentType: "\ufefftext", userProperties: [["\ufeffname", "\ufeffvalue"]] });
  // Without the mark it is another Client: nobody is taken over.
  await broker.connect({ clientId: "subscriber" });
  await subscriber.expectNothing();
});

Deno.test("[MQTT-1.5.5-1] [MQTT-2.2.1-2] [MQTT-2.2.2-1] PUBLISH leaves with the shortest lengths, and at QoS 0 without a Packet Identifier", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  for (
    const [remainingLength, encoded] of [
      [127, "7f"],
      [128, "80 01"],
      [16_383, "ff 7f"],
      [16_384, "80 80 01"],
    ] as const
  ) {
    const subscriber = await broker.connect();
    await subscriber.subscribe(`t${remainingLength}`);
    const topic = `t${remainingLength}`;
    const payload = new Uint8Array(remainingLength - 2 - topic.length - 1).fill(0x2e);
    await publisher.publish(topic, payload);
    const expected = wire(`30 ${encoded} "${topic}" 00 ${payload.length}*2e`);
    assertEquals(await readBytes(subscriber.stream, expected.length), expected);
  }
});

Deno.test("[MQTT-2.2.1-6] [MQTT-2.2.2-1] SUBACK and UNSUBACK repeat the Packet Identifier, and no properties are a length of 0", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.sendBytes(wire(`82 [ ff ff [ ] "a" 01 ] a2 [ 80 01 [ ] "a" ]`));
  const expected = wire("90 04 ff ff 00 01 b0 04 80 01 00 00");
  assertEquals(await readBytes(client.stream, expected.length), expected);
});

Deno.test("[MQTT-2.2.1-5] PUBACK, PUBREC and PUBCOMP repeat the Packet Identifier of the PUBLISH", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.subscribe("a");
  await client.publish("b", "", { qos: 1, packetIdentifier: 0xffff });
  assertEquals((await client.expect(PacketType.Puback)).packetIdentifier, 0xffff);
  await client.publish("b", "", { qos: 2, packetIdentifier: 0x8001 });
  assertEquals((await client.expect(PacketType.Pubrec)).packetIdentifier, 0x8001);
  await client.acknowledge(PacketType.Pubrel, 0x8001);
  assertEquals((await client.expect(PacketType.Pubcomp)).packetIdentifier, 0x8001);
});

Deno.test("[MQTT-2.2.1-5] PUBREL of the Server repeats the Packet Identifier of its PUBLISH", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.subscribe("a", { qos: 2 });
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("a", "1", { qos: 2 });
  await publisher.publishAcknowledged("a", "2", { qos: 2 });
  const first = await client.expectPublish();
  const second = await client.expectPublish();
  for (const { packetIdentifier } of [second, first]) {
    await client.acknowledge(PacketType.Pubrec, packetIdentifier);
    assertEquals((await client.expect(PacketType.Pubrel)).packetIdentifier, packetIdentifier);
    await client.acknowledge(PacketType.Pubcomp, packetIdentifier);
  }
});

Deno.test("[MQTT-2.2.1-4] Packet Identifiers of the Server are not 0 and not in use", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.subscribe("a", { qos: 2 });
  const publisher = await broker.connect();
  const open = new Set<number>();
  for (let round = 0; round < 40; round++) {
    await publisher.publishAcknowledged("a", "", { qos: round % 2 === 0 ? 1 : 2 });
    const { packetIdentifier, qos } = await client.expectPublish();
    assertEquals(packetIdentifier > 0 && packetIdentifier <= 0xffff, true);
    assertEquals(open.has(packetIdentifier), false, `${packetIdentifier} is in use`);
    open.add(packetIdentifier);
    // One of QoS 2 is in use until PUBCOMP; three of four stay open.
    if (qos === 1 && round % 4 === 0) {
      await client.acknowledge(PacketType.Puback, packetIdentifier);
      open.delete(packetIdentifier);
    } else if (qos === 2) {
      await client.acknowledge(PacketType.Pubrec, packetIdentifier);
      await client.expect(PacketType.Pubrel);
    }
  }
});

Deno.test("[MQTT-4.13.2-1] [MQTT-3.14.4-1] [MQTT-3.14.4-2] Nothing follows the Server's DISCONNECT but the end", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.subscribe("#");
  const publisher = await broker.connect();
  // The broken packet and what it would get for the rest, in one write.
  await client.sendBytes(wire(`c1 00 c0 00 30 [ "a" [ ] 'self' ]`));
  await publisher.publish("a", "from the other");
  await client.expectDisconnect(ReasonCode.MalformedPacket);
  await publisher.expectNothing();
  assertEquals(broker.server.snapshot().connections, 1);
});

Deno.test("[MQTT-4.13.2-1] A Client's DISCONNECT with a Reason Code of 0x80 or more ends the connection", async () => {
  await using broker = await TestBroker.start();
  for (const reasonCode of [0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99] as ReasonCode[]) {
    const client = await broker.connect();
    await client.send({ type: PacketType.Disconnect, reasonCode, properties: {} });
    await client.expectClosed();
  }
});
