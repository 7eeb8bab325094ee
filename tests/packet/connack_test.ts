/** CONNACK: wire cases, and the return codes of 3.x. Spec §3.2. @module */

import { assertEquals } from "@std/assert";
import { connackReturnCode, isReasonCodeOf, ReasonCode } from "../../src/packet/mod.ts";
import { connackReasonCode } from "../../src/packet/reason_code.ts";
import { encode, testWireCases } from "./support.ts";

const connack = { type: 2, sessionPresent: false, reasonCode: 0, properties: {} };

testWireCases([
  {
    name: "decodeConnack() reads the shortest 5.0 CONNACK",
    sender: "server",
    wire: `20 03 01 00 00`,
    packet: { ...connack, sessionPresent: true },
  },
  {
    name: "decodeConnack() reads every property of CONNACK",
    sender: "server",
    wire: `20 [ 00 00 [
      11 ff ff ff ff 12 "auto-1" 13 ff ff 15 "m" 16 "d" 1a "info" 1c "other:1883" 1f "welcome"
      21 00 01 22 ff ff 24 01 25 00 26 "a" "b" 26 "a" "b" 27 00 00 00 01 28 00 29 01 2a 00 ] ]`,
    packet: {
      ...connack,
      properties: {
        sessionExpiryInterval: 0xffffffff,
        assignedClientIdentifier: "auto-1",
        serverKeepAlive: 65535,
        authenticationMethod: "m",
        authenticationData: Uint8Array.of(0x64),
        responseInformation: "info",
        serverReference: "other:1883",
        reasonString: "welcome",
        receiveMaximum: 1,
        topicAliasMaximum: 65535,
        maximumQoS: 1,
        retainAvailable: false,
        userProperties: [["a", "b"], ["a", "b"]],
        maximumPacketSize: 1,
        wildcardSubscriptionAvailable: false,
        subscriptionIdentifierAvailable: true,
        sharedSubscriptionAvailable: false,
      },
    },
  },
  {
    name: "decodeConnack() reads a 3.1.1 CONNACK",
    sender: "server",
    version: 4,
    wire: `20 02 01 00`,
    packet: { ...connack, sessionPresent: true },
  },
  {
    name: "decodeConnack() reads a return code of 3.1.1 as a Reason Code",
    sender: "server",
    version: 4,
    wire: `20 02 00 05`,
    packet: { ...connack, reasonCode: ReasonCode.NotAuthorized },
  },
  {
    name: "decodeConnack() ignores the first byte in 3.1",
    sender: "server",
    version: 3,
    wire: `20 02 ff 00`,
    packet: connack,
    encodesTo: `20 02 00 00`,
  },
  {
    name: "[MQTT-3.2.2-1] the upper seven bits of the CONNACK flags are 0",
    sender: "server",
    wire: `20 03 02 00 00`,
    error: ["Malformed", 0x81, "MQTT-3.2.2-1"],
  },
  {
    name: "[MQTT-3.2.2-6] a CONNACK that refuses has Session Present 0",
    sender: "server",
    wire: `20 03 01 87 00`,
    error: ["Protocol", 0x82, "MQTT-3.2.2-6"],
  },
  {
    name: "[MQTT-3.2.2-8] a CONNACK with a Reason Code of another packet is a Protocol Error",
    sender: "server",
    wire: `20 03 00 8e 00`,
    error: ["Protocol", 0x82, "MQTT-3.2.2-8"],
  },
  {
    name: "[MQTT-3.2.2-8] a reserved return code in a 3.1.1 CONNACK is a Protocol Error",
    sender: "server",
    version: 4,
    wire: `20 02 00 06`,
    error: ["Protocol", 0x82, "MQTT-3.2.2-8"],
  },
  {
    name: "[MQTT-2.2.2-1] a 5.0 CONNACK without a Property Length is malformed",
    sender: "server",
    wire: `20 02 00 00`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "decodeConnack() refuses bytes behind the properties",
    sender: "server",
    wire: `20 04 00 00 00 00`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "decodeConnack() refuses Authentication Data without a method",
    sender: "server",
    wire: `20 [ 00 00 [ 16 "x" ] ]`,
    error: ["Protocol", 0x82, "§3.1.2.11.10"],
  },
  {
    name: "a CONNACK from a client is a Protocol Error",
    wire: `20 03 00 00 00`,
    error: ["Protocol", 0x82, "§2.1.2"],
  },
]);

Deno.test("[MQTT-3.2.2-6] encodePacket() writes Session Present 0 into a CONNACK that refuses", () => {
  assertEquals([...encode({ ...connack, sessionPresent: true, reasonCode: 0x87 })], [0x20, 3, 0, 0x87, 0]);
  assertEquals([...encode({ ...connack, sessionPresent: true, reasonCode: 0x87 }, 4)], [0x20, 2, 0, 5]);
});

Deno.test("connackReturnCode() tells 3.x clients the nearest of their codes, or that there is none", () => {
  const expected: Record<number, (number | undefined)[]> = {
    0: [0x00],
    1: [0x84],
    2: [0x85],
    3: [0x80, 0x83, 0x88, 0x89, 0x97, 0x9c, 0x9d, 0x9f],
    4: [0x86],
    5: [0x87, 0x8a, 0x8c],
  };
  const without = [0x81, 0x82, 0x90, 0x95, 0x99, 0x9a, 0x9b];
  const seen = new Set<number>();
  for (const [code, reasons] of Object.entries(expected)) {
    for (const reason of reasons) {
      assertEquals(connackReturnCode(reason as 0), Number(code) as 0, reason?.toString(16));
      assertEquals([...encode({ ...connack, reasonCode: reason }, 4)], [0x20, 2, 0, Number(code)]);
      seen.add(reason!);
    }
  }
  for (const reason of without) {
    assertEquals(connackReturnCode(reason as 0x81), undefined);
    assertEquals(encode({ ...connack, reasonCode: reason }, 4).length, 0);
    seen.add(reason);
  }
  for (let code = 0; code < 256; code++) {
    assertEquals(isReasonCodeOf(2, "server", code), seen.has(code), code.toString(16));
  }
  for (let code = 0; code < 6; code++) assertEquals(connackReturnCode(connackReasonCode(code)!), code as 0);
});
