/** What every encoder shares: size limits, appending, nothing half written. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { ByteWriter, type ControlPacket, encodePacket, ReasonCode, reasonName } from "../../src/packet/mod.ts";
import { decodeAll, encode, wire } from "./support.ts";

const both = { reasonString: "because", userProperties: [["key", "value"], ["key", "other"]] };
const reasonOnly = { reasonString: "because" };
const userOnly = { userProperties: both.userProperties };

/** Packets whose Reason String and User Properties give way to the receiver's Maximum Packet Size. */
const CASES: [name: string, reasonString: string, userProperty: string, packet: Record<string, unknown>][] = [
  ["CONNACK", "MQTT-3.2.2-19", "MQTT-3.2.2-20", { type: 2, sessionPresent: false, reasonCode: 0x87 }],
  ["PUBACK", "MQTT-3.4.2-2", "MQTT-3.4.2-3", { type: 4, packetIdentifier: 1, reasonCode: 0x87 }],
  ["PUBREC", "MQTT-3.5.2-2", "MQTT-3.5.2-3", { type: 5, packetIdentifier: 1, reasonCode: 0x87 }],
  ["PUBREL", "MQTT-3.6.2-2", "MQTT-3.6.2-3", { type: 6, packetIdentifier: 1, reasonCode: 0x92 }],
  ["PUBCOMP", "MQTT-3.7.2-2", "MQTT-3.7.2-3", { type: 7, packetIdentifier: 1, reasonCode: 0x92 }],
  ["SUBACK", "MQTT-3.9.2-1", "MQTT-3.9.2-2", { type: 9, packetIdentifier: 1, reasonCodes: [0x87, 1] }],
  ["UNSUBACK", "MQTT-3.11.2-1", "MQTT-3.11.2-2", { type: 11, packetIdentifier: 1, reasonCodes: [0, 0x11] }],
  ["DISCONNECT", "MQTT-3.14.2-3", "MQTT-3.14.2-4", { type: 14, reasonCode: 0x8b }],
  ["AUTH", "MQTT-3.15.2-2", "MQTT-3.15.2-3", { type: 15, reasonCode: 0x18 }],
];
for (const [name, reasonString, userProperty, packet] of CASES) {
  const base = name === "AUTH" ? { authenticationMethod: "m" } : {};
  const withProperties = (properties: object) => ({ ...packet, properties: { ...base, ...properties } });
  const decoded = (bytes: Uint8Array) => decodeAll(bytes, { sender: "server" });

  Deno.test(`[${reasonString}] ${name} goes without its Reason String rather than be too large`, () => {
    const whole = encode(withProperties(both));
    assertEquals(encode(withProperties(both), 5, whole.length), whole);
    const shorter = encode(withProperties(both), 5, whole.length - 1);
    assertEquals(decoded(shorter), [withProperties(userOnly)]);
    const alone = encode(withProperties(reasonOnly));
    assertEquals(decoded(encode(withProperties(reasonOnly), 5, alone.length - 1)), [withProperties({})]);
  });
  Deno.test(`[${userProperty}] ${name} goes without its User Properties rather than be too large`, () => {
    const withUser = encode(withProperties(userOnly));
    assertEquals(encode(withProperties(both), 5, withUser.length), withUser);
    assertEquals(decoded(encode(withProperties(both), 5, withUser.length - 1)), [withProperties({})]);
  });
  Deno.test(`[MQTT-3.1.2-24] ${name} is not sent when even the bare packet is too large`, () => {
    const bare = encode(withProperties({}));
    assertEquals(encode(withProperties(both), 5, bare.length), bare);
    assertEquals(encode(withProperties(both), 5, bare.length - 1).length, 0);
  });
}

Deno.test("encodePacket() keeps the User Properties of a SUBSCRIBE: it is sent whole or not at all", () => {
  const packet = {
    type: 8,
    packetIdentifier: 1,
    subscriptions: [{ topicFilter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    properties: userOnly,
  };
  const whole = encode(packet);
  assertEquals(encode(packet, 5, whole.length), whole);
  assertEquals(encode(packet, 5, whole.length - 1).length, 0);
});

Deno.test("encodePacket() appends, and leaves the writer as it was when it writes nothing", () => {
  const writer = new ByteWriter(1);
  assertEquals(encodePacket(writer, { type: 12 }, 5, Infinity), true);
  const before = writer.written.slice();
  const auth = { type: 15, reasonCode: 0x18, properties: { authenticationMethod: "m" } } as const;
  assertEquals(encodePacket(writer, auth, 4, Infinity), false);
  assertEquals(encodePacket(writer, auth, 5, 3), false);
  const wrong = { type: 9, packetIdentifier: 0, reasonCodes: [0], properties: {} } as ControlPacket;
  assertThrows(() => encodePacket(writer, wrong, 5, Infinity), RangeError);
  assertEquals(writer.written, before);
  assertEquals(encodePacket(writer, auth, 5, Infinity), true);
  assertEquals(writer.written, wire(`c0 00 f0 [ 18 [ 15 "m" ] ]`));
});

Deno.test("encodePacket() writes a Remaining Length of more than one byte", () => {
  const packet = { type: 11, packetIdentifier: 1, reasonCodes: new Array(20_000).fill(0), properties: {} };
  const bytes = encode(packet);
  assertEquals([...bytes.subarray(0, 7)], [0xb0, 0xa3, 0x9c, 0x01, 0, 1, 0]);
  assertEquals(decodeAll(bytes, { sender: "server" }), [packet]);
});

Deno.test("reasonName() has a name for each Reason Code, and the number for what is none", () => {
  for (const code of Object.values(ReasonCode)) assertEquals(reasonName(code).startsWith("0x"), false);
  assertEquals(reasonName(ReasonCode.NotAuthorized), "Not authorized");
  assertEquals(reasonName(0x05), "0x05");
  assertEquals(reasonName(0xff), "0xff");
});
