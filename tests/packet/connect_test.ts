/** CONNECT: wire cases of all versions. Spec §3.1. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { type ConnectPacket, PeerError } from "../../src/packet/mod.ts";
import { isReasonCodeOf } from "../../src/packet/reason_code.ts";
import { assertDecodeError, decoder, encode, feed, testWireCases, wire, type WireCase } from "./support.ts";

const connect: ConnectPacket = {
  type: 1,
  protocolVersion: 5,
  cleanStart: true,
  keepAlive: 60,
  clientId: "dev1",
  will: undefined,
  userName: undefined,
  password: undefined,
  properties: {},
};
const utf8 = (text: string) => new TextEncoder().encode(text);

const accepted: WireCase[] = [
  {
    name: "decodeConnect() reads an MQTT 5.0 CONNECT byte by byte",
    wire: `
      10 11             -- CONNECT, Remaining Length 17
      00 04 4d 51 54 54 -- "MQTT"
      05 02             -- version 5, Clean Start
      00 3c             -- Keep Alive 60
      00                -- no properties
      00 04 64 65 76 31 -- "dev1"`,
    packet: connect,
  },
  {
    name: "decodeConnect() reads an MQTT 3.1.1 CONNECT",
    wire: `10 10 00 04 4d 51 54 54 04 02 00 3c 00 04 64 65 76 31`,
    packet: { ...connect, protocolVersion: 4 },
  },
  {
    name: "decodeConnect() reads an MQTT 3.1 CONNECT",
    wire: `10 12 00 06 4d 51 49 73 64 70 03 02 00 3c 00 04 64 65 76 31`,
    packet: { ...connect, protocolVersion: 3 },
  },
  {
    name:
      "[MQTT-3.1.3-1] CONNECT has Client Identifier, Will Properties, Will Topic, Will Payload, User Name, Password",
    wire: `10 [ "MQTT" 05 f6 ff ff [
      11 ff ff ff ff    -- Session Expiry Interval: never
      15 "SCRAM"        -- Authentication Method
      16 "x"            -- Authentication Data
      17 00             -- Request Problem Information: no
      19 01             -- Request Response Information: yes
      21 ff ff          -- Receive Maximum
      22 00 00          -- Topic Alias Maximum
      26 "a" "1" 26 "a" "2"
      27 ff ff ff ff    -- Maximum Packet Size
      ] "dev1" [
      01 01             -- Payload Format Indicator: UTF-8
      02 ff ff ff ff    -- Message Expiry Interval
      03 "text/plain"
      08 "answer"
      09 00 00          -- Correlation Data, empty
      18 ff ff ff ff    -- Will Delay Interval
      26 "k" "v"
      ] "will/topic" "gone" "user" "pass" ]`,
    packet: {
      ...connect,
      keepAlive: 65535,
      userName: "user",
      password: utf8("pass"),
      properties: {
        sessionExpiryInterval: 0xffffffff,
        authenticationMethod: "SCRAM",
        authenticationData: utf8("x"),
        requestProblemInformation: false,
        requestResponseInformation: true,
        receiveMaximum: 65535,
        topicAliasMaximum: 0,
        userProperties: [["a", "1"], ["a", "2"]],
        maximumPacketSize: 0xffffffff,
      },
      will: {
        topicName: "will/topic",
        payload: utf8("gone"),
        qos: 2,
        retain: true,
        properties: {
          payloadFormatIndicator: 1,
          messageExpiryInterval: 0xffffffff,
          contentType: "text/plain",
          responseTopic: "answer",
          correlationData: new Uint8Array(0),
          willDelayInterval: 0xffffffff,
          userProperties: [["k", "v"]],
        },
      },
    },
  },
  {
    name: "[MQTT-3.1.2-9] with the Will Flag a 3.1.1 CONNECT has Will Topic and Will Payload",
    wire: `10 [ "MQTT" 04 0e 00 00 "" "w" "" ]`,
    packet: {
      ...connect,
      protocolVersion: 4,
      keepAlive: 0,
      clientId: "",
      will: { topicName: "w", payload: new Uint8Array(0), qos: 1, retain: false, properties: {} },
    },
  },
  {
    name: "[MQTT-3.1.2-17] with the User Name Flag a User Name is read, also an empty one",
    wire: `10 [ "MQTT" 05 82 00 3c 00 "dev1" "" ]`,
    packet: { ...connect, userName: "" },
  },
  {
    name: "[MQTT-3.1.2-19] with the Password Flag a Password is read, in 5.0 also without a User Name",
    wire: `10 [ "MQTT" 05 42 00 3c 00 "dev1" 00 03 00 ff c0 ]`,
    packet: { ...connect, password: Uint8Array.of(0, 0xff, 0xc0) },
  },
  {
    name: "[MQTT-3.1.3-3] the Client Identifier is the first field of the payload and may be empty",
    wire: `10 [ "MQTT" 05 00 00 00 00 "" ]`,
    packet: { ...connect, cleanStart: false, keepAlive: 0, clientId: "" },
  },
  {
    name: "[MQTT-1.5.4-3] U+FEFF in a Client Identifier is kept",
    wire: `10 [ "MQTT" 05 02 00 3c 00 00 04 ef bb bf 61 ]`,
    packet: { ...connect, clientId: "\ufeffa" },
  },
  {
    name: "decodeConnect() lets a 3.1 client leave out the User Name and Password that its flags announce",
    wire: `10 [ "MQIsdp" 03 c2 00 3c "dev1" ]`,
    packet: { ...connect, protocolVersion: 3 },
    encodesTo: `10 [ "MQIsdp" 03 02 00 3c "dev1" ]`,
  },
  {
    name: "decodeConnect() passes over the flags that 3.1 leaves to the client",
    wire: `10 [ "MQIsdp" 03 2b 00 3c "dev1" ]`,
    packet: { ...connect, protocolVersion: 3 },
    encodesTo: `10 [ "MQIsdp" 03 02 00 3c "dev1" ]`,
  },
];
testWireCases(accepted);

/** A 5.0 CONNECT with other flags, properties or payload. */
const five = (flags: string, properties: string, payload: string) =>
  `10 [ "MQTT" 05 ${flags} 00 3c [ ${properties} ] ${payload} ]`;

