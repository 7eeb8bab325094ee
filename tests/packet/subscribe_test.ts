/** SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK: wire cases. Spec §3.8 – §3.11. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { encode, testWireCases, type WireCase } from "./support.ts";

const plainOptions = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 };
const subscribe = { type: 8, packetIdentifier: 10, properties: {} };
const suback = { type: 9, packetIdentifier: 10, properties: {} };
const unsubscribe = { type: 10, packetIdentifier: 10, properties: {} };
const unsuback = { type: 11, packetIdentifier: 10, properties: {} };

testWireCases([
  {
    name: "decodeSubscribe() reads filters with all Subscription Options",
    wire: `82 [ 00 0a [ 0b ff ff ff 7f 26 "k" "v" ] "a/#" 00 "b/+" 2d "$share/g/c" 1a ]`,
    packet: {
      ...subscribe,
      properties: { subscriptionIdentifiers: [268_435_455], userProperties: [["k", "v"]] },
      subscriptions: [
        { ...plainOptions, topicFilter: "a/#" },
        { topicFilter: "b/+", qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 },
        { topicFilter: "$share/g/c", qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 1 },
      ],
    },
  },
  ...([3, 4] as const).map((version): WireCase => ({
    name: `decodeSubscribe() reads the Requested QoS of version ${version}`,
    version,
    wire: `82 [ 00 0a "a" 00 "b" 01 "c" 02 ]`,
    packet: {
      ...subscribe,
      subscriptions: [0, 1, 2].map((qos) => ({ ...plainOptions, topicFilter: "abc"[qos], qos })),
    },
  })),
  {
    name: "decodeSubscribe() takes the DUP bit of a 3.1 client that sends again",
    version: 3,
    wire: `8a [ 00 0a "a" 00 ]`,
    packet: { ...subscribe, subscriptions: [{ ...plainOptions, topicFilter: "a" }] },
    encodesTo: `82 [ 00 0a "a" 00 ]`,
  },
  ...["80", "81", "83", "8a"].map((first): WireCase => ({
    name: `[MQTT-3.8.1-1] SUBSCRIBE with the first byte 0x${first} is malformed`,
    wire: `${first} [ 00 0a 00 "a" 00 ]`,
    error: ["Malformed", 0x81, "MQTT-3.8.1-1"],
  })),
  {
    name: "[MQTT-2.2.1-3] SUBSCRIBE with Packet Identifier 0 is a Protocol Error",
    wire: `82 [ 00 00 00 "a" 00 ]`,
    error: ["Protocol", 0x82, "MQTT-2.2.1-3"],
  },
  {
    name: "[MQTT-3.8.3-1] a Topic Filter that is no UTF-8 makes SUBSCRIBE malformed",
    wire: `82 [ 00 0a 00 00 02 c0 80 00 ]`,
    error: ["Malformed", 0x81, "MQTT-3.8.3-1"],
  },
  {
    name: "[MQTT-4.7.3-2] U+0000 in a Topic Filter makes SUBSCRIBE malformed",
    wire: `82 [ 00 0a 00 00 01 00 00 ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.4-2"],
  },
  {
    name: "[MQTT-4.7.3-1] an empty Topic Filter makes SUBSCRIBE a Protocol Error",
    wire: `82 [ 00 0a 00 "" 00 ]`,
    error: ["Protocol", 0x82, "MQTT-4.7.3-1"],
  },
  {
    name: "[MQTT-3.8.3-2] SUBSCRIBE without Topic Filters is a Protocol Error",
    wire: `82 [ 00 0a 00 ]`,
    error: ["Protocol", 0x82, "MQTT-3.8.3-2"],
  },
  {
    name: "[MQTT-3.8.3-2] SUBSCRIBE without Topic Filters is a Protocol Error in 3.1.1",
    version: 4,
    wire: `82 [ 00 0a ]`,
    error: ["Protocol", 0x82, "MQTT-3.8.3-2"],
  },
  {
    name: "[MQTT-3.8.3-2] a Topic Filter without Subscription Options is malformed",
    wire: `82 [ 00 0a 00 "a" ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.8.3-2] the second Topic Filter without Subscription Options is malformed",
    version: 4,
    wire: `82 [ 00 0a "a" 00 "b" ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.8.3-4] No Local on a Shared Subscription is a Protocol Error",
    wire: `82 [ 00 0a 00 "$share/g/a" 04 ]`,
    error: ["Protocol", 0x82, "MQTT-3.8.3-4"],
  },
  ...["40", "80", "c0"].map((options): WireCase => ({
    name: `[MQTT-3.8.3-5] the reserved Subscription Options 0x${options} make SUBSCRIBE malformed`,
    wire: `82 [ 00 0a 00 "a" ${options} ]`,
    error: ["Malformed", 0x81, "MQTT-3.8.3-5"],
  })),
  ...["03", "04", "08", "10", "80"].map((options): WireCase => ({
    name: `[MQTT-3.8.3-5] in 3.1.1 a Requested QoS of 0x${options} makes SUBSCRIBE malformed`,
    version: 4,
    wire: `82 [ 00 0a "a" ${options} ]`,
    error: ["Malformed", 0x81, "MQTT-3.8.3-5"],
  })),
  {
    name: "decodeSubscribe() refuses Retain Handling 3",
    wire: `82 [ 00 0a 00 "a" 30 ]`,
    error: ["Protocol", 0x82, "§3.8.3.1"],
  },
  {
    name: "decodeSubscribe() refuses Maximum QoS 3",
    wire: `82 [ 00 0a 00 "a" 03 ]`,
    error: ["Protocol", 0x82, "§3.8.3.1"],
  },
  {
    name: "decodeSubscribe() refuses the Subscription Identifier 0",
    wire: `82 [ 00 0a [ 0b 00 ] "a" 00 ]`,
    error: ["Protocol", 0x82, "§3.8.2.1.2"],
  },
  {
    name: "decodeSubscribe() refuses a second Subscription Identifier",
    wire: `82 [ 00 0a [ 0b 01 0b 02 ] "a" 00 ]`,
    error: ["Protocol", 0x82, "§3.8.2.1.2"],
  },
  {
    name: "[MQTT-1.5.5-1] a Subscription Identifier of five bytes is malformed",
    wire: `82 [ 00 0a [ 0b ff ff ff ff 01 ] "a" 00 ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.5-1"],
  },
  {
    name: "a SUBSCRIBE from a server is a Protocol Error",
    sender: "server",
    wire: `82 [ 00 0a 00 "a" 00 ]`,
    error: ["Protocol", 0x82, "§2.1.2"],
  },

  {
    name: "[MQTT-3.9.3-1] SUBACK has one Reason Code for each filter, in order",
    sender: "server",
    wire: `90 [ 00 0a [ 1f "why" 26 "k" "v" ] 00 01 02 80 83 87 8f 91 97 9e a1 a2 ]`,
    packet: {
      ...suback,
      properties: { reasonString: "why", userProperties: [["k", "v"]] },
      reasonCodes: [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
    },
  },
  {
    name: "decodeSuback() reads a 3.1.1 SUBACK",
    sender: "server",
    version: 4,
    wire: `90 [ 00 0a 00 01 02 80 ]`,
    packet: { ...suback, reasonCodes: [0, 1, 2, 0x80] },
  },
  {
    name: "[MQTT-3.9.3-2] a Reason Code of another packet in SUBACK is a Protocol Error",
    sender: "server",
    wire: `90 [ 00 0a 00 03 ]`,
    error: ["Protocol", 0x82, "MQTT-3.9.3-2"],
  },
  {
    name: "[MQTT-3.9.3-2] a 5.0 Reason Code in a 3.1.1 SUBACK is a Protocol Error",
    sender: "server",
    version: 4,
    wire: `90 [ 00 0a 87 ]`,
    error: ["Protocol", 0x82, "MQTT-3.9.3-2"],
  },
  {
    name: "[MQTT-3.8.4-6] a SUBACK without Reason Codes is a Protocol Error",
    sender: "server",
    wire: `90 [ 00 0a 00 ]`,
    error: ["Protocol", 0x82, "MQTT-3.8.4-6"],
  },
  {
    name: "[MQTT-2.2.1-6] a SUBACK with Packet Identifier 0 is a Protocol Error",
    sender: "server",
    wire: `90 [ 00 00 00 00 ]`,
    error: ["Protocol", 0x82, "§2.2.1"],
  },
  { name: "a SUBACK from a client is a Protocol Error", wire: `90 03 00 0a 00`, error: ["Protocol", 0x82, "§2.1.2"] },

  {
    name: "decodeUnsubscribe() reads filters and User Properties",
    wire: `a2 [ 00 0a [ 26 "k" "v" ] "a/#" "$share/g/b" ]`,
    packet: { ...unsubscribe, properties: { userProperties: [["k", "v"]] }, topicFilters: ["a/#", "$share/g/b"] },
  },
  ...([3, 4] as const).map((version): WireCase => ({
    name: `decodeUnsubscribe() reads filters of version ${version}`,
    version,
    wire: `a2 [ 00 0a "a" ]`,
    packet: { ...unsubscribe, topicFilters: ["a"] },
  })),
  ...["a0", "a3", "aa"].map((first): WireCase => ({
    name: `[MQTT-3.10.1-1] UNSUBSCRIBE with the first byte 0x${first} is malformed`,
    wire: `${first} [ 00 0a 00 "a" ]`,
    error: ["Malformed", 0x81, "MQTT-3.10.1-1"],
  })),
  {
    name: "[MQTT-2.2.1-3] UNSUBSCRIBE with Packet Identifier 0 is a Protocol Error",
    wire: `a2 [ 00 00 00 "a" ]`,
    error: ["Protocol", 0x82, "MQTT-2.2.1-3"],
  },
  {
    name: "[MQTT-3.10.3-1] a Topic Filter that is no UTF-8 makes UNSUBSCRIBE malformed",
    wire: `a2 [ 00 0a 00 00 01 80 ]`,
    error: ["Malformed", 0x81, "MQTT-3.10.3-1"],
  },
  {
    name: "[MQTT-3.10.3-2] UNSUBSCRIBE without Topic Filters is a Protocol Error",
    wire: `a2 [ 00 0a 00 ]`,
    error: ["Protocol", 0x82, "MQTT-3.10.3-2"],
  },
  {
    name: "[MQTT-4.7.3-1] an empty Topic Filter makes UNSUBSCRIBE a Protocol Error",
    wire: `a2 [ 00 0a 00 "" ]`,
    error: ["Protocol", 0x82, "MQTT-4.7.3-1"],
  },
  {
    name: "decodeUnsubscribe() refuses a Subscription Identifier",
    wire: `a2 [ 00 0a [ 0b 01 ] "a" ]`,
    error: ["Malformed", 0x81, "§2.2.2.2"],
  },

  {
    name: "[MQTT-3.11.3-1] UNSUBACK has one Reason Code for each filter, in order",
    sender: "server",
    wire: `b0 [ 00 0a [ 1f "why" 26 "k" "v" ] 00 11 80 83 87 8f 91 ]`,
    packet: {
      ...unsuback,
      properties: { reasonString: "why", userProperties: [["k", "v"]] },
      reasonCodes: [0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
    },
  },
  {
    name: "decodeUnsuback() reads a 3.1.1 UNSUBACK, which has no payload",
    sender: "server",
    version: 4,
    wire: `b0 02 00 0a`,
    packet: { ...unsuback, reasonCodes: [] },
  },
  {
    name: "decodeUnsuback() refuses a payload in 3.1.1",
    sender: "server",
    version: 4,
    wire: `b0 03 00 0a 00`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-3.11.3-2] a Reason Code of another packet in UNSUBACK is a Protocol Error",
    sender: "server",
    wire: `b0 [ 00 0a 00 01 ]`,
    error: ["Protocol", 0x82, "MQTT-3.11.3-2"],
  },
  {
    name: "[MQTT-3.11.3-1] an UNSUBACK without Reason Codes is a Protocol Error",
    sender: "server",
    wire: `b0 [ 00 0a 00 ]`,
    error: ["Protocol", 0x82, "MQTT-3.11.3-1"],
  },
  {
    name: "an UNSUBACK from a client is a Protocol Error",
    wire: `b0 03 00 0a 00`,
    error: ["Protocol", 0x82, "§2.1.2"],
  },
]);

Deno.test("encodePacket() turns refusals into 0x80 in a 3.1.1 SUBACK", () => {
  const packet = { ...suback, reasonCodes: [0, 1, 2, 0x80, 0x87, 0x8f, 0x97, 0xa2] };
  assertEquals([...encode(packet, 4)], [0x90, 10, 0, 10, 0, 1, 2, 0x80, 0x80, 0x80, 0x80, 0x80]);
});

Deno.test("encodePacket() leaves out of 3.x what 3.x does not have", () => {
  const properties = { userProperties: [["k", "v"]] };
  assertEquals([...encode({ ...unsuback, properties, reasonCodes: [0, 0x11] }, 4)], [0xb0, 2, 0, 10]);
  assertEquals([...encode({ ...unsubscribe, properties, topicFilters: ["a"] }, 3)], [0xa2, 5, 0, 10, 0, 1, 0x61]);
  const all = { topicFilter: "a", qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 };
  assertEquals([...encode({ ...subscribe, properties, subscriptions: [all] }, 4)], [0x82, 6, 0, 10, 0, 1, 0x61, 2]);
});

Deno.test("encodePacket() throws RangeError for a SUBSCRIBE or UNSUBSCRIBE that cannot be sent", () => {
  const subscriptions = [{ ...plainOptions, topicFilter: "a" }];
  for (
    const wrong of [
      { ...subscribe, subscriptions: [] },
      { ...subscribe, subscriptions: [{ ...plainOptions, topicFilter: "" }] },
      { ...subscribe, subscriptions, packetIdentifier: 0 },
      { ...subscribe, subscriptions, properties: { subscriptionIdentifiers: [0] } },
      { ...subscribe, subscriptions, properties: { subscriptionIdentifiers: [268_435_456] } },
      { ...subscribe, subscriptions, properties: { subscriptionIdentifiers: [1, 2] } },
      { ...unsubscribe, topicFilters: [] },
      { ...unsubscribe, topicFilters: [""] },
      { ...unsubscribe, topicFilters: ["a"], packetIdentifier: 65536 },
    ]
  ) assertThrows(() => encode(wrong), RangeError);
});
