/** PINGREQ, PINGRESP, DISCONNECT, AUTH: wire cases, and each Reason Code. Spec §3.12 – §3.15. @module */

import { assertEquals } from "@std/assert";
import { isReasonCodeOf } from "../../src/packet/mod.ts";
import { encode, testWireCases, type WireCase } from "./support.ts";

const disconnect = { type: 14, reasonCode: 0, properties: {} };
const auth = { type: 15, reasonCode: 0x18, properties: { authenticationMethod: "m" } };

/** §3.14.2.1, and 0x8C of §2.4 for servers. */
const FROM_CLIENT = [0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
const FROM_SERVER = [
  ...[0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98],
  ...[0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
];

testWireCases([
  { name: "PINGREQ is two bytes", wire: `c0 00`, packet: { type: 12 } },
  { name: "PINGREQ is two bytes in 3.1", version: 3, wire: `c0 00`, packet: { type: 12 } },
  { name: "PINGRESP is two bytes", sender: "server", wire: `d0 00`, packet: { type: 13 } },
  { name: "PINGREQ with a body is malformed", wire: `c0 01 00`, error: ["Malformed", 0x81, "§2.1.4"] },
  { name: "[MQTT-2.1.3-1] PINGREQ with flags is malformed", wire: `c1 00`, error: ["Malformed", 0x81, "MQTT-2.1.3-1"] },
  { name: "a PINGRESP from a client is a Protocol Error", wire: `d0 00`, error: ["Protocol", 0x82, "§2.1.2"] },
  {
    name: "a PINGREQ from a server is a Protocol Error",
    sender: "server",
    wire: `c0 00`,
    error: ["Protocol", 0x82, "§2.1.2"],
  },

  { name: "DISCONNECT of two bytes is a normal disconnection", wire: `e0 00`, packet: disconnect },
  {
    name: "DISCONNECT of three bytes has a Reason Code and no Property Length",
    wire: `e0 01 04`,
    packet: { ...disconnect, reasonCode: 4 },
  },
  {
    name: "DISCONNECT may say the normal at length",
    wire: `e0 02 00 00`,
    packet: disconnect,
    encodesTo: `e0 00`,
  },
  {
    name: "decodeDisconnect() reads the properties of a Client's DISCONNECT",
    wire: `e0 [ 00 [ 11 ff ff ff ff 1f "bye" 26 "k" "v" ] ]`,
    packet: {
      ...disconnect,
      properties: { sessionExpiryInterval: 0xffffffff, reasonString: "bye", userProperties: [["k", "v"]] },
    },
  },
  {
    name: "decodeDisconnect() reads the properties of a Server's DISCONNECT",
    sender: "server",
    wire: `e0 [ 9c [ 1c "other" 1f "bye" 26 "k" "v" ] ]`,
    packet: {
      ...disconnect,
      reasonCode: 0x9c,
      properties: { serverReference: "other", reasonString: "bye", userProperties: [["k", "v"]] },
    },
  },
  ...([3, 4] as const).map((version): WireCase => ({
    name: `DISCONNECT of version ${version} is two bytes`,
    version,
    wire: `e0 00`,
    packet: disconnect,
  })),
  {
    name: "DISCONNECT of 3.1.1 has no body",
    version: 4,
    wire: `e0 01 00`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  ...([4, 5] as const).map((version): WireCase => ({
    name: `[MQTT-3.14.1-1] DISCONNECT with flags is malformed in version ${version}`,
    version,
    wire: `e2 00`,
    error: ["Malformed", 0x81, "MQTT-3.14.1-1"],
  })),
  {
    name: "a Server's DISCONNECT before 5.0 is a Protocol Error",
    sender: "server",
    version: 4,
    wire: `e0 00`,
    error: ["Protocol", 0x82, "§2.1.2"],
  },
  {
    name: "[MQTT-3.14.2-2] a Session Expiry Interval in a Server's DISCONNECT is a Protocol Error",
    sender: "server",
    wire: `e0 [ 8b [ 11 00 00 00 00 ] ]`,
    error: ["Protocol", 0x82, "MQTT-3.14.2-2"],
  },
  {
    name: "decodeDisconnect() refuses bytes behind the properties",
    wire: `e0 03 00 00 00`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },

  {
    name: "decodeAuth() reads method, data, Reason String and User Properties",
    wire: `f0 [ 19 [ 15 "m" 16 00 00 1f "again" 26 "k" "v" ] ]`,
    packet: {
      type: 15,
      reasonCode: 0x19,
      properties: {
        authenticationMethod: "m",
        authenticationData: new Uint8Array(0),
        reasonString: "again",
        userProperties: [["k", "v"]],
      },
    },
  },
  { name: "decodeAuth() reads a Server's AUTH", sender: "server", wire: `f0 [ 18 [ 15 "m" ] ]`, packet: auth },
  {
    name: "a Server's AUTH of two bytes is success",
    sender: "server",
    wire: `f0 00`,
    packet: { type: 15, reasonCode: 0, properties: {} },
  },
  {
    name: "a Server's AUTH of three bytes is success",
    sender: "server",
    wire: `f0 01 00`,
    packet: { type: 15, reasonCode: 0, properties: {} },
    encodesTo: `f0 00`,
  },
  {
    name: "[MQTT-3.15.1-1] AUTH with flags is malformed",
    wire: `f1 [ 18 [ 15 "m" ] ]`,
    error: ["Malformed", 0x81, "MQTT-3.15.1-1"],
  },
  ...([3, 4] as const).map((version): WireCase => ({
    name: `AUTH is a reserved type in version ${version}`,
    version,
    wire: `f0 [ 18 [ 15 "m" ] ]`,
    error: ["Malformed", 0x81, "§2.1.2"],
  })),
  {
    name: "[MQTT-3.15.2-1] a Client's AUTH does not say success",
    wire: `f0 00`,
    error: ["Protocol", 0x82, "MQTT-3.15.2-1"],
  },
  {
    name: "[MQTT-3.15.2-1] a Server's AUTH does not ask for re-authentication",
    sender: "server",
    wire: `f0 [ 19 [ 15 "m" ] ]`,
    error: ["Protocol", 0x82, "MQTT-3.15.2-1"],
  },
  {
    name: "[MQTT-3.15.2-1] a Reason Code of another packet in AUTH is a Protocol Error",
    wire: `f0 [ 87 [ 15 "m" ] ]`,
    error: ["Protocol", 0x82, "MQTT-3.15.2-1"],
  },
  { name: "decodeAuth() refuses an AUTH without a method", wire: `f0 01 18`, error: ["Protocol", 0x82, "§3.15.2.2.2"] },
  {
    name: "decodeAuth() refuses Authentication Data without a method",
    wire: `f0 [ 18 [ 16 "x" ] ]`,
    error: ["Protocol", 0x82, "§3.1.2.11.10"],
  },
]);

const byEachCode: WireCase[] = [];
for (const [sender, codes] of [["client", FROM_CLIENT], ["server", FROM_SERVER]] as const) {
  for (let code = 1; code < 256; code++) {
    const hex = code.toString(16).padStart(2, "0");
    const allowed = (codes as number[]).includes(code);
    if (allowed) {
      byEachCode.push({
        name: `[MQTT-3.14.2-1] a ${sender}'s DISCONNECT may say 0x${hex}`,
        sender,
        wire: `e0 01 ${hex}`,
        packet: { ...disconnect, reasonCode: code },
      });
    } else if (code < 0x20 || code > 0x7f && code < 0xa4) {
      byEachCode.push({
        name: `[MQTT-3.14.2-1] a ${sender}'s DISCONNECT must not say 0x${hex}`,
        sender,
        wire: `e0 01 ${hex}`,
        error: ["Protocol", 0x82, "MQTT-3.14.2-1"],
      });
    }
  }
}
testWireCases(byEachCode);

Deno.test("[MQTT-3.14.2-1] isReasonCodeOf() knows just the codes of the DISCONNECT table", () => {
  for (let code = 0; code < 256; code++) {
    assertEquals(isReasonCodeOf(14, "client", code), FROM_CLIENT.includes(code), code.toString(16));
    assertEquals(isReasonCodeOf(14, "server", code), FROM_SERVER.includes(code), code.toString(16));
  }
});

Deno.test("encodePacket() returns false for what 3.x cannot say", () => {
  assertEquals(encode(auth, 4).length, 0);
  assertEquals(encode({ ...disconnect, reasonCode: 0x8b }, 4).length, 0);
  assertEquals(encode({ ...disconnect, reasonCode: 4 }, 3).length, 0);
  assertEquals([...encode({ ...disconnect, properties: { reasonString: "bye" } }, 4)], [0xe0, 0]);
});