const refused: WireCase[] = [
  {
    name: "[MQTT-3.1.2-1] another Protocol Name is an unsupported version",
    wire: `10 [ "MQTX" 05 02 00 3c 00 "dev1" ]`,
    error: ["Protocol", 0x84, "MQTT-3.1.2-1"],
  },
  {
    name: "[MQTT-3.1.2-1] an empty Protocol Name is an unsupported version",
    wire: `10 [ "" 04 02 00 3c "dev1" ]`,
    error: ["Protocol", 0x84, "MQTT-3.1.2-1"],
  },
  ...["00", "03", "06", "83", "84", "85", "ff"].map((level): WireCase => ({
    name: `[MQTT-3.1.2-2] protocol version 0x${level} under the name MQTT is refused`,
    wire: `10 [ "MQTT" ${level} 02 00 3c "dev1" ]`,
    error: ["Protocol", 0x84, "MQTT-3.1.2-2"],
  })),
  {
    name: "[MQTT-3.1.2-2] version 4 under the name MQIsdp is refused",
    wire: `10 [ "MQIsdp" 04 02 00 3c "dev1" ]`,
    error: ["Protocol", 0x84, "MQTT-3.1.2-2"],
  },
  {
    name: "[MQTT-3.1.2-3] the reserved Connect Flag makes CONNECT malformed",
    wire: five("03", "", '"dev1"'),
    error: ["Malformed", 0x81, "MQTT-3.1.2-3"],
  },
  {
    name: "[MQTT-3.1.2-3] the reserved Connect Flag makes a 3.1.1 CONNECT malformed",
    wire: `10 [ "MQTT" 04 03 00 3c "dev1" ]`,
    error: ["Malformed", 0x81, "MQTT-3.1.2-3"],
  },
  {
    name: "[MQTT-3.1.2-9] a Will Flag without a Will in the payload is malformed",
    wire: five("06", "", '"dev1"'),
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.1.2-9] a Will without its payload is malformed",
    wire: five("06", "", '"dev1" 00 "w"'),
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.1.2-11] Will QoS without the Will Flag is malformed",
    wire: five("0a", "", '"dev1"'),
    error: ["Malformed", 0x81, "MQTT-3.1.2-11"],
  },
  {
    name: "[MQTT-3.1.2-12] Will QoS 3 is malformed",
    wire: five("1e", "", '"dev1" 00 "w" "x"'),
    error: ["Malformed", 0x81, "MQTT-3.1.2-12"],
  },
  {
    name: "[MQTT-3.1.2-12] Will QoS 3 is malformed in 3.1 too",
    wire: `10 [ "MQIsdp" 03 1e 00 3c "dev1" "w" "x" ]`,
    error: ["Malformed", 0x81, "MQTT-3.1.2-12"],
  },
  {
    name: "[MQTT-3.1.2-13] Will Retain without the Will Flag is malformed",
    wire: five("22", "", '"dev1"'),
    error: ["Malformed", 0x81, "MQTT-3.1.2-13"],
  },
  {
    name: "[MQTT-3.1.2-16] a User Name without its flag is malformed",
    wire: five("02", "", '"dev1" "user"'),
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.1.2-17] a User Name Flag without a User Name is malformed",
    wire: five("82", "", '"dev1"'),
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.1.2-18] a Password without its flag is malformed",
    wire: five("82", "", '"dev1" "user" "pass"'),
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.1.2-19] a Password Flag without a Password is malformed",
    wire: five("c2", "", '"dev1" "user"'),
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "decodeConnect() refuses a Password without a User Name in 3.1.1",
    wire: `10 [ "MQTT" 04 42 00 3c "dev1" "pass" ]`,
    error: ["Malformed", 0x81, "§3.1.2.9"],
  },
  {
    name: "[MQTT-3.1.3-3] a CONNECT without a Client Identifier is malformed",
    wire: five("02", "", ""),
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.1.3-4] a Client Identifier that is no UTF-8 is malformed",
    wire: five("02", "", "00 02 c3 28"),
    error: ["Malformed", 0x81, "MQTT-3.1.3-4"],
  },
  {
    name: "[MQTT-1.5.4-2] U+0000 in a Client Identifier is malformed",
    wire: five("02", "", "00 03 61 00 62"),
    error: ["Malformed", 0x81, "MQTT-1.5.4-2"],
  },
  {
    name: "[MQTT-3.1.3-11] a Will Topic that is no UTF-8 is malformed",
    wire: five("06", "", '"dev1" 00 00 01 ff "x"'),
    error: ["Malformed", 0x81, "MQTT-3.1.3-11"],
  },
  {
    name: "[MQTT-4.7.0-1] a wildcard in a Will Topic is a Protocol Error",
    wire: five("06", "", '"dev1" 00 "will/#" "x"'),
    error: ["Protocol", 0x82, "MQTT-4.7.0-1"],
  },
  {
    name: "[MQTT-4.7.0-1] a wildcard in a 3.1.1 Will Topic is a Protocol Error",
    wire: `10 [ "MQTT" 04 06 00 3c "dev1" "+/will" "x" ]`,
    error: ["Protocol", 0x82, "MQTT-4.7.0-1"],
  },
  {
    name: "[MQTT-4.7.3-1] an empty Will Topic is a Protocol Error",
    wire: five("06", "", '"dev1" 00 "" "x"'),
    error: ["Protocol", 0x82, "MQTT-4.7.3-1"],
  },
  {
    name: "[MQTT-3.3.2-14] a wildcard in the Response Topic of a Will is a Protocol Error",
    wire: five("06", "", '"dev1" [ 08 "a/+" ] "w" "x"'),
    error: ["Protocol", 0x82, "MQTT-3.3.2-14"],
  },
  {
    name: "[MQTT-3.1.3-12] a User Name that is no UTF-8 is malformed",
    wire: five("82", "", '"dev1" 00 03 ed a0 80'),
    error: ["Malformed", 0x81, "MQTT-3.1.3-12"],
  },
  {
    name: "decodeConnect() refuses Authentication Data without a method",
    wire: five("02", '16 "x"', '"dev1"'),
    error: ["Protocol", 0x82, "§3.1.2.11.10"],
  },
  {
    name: "[MQTT-3.1.4-1] bytes behind the last field make CONNECT malformed",
    wire: five("02", "", '"dev1" 00'),
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.1.4-1] bytes behind the last field make a 3.1 CONNECT malformed",
    wire: `10 [ "MQIsdp" 03 02 00 3c "dev1" 00 ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-2.1.3-1] flags in the Fixed Header of CONNECT make it malformed",
    wire: `11 [ "MQTT" 05 02 00 3c 00 "dev1" ]`,
    error: ["Malformed", 0x81, "MQTT-2.1.3-1"],
  },
  { name: "decodeConnect() refuses an empty CONNECT", wire: `10 00`, error: ["Malformed", 0x81, "§2.1.4"] },
];
testWireCases(refused);

Deno.test("[MQTT-3.1.0-2] a second CONNECT is a Protocol Error", () => {
  const one = '10 [ "MQTT" 05 02 00 3c 00 "dev1" ]';
  assertDecodeError(wire(one + one), {}, ["Protocol", 0x82, "MQTT-3.1.0-2"]);
});

Deno.test("Decoder.protocolVersion is that of the answer to a CONNECT, also to one that is refused", () => {
  for (
    const [text, version] of [
      ['10 [ "MQTT" 05 02 00 3c 00 "dev1" ]', 5],
      ['10 [ "MQTT" 04 02 00 3c "dev1" ]', 4],
      ['10 [ "MQIsdp" 03 02 00 3c "dev1" ]', 3],
      ['10 [ "MQTT" 03 02 00 3c "dev1" ]', 4],
      ['10 [ "MQTT" 00 02 00 3c "dev1" ]', 4],
      ['10 [ "MQTT" 83 02 00 3c "dev1" ]', 4],
      ['10 [ "MQTT" 84 02 00 3c "dev1" ]', 4],
      ['10 [ "MQTT" 06 02 00 3c "dev1" ]', 5],
      ['10 [ "MQTT" ff 02 00 3c "dev1" ]', 5],
      ['10 [ "Other" 04 02 00 3c "dev1" ]', 4],
      // Refused for what stands behind the version: the version still holds.
      ['10 [ "MQTT" 04 03 00 3c "dev1" ]', 4],
      ['10 [ "MQIsdp" 03 1e 00 3c "dev1" ]', 3],
      ['10 [ "MQTT" 04 02 00 ]', 4],
      // Refused before the version could be read.
      ['10 [ "MQTT" ]', 5],
    ] as const
  ) {
    const to = decoder();
    try {
      feed(to, wire(text), () => {});
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
    }
    assertEquals(to.protocolVersion, version, text);
  }
});

Deno.test("decodeConnect() refuses each way of cutting a CONNECT short, with a code that CONNACK may carry", () => {
  for (const { wire: text, name } of accepted) {
    const whole = wire(text);
    const bodyStart = whole[1] < 0x80 ? 2 : 3;
    // The Remaining Length of the shorter body is put in front, so that the packet is whole and its fields are not.
    for (let length = 0; length < whole.length - bodyStart; length++) {
      const body = [...whole.subarray(bodyStart, bodyStart + length)];
      const lengthBytes = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >>> 7];
      const cut = Uint8Array.from([0x10, ...lengthBytes, ...body]);
      try {
        feed(decoder(), cut, () => {});
        // Only 3.1 has fields that may be missing.
        assertEquals(name.includes("3.1 "), true, `${name}, cut to ${length}`);
      } catch (error) {
        if (!(error instanceof PeerError)) throw error;
        assertEquals(isReasonCodeOf(2, "server", error.reasonCode), true);
      }
    }
  }
});

Deno.test("each refused CONNECT carries a Reason Code of the CONNACK table", () => {
  for (const { error } of refused) assertEquals(isReasonCodeOf(2, "server", error![1]), true);
});

Deno.test("encodePacket() throws RangeError for a CONNECT that cannot be sent", () => {
  for (
    const wrong of [
      { ...connect, keepAlive: 65536 },
      { ...connect, clientId: "x".repeat(65536) },
      { ...connect, clientId: "a\0b" },
      { ...connect, clientId: "\ud800" },
      { ...connect, password: new Uint8Array(65536) },
      { ...connect, protocolVersion: 4, password: new Uint8Array(1) },
      { ...connect, will: { topicName: "", payload: new Uint8Array(0), qos: 0, retain: false, properties: {} } },
      { ...connect, properties: { topicAlias: 1 } },
      { ...connect, properties: { receiveMaximum: 0 } },
      { ...connect, properties: { maximumPacketSize: 0x1_0000_0000 } },
    ]
  ) assertThrows(() => encode(wrong), RangeError);
});
