/** Each property in each packet: table 2-4 as data. Spec §2.2.2. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { decodeAll, decoder, encode, feed, type PlainPublish, testWireCases, wire, type WireCase } from "./support.ts";

/** How to put properties into each packet that has some, and who sends it. */
const CARRIERS: Record<string, { sender: "client" | "server"; frame: (properties: string) => string }> = {
  CONNECT: { sender: "client", frame: (p) => `10 [ "MQTT" 05 02 00 00 [ ${p} ] "" ]` },
  Will: { sender: "client", frame: (p) => `10 [ "MQTT" 05 06 00 00 00 "" [ ${p} ] "w" "" ]` },
  CONNACK: { sender: "server", frame: (p) => `20 [ 00 00 [ ${p} ] ]` },
  PUBLISH: { sender: "client", frame: (p) => `30 [ "a" [ ${p} ] ]` },
  PUBACK: { sender: "client", frame: (p) => `40 [ 00 01 00 [ ${p} ] ]` },
  PUBREC: { sender: "client", frame: (p) => `50 [ 00 01 00 [ ${p} ] ]` },
  PUBREL: { sender: "client", frame: (p) => `62 [ 00 01 00 [ ${p} ] ]` },
  PUBCOMP: { sender: "client", frame: (p) => `70 [ 00 01 00 [ ${p} ] ]` },
  SUBSCRIBE: { sender: "client", frame: (p) => `82 [ 00 01 [ ${p} ] "a" 00 ]` },
  SUBACK: { sender: "server", frame: (p) => `90 [ 00 01 [ ${p} ] 00 ]` },
  UNSUBSCRIBE: { sender: "client", frame: (p) => `a2 [ 00 01 [ ${p} ] "a" ]` },
  UNSUBACK: { sender: "server", frame: (p) => `b0 [ 00 01 [ ${p} ] 00 ]` },
  DISCONNECT: { sender: "client", frame: (p) => `e0 [ 00 [ ${p} ] ]` },
  AUTH: { sender: "client", frame: (p) => `f0 [ 18 [ 15 "m" ${p} ] ]` },
};

interface PropertyRow {
  id: string;
  name: string;
  packets: string;
  /** Bytes of a value → what it is. The first is used where any will do. */
  values: [wire: string, value: unknown][];
  /** Values that are well-formed and not allowed. */
  wrong?: string[];
  section: string;
}

const flag: PropertyRow["values"] = [["00", false], ["01", true]];
const bit: PropertyRow["values"] = [["00", 0], ["01", 1]];
const uint16: PropertyRow["values"] = [["01 00", 256], ["00 01", 1], ["ff ff", 65535]];
const uint32: PropertyRow["values"] = [["01 02 03 04", 16_909_060], ["7f ff ff ff", 0x7fffffff], [
  "80 00 00 00",
  0x80000000,
], ["ff ff ff ff", 0xffffffff]];
const text: PropertyRow["values"] = [['"t"', "t"], ['""', ""], ['"ü😀"', "ü😀"], ["00 03 ef bb bf", "\ufeff"], [
  "ff ff 65535*61",
  "a".repeat(65535),
]];
const binary: PropertyRow["values"] = [["00 02 00 ff", Uint8Array.of(0, 255)], ["00 00", new Uint8Array(0)], [
  "ff ff 65535*00",
  new Uint8Array(65535),
]];

