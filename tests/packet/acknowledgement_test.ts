/** PUBACK, PUBREC, PUBREL, PUBCOMP: wire cases of both senders. Spec §3.4 – §3.7. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { ByteWriter, encodeAcknowledgement } from "../../src/packet/mod.ts";
import { decodeAll, encode, testWireCases, type WireCase } from "./support.ts";

const TYPES = [
  { type: 4, name: "PUBACK", first: "40", reason: 0x87, statement: "MQTT-3.4.2-1", wrong: "92" },
  { type: 5, name: "PUBREC", first: "50", reason: 0x97, statement: "MQTT-3.5.2-1", wrong: "81" },
  { type: 6, name: "PUBREL", first: "62", reason: 0x92, statement: "MQTT-3.6.2-1", wrong: "10" },
  { type: 7, name: "PUBCOMP", first: "70", reason: 0x92, statement: "MQTT-3.7.2-1", wrong: "80" },
] as const;

for (const { type, name, first, reason, statement, wrong } of TYPES) {
  const hex = reason.toString(16);
  const cases: WireCase[] = [];
  for (const sender of ["client", "server"] as const) {
    cases.push(
      {
        name: `[MQTT-2.2.1-5] a ${sender}'s ${name} of two bytes means success`,
        sender,
        wire: `${first} 02 ff ff`,
        packet: { type, packetIdentifier: 65535, reasonCode: 0, properties: {} },
      },
      {
        name: `a ${sender}'s ${name} of three bytes has a Reason Code and no Property Length`,
        sender,
        wire: `${first} 03 00 01 ${hex}`,
        packet: { type, packetIdentifier: 1, reasonCode: reason, properties: {} },
      },
      {
        name: `a ${sender}'s ${name} has a Reason String and User Properties`,
        sender,
        wire: `${first} [ 12 34 ${hex} [ 1f "why" 26 "k" "v" 26 "k" "w" ] ]`,
        packet: {
          type,
          packetIdentifier: 0x1234,
          reasonCode: reason,
          properties: { reasonString: "why", userProperties: [["k", "v"], ["k", "w"]] },
        },
      },
      {
        name: `[${statement}] a ${sender}'s ${name} with a Reason Code of another packet is a Protocol Error`,
        sender,
        wire: `${first} 03 00 01 ${wrong}`,
        error: ["Protocol", 0x82, statement],
      },
    );
  }
  for (const version of [3, 4] as const) {
    cases.push(
      {
        name: `${name} in version ${version} is four bytes`,
        version,
        wire: `${first} 02 00 01`,
        packet: { type, packetIdentifier: 1, reasonCode: 0, properties: {} },
      },
      {
        name: `${name} in version ${version} has no Reason Code`,
        version,
        wire: `${first} 03 00 01 00`,
        error: ["Malformed", 0x81, "§2.1.4"],
      },
    );
  }
  cases.push(
    {
      name: `${name} may say success at length`,
      wire: `${first} 04 00 01 00 00`,
      packet: { type, packetIdentifier: 1, reasonCode: 0, properties: {} },
      encodesTo: `${first} 02 00 01`,
    },
    {
      name: `${name} without a Packet Identifier is malformed`,
      wire: `${first} 00`,
      error: ["Malformed", 0x81, "§2.1.4"],
    },
    {
      name: `${name} with half a Packet Identifier is malformed`,
      wire: `${first} 01 00`,
      error: ["Malformed", 0x81, "§2.1.4"],
    },
    {
      name: `${name} with Packet Identifier 0 is a Protocol Error`,
      wire: `${first} 02 00 00`,
      error: ["Protocol", 0x82, "§2.2.1"],
    },
    {
      name: `${name} with bytes behind its properties is malformed`,
      wire: `${first} 05 00 01 00 00 00`,
      error: ["Malformed", 0x81, "§2.1.4"],
    },
  );
  testWireCases(cases);
}

testWireCases([
  ...["40", "50", "70"].map((first): WireCase => ({
    name: `[MQTT-2.1.3-1] flags other than 0000 make 0x${first[0]}f malformed`,
    wire: `${first[0]}f 02 00 01`,
    error: ["Malformed", 0x81, "MQTT-2.1.3-1"],
  })),
  ...["60", "61", "63", "66", "6a"].map((first): WireCase => ({
    name: `[MQTT-3.6.1-1] PUBREL with the first byte 0x${first} is malformed`,
    wire: `${first} 02 00 01`,
    error: ["Malformed", 0x81, "MQTT-3.6.1-1"],
  })),
  {
    name: "[MQTT-3.6.1-1] PUBREL with the DUP bit is malformed in 3.1.1",
    version: 4,
    wire: "6a 02 00 01",
    error: ["Malformed", 0x81, "MQTT-3.6.1-1"],
  },
  {
    name: "PUBREL of 3.1 may have the DUP bit, which that version sets when it sends again",
    version: 3,
    wire: "6a 02 00 01",
    packet: { type: 6, packetIdentifier: 1, reasonCode: 0, properties: {} },
    encodesTo: "62 02 00 01",
  },
  ...["40", "50"].map((first): WireCase => ({
    name: `[MQTT-3.${first[0]}.2-1] 0x10 (No matching subscribers) in 0x${first} is for servers`,
    wire: `${first} 03 00 01 10`,
    error: ["Protocol", 0x82, `MQTT-3.${first[0]}.2-1`],
  })),
  {
    name: "a Server's PUBACK may say that nobody subscribed",
    sender: "server",
    wire: "40 03 00 01 10",
    packet: { type: 4, packetIdentifier: 1, reasonCode: 0x10, properties: {} },
  },
]);

Deno.test("encodeAcknowledgement() writes four bytes, and five for a Reason Code in 5.0", () => {
  const writer = new ByteWriter(1);
  encodeAcknowledgement(writer, 4, 1, 0, 5);
  encodeAcknowledgement(writer, 5, 65535, 0x97, 5);
  encodeAcknowledgement(writer, 6, 0x1234, 0x92, 4);
  encodeAcknowledgement(writer, 7, 2, 0x92, 3);
  // deno-fmt-ignore
  assertEquals([...writer.written], [
    0x40, 2, 0, 1,
    0x50, 3, 0xff, 0xff, 0x97,
    0x62, 2, 0x12, 0x34,
    0x70, 2, 0, 2,
  ]);
});

Deno.test("encodeAcknowledgement() writes what encodePacket() writes", () => {
  for (const { type, reason } of TYPES) {
    for (const version of [3, 4, 5] as const) {
      for (const reasonCode of [0, reason]) {
        const writer = new ByteWriter();
        encodeAcknowledgement(writer, type, 513, reasonCode, version);
        assertEquals(encode({ type, packetIdentifier: 513, reasonCode, properties: {} }, version), writer.written);
        assertEquals(decodeAll(writer.written, { version }), [
          { type, packetIdentifier: 513, reasonCode: version === 5 ? reasonCode : 0, properties: {} },
        ]);
      }
    }
  }
});

Deno.test("encodeAcknowledgement() throws RangeError for what is no Packet Identifier, and writes nothing", () => {
  const writer = new ByteWriter();
  for (const wrong of [0, -1, 65536, NaN]) {
    assertThrows(() => encodeAcknowledgement(writer, 4, wrong, 0, 5), RangeError);
  }
  assertThrows(() => encode({ type: 4, packetIdentifier: 0, reasonCode: 0, properties: {} }), RangeError);
  assertEquals(writer.length, 0);
});