/** Table 2-4, as MQTT 5.0 prints it. */
const ROWS: PropertyRow[] = [
  {
    id: "01",
    name: "payloadFormatIndicator",
    packets: "PUBLISH Will",
    values: bit,
    wrong: ["02", "ff"],
    section: "§3.3.2.3.2",
  },
  {
    id: "02",
    name: "messageExpiryInterval",
    packets: "PUBLISH Will",
    values: [...uint32, ["00 00 00 00", 0]],
    section: "§3.3.2.3.3",
  },
  { id: "03", name: "contentType", packets: "PUBLISH Will", values: text, section: "§3.3.2.3.9" },
  {
    id: "08",
    name: "responseTopic",
    packets: "PUBLISH Will",
    values: text.filter(([, value]) => value !== ""),
    section: "§3.3.2.3.5",
  },
  { id: "09", name: "correlationData", packets: "PUBLISH Will", values: binary, section: "§3.3.2.3.6" },
  {
    id: "0b",
    name: "subscriptionIdentifiers",
    packets: "SUBSCRIBE",
    values: [["01", [1]], ["7f", [127]], ["80 01", [128]], ["ff ff ff 7f", [268_435_455]]],
    wrong: ["00"],
    section: "§3.8.2.1.2",
  },
  {
    id: "11",
    name: "sessionExpiryInterval",
    packets: "CONNECT CONNACK DISCONNECT",
    values: [...uint32, ["00 00 00 00", 0]],
    section: "§3.1.2.11.2",
  },
  { id: "12", name: "assignedClientIdentifier", packets: "CONNACK", values: text, section: "§3.2.2.3.7" },
  { id: "13", name: "serverKeepAlive", packets: "CONNACK", values: [...uint16, ["00 00", 0]], section: "§3.2.2.3.14" },
  { id: "15", name: "authenticationMethod", packets: "CONNECT CONNACK AUTH", values: text, section: "§3.1.2.11.9" },
  { id: "16", name: "authenticationData", packets: "CONNECT CONNACK AUTH", values: binary, section: "§3.1.2.11.10" },
  {
    id: "17",
    name: "requestProblemInformation",
    packets: "CONNECT",
    values: flag,
    wrong: ["02"],
    section: "§3.1.2.11.7",
  },
  {
    id: "18",
    name: "willDelayInterval",
    packets: "Will",
    values: [...uint32, ["00 00 00 00", 0]],
    section: "§3.1.3.2.2",
  },
  {
    id: "19",
    name: "requestResponseInformation",
    packets: "CONNECT",
    values: flag,
    wrong: ["02"],
    section: "§3.1.2.11.6",
  },
  { id: "1a", name: "responseInformation", packets: "CONNACK", values: text, section: "§3.2.2.3.15" },
  { id: "1c", name: "serverReference", packets: "CONNACK DISCONNECT", values: text, section: "§3.2.2.3.16" },
  {
    id: "1f",
    name: "reasonString",
    packets: "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH",
    values: text,
    section: "§3.2.2.3.9",
  },
  {
    id: "21",
    name: "receiveMaximum",
    packets: "CONNECT CONNACK",
    values: uint16,
    wrong: ["00 00"],
    section: "§3.1.2.11.3",
  },
  {
    id: "22",
    name: "topicAliasMaximum",
    packets: "CONNECT CONNACK",
    values: [...uint16, ["00 00", 0]],
    section: "§3.1.2.11.5",
  },
  { id: "23", name: "topicAlias", packets: "PUBLISH", values: uint16, section: "§3.3.2.3.4" },
  { id: "24", name: "maximumQoS", packets: "CONNACK", values: bit, wrong: ["02"], section: "§3.2.2.3.4" },
  { id: "25", name: "retainAvailable", packets: "CONNACK", values: flag, wrong: ["02"], section: "§3.2.2.3.5" },
  {
    id: "26",
    name: "userProperties",
    packets: Object.keys(CARRIERS).join(" "),
    values: [['"a" "b"', [["a", "b"]]], ['"" ""', [["", ""]]]],
    section: "",
  },
  {
    id: "27",
    name: "maximumPacketSize",
    packets: "CONNECT CONNACK",
    values: uint32,
    wrong: ["00 00 00 00"],
    section: "§3.1.2.11.4",
  },
  {
    id: "28",
    name: "wildcardSubscriptionAvailable",
    packets: "CONNACK",
    values: flag,
    wrong: ["02"],
    section: "§3.2.2.3.11",
  },
  {
    id: "29",
    name: "subscriptionIdentifierAvailable",
    packets: "CONNACK",
    values: flag,
    wrong: ["02"],
    section: "§3.2.2.3.12",
  },
  {
    id: "2a",
    name: "sharedSubscriptionAvailable",
    packets: "CONNACK",
    values: flag,
    wrong: ["02"],
    section: "§3.2.2.3.13",
  },
];

/** The properties that a packet carries, wherever it keeps them. */
function propertiesOf(carrier: string, packet: unknown): Record<string, unknown> {
  const value = packet as { properties: Record<string, unknown>; will?: { properties: Record<string, unknown> } };
  const properties = { ...(carrier === "Will" ? value.will!.properties : value.properties) };
  if (carrier === "PUBLISH" && (value as unknown as PlainPublish).topicAlias !== 0) {
    properties.topicAlias = (value as unknown as PlainPublish).topicAlias;
  }
  if (carrier === "AUTH") delete properties.authenticationMethod;
  return properties;
}

for (const { id, name, packets, values } of ROWS) {
  for (const carrier of packets.split(" ")) {
    const { sender, frame } = CARRIERS[carrier];
    if (carrier === "AUTH" && name === "authenticationMethod") continue; // in every AUTH of this file
    Deno.test(`${name} in ${carrier} is read and written, each of its values`, () => {
      for (const [value, expected] of values) {
        // Authentication Data needs its method.
        const method = name === "authenticationData" && carrier !== "AUTH" ? '15 "m" ' : "";
        const bytes = wire(frame(`${method}${id} ${value}`));
        const [packet] = decodeAll(bytes, { sender });
        const { authenticationMethod, ...rest } = propertiesOf(carrier, packet);
        if (name === "authenticationMethod") assertEquals(authenticationMethod, expected);
        else assertEquals(rest, { [name]: expected });
        assertEquals(encode(packet), bytes);
      }
    });
  }
}

const refused: WireCase[] = [];
for (const [carrier, { sender, frame }] of Object.entries(CARRIERS)) {
  for (const { id, name, packets, values, wrong = [], section } of ROWS) {
    const value = values[0][0];
    if (!packets.split(" ").includes(carrier)) {
      if (carrier === "PUBLISH" && name === "subscriptionIdentifiers") continue; // a Protocol Error of its own
      refused.push({
        name: `${name} does not belong into ${carrier}`,
        sender,
        wire: frame(`${id} ${value}`),
        error: ["Malformed", 0x81, "§2.2.2.2"],
      });
      continue;
    }
    if (name !== "userProperties") {
      const others = carrier === "AUTH" && name === "authenticationMethod" ? "" : `${id} ${value}`;
      refused.push({
        name: `${name} twice in ${carrier} is a Protocol Error`,
        sender,
        wire: frame(`${others} ${id} ${value}`),
        error: ["Protocol", 0x82, section],
      });
    }
    for (const bad of wrong) {
      refused.push({
        name: `${name} of ${bad} in ${carrier} is a Protocol Error`,
        sender,
        wire: frame(`${id} ${bad}`),
        error: ["Protocol", 0x82, section],
      });
    }
    if (carrier === "AUTH" && name === "authenticationMethod") continue;
    refused.push({
      name: `${name} without its value in ${carrier} is malformed`,
      sender,
      wire: frame(id),
      error: ["Malformed", 0x81, "§2.1.4"],
    });
  }
  for (const unknown of ["00", "04", "14", "20", "2b", "7f", "80 01", "ff"]) {
    refused.push({
      name: `the unknown property ${unknown} in ${carrier} is malformed`,
      sender,
      wire: frame(`${unknown} 00`),
      error: ["Malformed", 0x81, "§2.2.2.2"],
    });
  }
}
testWireCases(refused);

testWireCases([
  {
    name: "a Property Length that ends within a property is malformed",
    wire: `82 [ 00 01 03 26 00 01 'a' 00 01 'b' "a" 00 ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "a Property Length beyond the packet is malformed",
    wire: `e0 02 00 05`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-1.5.5-1] a Property Length not in its shortest form is malformed",
    wire: `82 [ 00 01 80 00 "a" 00 ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.5-1"],
  },
]);

Deno.test("[MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.1.3-10] User Properties keep order and number", () => {
  const pairs = Array.from({ length: 50 }, (_, i) => `26 "k${i % 3}" "v${i}"`);
  for (const [carrier, { sender, frame }] of Object.entries(CARRIERS)) {
    const [packet] = decodeAll(wire(frame(pairs.join(" "))), { sender });
    assertEquals(
      propertiesOf(carrier, packet).userProperties,
      Array.from({ length: 50 }, (_, i) => [`k${i % 3}`, `v${i}`]),
    );
  }
});

Deno.test("[MQTT-2.2.2-1] no properties are a Property Length of 0", () => {
  for (const [carrier, { sender, frame }] of Object.entries(CARRIERS)) {
    const [packet] = decodeAll(wire(frame("")), { sender });
    assertEquals(propertiesOf(carrier, packet), {});
  }
});

Deno.test("as many User Properties as fit are decoded in a time that grows with their number only", () => {
  // A quadratic decoder would need minutes for half a million of them.
  const count = 500_000;
  const block = new Uint8Array(count * 7);
  for (let i = 0; i < count; i++) block.set([0x26, 0, 1, 0x6b, 0, 1, 0x76], i * 7);
  const head = wire(`30 [ "a" [ ${block.length}*00 ] ]`);
  head.set(block, head.length - block.length);
  let seen = 0;
  feed(decoder({ userPropertiesMax: count }), head, () => seen++);
  assertEquals(seen, 1);
});

Deno.test("encodePacket() throws RangeError for a property of another packet, and writes nothing", () => {
  for (
    const packet of [
      { type: 2, sessionPresent: false, reasonCode: 0, properties: { topicAlias: 1 } },
      { type: 4, packetIdentifier: 1, reasonCode: 0, properties: { contentType: "t" } },
      { type: 9, packetIdentifier: 1, reasonCodes: [0], properties: { serverReference: "t" } },
      { type: 14, reasonCode: 0, properties: { receiveMaximum: 5 } },
      { type: 15, reasonCode: 0x18, properties: { sessionExpiryInterval: 5 } },
    ]
  ) assertThrows(() => encode(packet), RangeError, "do not belong");
});

Deno.test("encodePacket() takes undefined for a property that is not there", () => {
  const packet = { type: 14, reasonCode: 0, properties: { reasonString: undefined, userProperties: [] } };
  assertEquals(encode(packet), wire("e0 00"));
});
