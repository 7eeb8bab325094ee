/** PUBLISH: wire cases, and what the hot path promises. Spec §3.3. @module */

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { PeerError } from "../../src/packet/errors.ts";
import { PublishReader } from "../../src/packet/publish.ts";
import {
  ByteWriter,
  type ControlPacket,
  encodePacket,
  NEVER_EXPIRES,
  type PublishPacket,
} from "../../src/packet/mod.ts";
import {
  assertDecodeError,
  decodeAll,
  decoder,
  encode,
  feed,
  fromPlain,
  plain,
  type PlainPublish,
  plainPublish,
  testWireCases,
  wire,
  type WireCase,
} from "./support.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const publish = plainPublish({ topicName: "a/b", payload: utf8("hi") });
const everything = {
  payloadFormatIndicator: 1,
  messageExpiryInterval: 0xffffffff,
  contentType: "text/plain",
  responseTopic: "answer",
  correlationData: Uint8Array.of(0, 255),
  userProperties: [["k", "v"], ["k", "w"], ["", ""]],
} as const;
const everythingOnWire = `01 01 03 "text/plain" 08 "answer" 09 00 02 00 ff 26 "k" "v" 26 "k" "w" 26 "" ""`;

testWireCases([
  {
    name: "[MQTT-2.2.1-2] a QoS 0 PUBLISH has no Packet Identifier",
    wire: `30 08 00 03 61 2f 62 00 68 69`,
    packet: publish,
  },
  ...([3, 4] as const).map((version): WireCase => ({
    name: `a PUBLISH of version ${version} has no properties`,
    version,
    wire: `30 07 00 03 61 2f 62 68 69`,
    packet: publish,
  })),
  {
    name: "[MQTT-3.3.1-1] DUP, QoS 2, RETAIN and the Packet Identifier are read",
    wire: `3d [ "a/b" ff ff 00 'hi' ]`,
    packet: { ...publish, dup: true, qos: 2, retain: true, packetIdentifier: 65535 },
  },
  {
    name: "a QoS 1 PUBLISH of 3.1.1 is read",
    version: 4,
    wire: `32 [ "a/b" 00 01 'hi' ]`,
    packet: { ...publish, qos: 1, packetIdentifier: 1 },
  },
  {
    name: "a PUBLISH may have no payload",
    wire: `30 [ "a/b" 00 ]`,
    packet: { ...publish, payload: new Uint8Array(0) },
  },
  {
    name:
      "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-18] [MQTT-3.3.2-20] all properties are read and written in order",
    wire: `32 [ "a/b" 00 07 [ 23 ff ff 02 ff ff ff ff ${everythingOnWire} ] 'hi' ]`,
    packet: { ...publish, qos: 1, packetIdentifier: 7, topicAlias: 65535, properties: everything },
  },
  {
    name: "a PUBLISH with a Topic Alias alone has an empty Topic Name",
    wire: `30 [ "" [ 23 00 01 ] 'hi' ]`,
    packet: { ...publish, topicName: "", topicAlias: 1 },
  },
  {
    name: "a Server's PUBLISH may have several Subscription Identifiers",
    sender: "server",
    wire: `30 [ "a/b" [ 0b 01 0b 80 01 0b ff ff ff 7f 0b 01 26 "k" "v" ] 'hi' ]`,
    packet: {
      ...publish,
      subscriptionIdentifiers: [1, 128, 268_435_455, 1],
      properties: { userProperties: [["k", "v"]] },
    },
  },
  {
    name: "[MQTT-1.5.4-3] U+FEFF at the front of a Topic Name is kept",
    wire: `30 [ 00 04 ef bb bf 61 00 ]`,
    packet: { ...publish, topicName: "\ufeffa", payload: new Uint8Array(0) },
  },
  {
    name: "a Message Expiry Interval of 0 is not the same as none",
    wire: `30 [ "a/b" [ 02 00 00 00 00 ] 'hi' ]`,
    packet: { ...publish, properties: { messageExpiryInterval: 0 } },
  },

  {
    name: "[MQTT-3.3.1-2] DUP on a QoS 0 PUBLISH is malformed",
    wire: `38 [ "a/b" 00 ]`,
    error: ["Malformed", 0x81, "MQTT-3.3.1-2"],
  },
  ...["36", "37", "3e", "3f"].map((first): WireCase => ({
    name: `[MQTT-3.3.1-4] both QoS bits in 0x${first} make PUBLISH malformed`,
    wire: `${first} [ "a/b" 00 01 00 ]`,
    error: ["Malformed", 0x81, "MQTT-3.3.1-4"],
  })),
  { name: "a PUBLISH without a Topic Name is malformed", wire: `30 00`, error: ["Malformed", 0x81, "§2.1.4"] },
  {
    name: "a PUBLISH that ends in its Topic Name is malformed",
    wire: `30 [ 00 03 'ab' ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "a QoS 1 PUBLISH without a Packet Identifier is malformed",
    wire: `32 [ "a" ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "a QoS 2 PUBLISH with half a Packet Identifier is malformed",
    version: 4,
    wire: `34 [ "a" 00 ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-2.2.2-1] a 5.0 PUBLISH without a Property Length is malformed",
    wire: `30 [ "a" ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-2.2.1-3] Packet Identifier 0 in a Client's PUBLISH is a Protocol Error",
    wire: `32 [ "a" 00 00 00 ]`,
    error: ["Protocol", 0x82, "MQTT-2.2.1-3"],
  },
  {
    name: "[MQTT-2.2.1-4] Packet Identifier 0 in a Server's PUBLISH is a Protocol Error",
    sender: "server",
    wire: `34 [ "a" 00 00 00 ]`,
    error: ["Protocol", 0x82, "MQTT-2.2.1-4"],
  },
  {
    name: "[MQTT-3.3.2-1] a Topic Name that is no UTF-8 makes PUBLISH malformed",
    wire: `30 [ 00 02 c3 28 00 ]`,
    error: ["Malformed", 0x81, "MQTT-3.3.2-1"],
  },
  {
    name: "[MQTT-3.3.2-1] a long Topic Name that is no UTF-8 makes PUBLISH malformed",
    wire: `30 [ 01 01 256*61 ff 00 ]`,
    error: ["Malformed", 0x81, "MQTT-3.3.2-1"],
  },
  {
    name: "[MQTT-4.7.3-2] U+0000 in a Topic Name makes PUBLISH malformed",
    wire: `30 [ 00 03 61 00 62 00 ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.4-2"],
  },
  ...["+", "#", "a/+/b", "a/#", "a+"].flatMap((topic) =>
    ([4, 5] as const).map((version): WireCase => ({
      name: `[MQTT-3.3.2-2] [MQTT-4.7.0-1] the Topic Name ${topic} is a Protocol Error in version ${version}`,
      version,
      wire: `30 [ "${topic}" 00 ]`,
      error: ["Protocol", 0x82, "MQTT-3.3.2-2"],
    }))
  ),
  {
    name: "neither Topic Name nor Topic Alias is a Protocol Error",
    wire: `30 [ "" 00 'hi' ]`,
    error: ["Protocol", 0x82, "§3.3.2.1"],
  },
  {
    name: "[MQTT-4.7.3-1] an empty Topic Name is a Protocol Error in 3.1.1",
    version: 4,
    wire: `30 [ "" 'hi' ]`,
    error: ["Protocol", 0x82, "MQTT-4.7.3-1"],
  },
  {
    name: "[MQTT-3.3.2-8] Topic Alias 0 is a Protocol Error with its own Reason Code",
    wire: `30 [ "a" [ 23 00 00 ] ]`,
    error: ["Protocol", 0x94, "MQTT-3.3.2-8"],
  },
  {
    name: "[MQTT-3.3.4-6] a Subscription Identifier in a Client's PUBLISH is a Protocol Error",
    wire: `30 [ "a" [ 0b 01 ] ]`,
    error: ["Protocol", 0x82, "MQTT-3.3.4-6"],
  },
  {
    name: "Subscription Identifier 0 in a Server's PUBLISH is a Protocol Error",
    sender: "server",
    wire: `30 [ "a" [ 0b 00 ] ]`,
    error: ["Protocol", 0x82, "§3.8.2.1.2"],
  },
  {
    name: "[MQTT-1.5.5-1] a Subscription Identifier not in its shortest form is malformed",
    sender: "server",
    wire: `30 [ "a" [ 0b 81 00 ] ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.5-1"],
  },
  {
    name: "[MQTT-1.5.5-1] a Subscription Identifier of five bytes is malformed",
    sender: "server",
    wire: `30 [ "a" [ 0b ff ff ff ff 01 ] ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.5-1"],
  },
  {
    name: "[MQTT-3.3.2-13] a Response Topic that is no UTF-8 is malformed",
    wire: `30 [ "a" [ 08 00 01 ff ] ]`,
    error: ["Malformed", 0x81, "MQTT-3.3.2-13"],
  },
  {
    name: "[MQTT-3.3.2-14] a wildcard in a Response Topic is a Protocol Error",
    wire: `30 [ "a" [ 08 "b/#" ] ]`,
    error: ["Protocol", 0x82, "MQTT-3.3.2-14"],
  },
  {
    name: "[MQTT-4.7.3-1] an empty Response Topic is a Protocol Error",
    wire: `30 [ "a" [ 08 "" ] ]`,
    error: ["Protocol", 0x82, "MQTT-4.7.3-1"],
  },
  {
    name: "[MQTT-3.3.2-19] a Content Type that is no UTF-8 is malformed",
    wire: `30 [ "a" [ 03 00 03 ed b0 80 ] ]`,
    error: ["Malformed", 0x81, "MQTT-3.3.2-19"],
  },
  {
    name: "[MQTT-1.5.7-1] a User Property name that is no UTF-8 is malformed",
    wire: `30 [ "a" [ 26 00 01 80 "v" ] ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.7-1"],
  },
  {
    name: "[MQTT-1.5.7-1] a User Property value with U+0000 is malformed",
    wire: `30 [ "a" [ 26 "k" 00 01 00 ] ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.4-2"],
  },
  {
    name: "a Payload Format Indicator of 2 is a Protocol Error",
    wire: `30 [ "a" [ 01 02 ] ]`,
    error: ["Protocol", 0x82, "§3.3.2.3.2"],
  },
  {
    name: "a Property Length beyond the packet is malformed",
    wire: `30 [ "a" 05 01 01 ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  {
    name: "[MQTT-1.5.5-1] a Property Length not in its shortest form is malformed",
    wire: `30 [ "a" 80 00 ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.5-1"],
  },
  {
    name: "[MQTT-1.5.5-1] a Property Length of five bytes is malformed",
    wire: `30 [ "a" 80 80 80 80 01 ]`,
    error: ["Malformed", 0x81, "MQTT-1.5.5-1"],
  },
  {
    name: "a Property Length that is cut is malformed",
    wire: `30 [ "a" 80 ]`,
    error: ["Malformed", 0x81, "§2.1.4"],
  },
  ...[
    "01",
    "02 00 00 00",
    "03 00",
    '03 00 05 "a"',
    "08 00",
    "09 00 02 00",
    "23 00",
    '26 "k"',
    '26 "k" 00 03 61',
    "0b 80",
  ].map(
    (properties): WireCase => ({
      name: `a property that is cut, ${properties}, makes PUBLISH malformed`,
      sender: "server",
      wire: `30 [ "a" [ ${properties} ] 9*00 ]`,
      error: ["Malformed", 0x81, "§2.1.4"],
    }),
  ),
]);

Deno.test("Decoder.next() hands out the same PublishPacket again, with nothing left of the one before", () => {
  const bytes = wire(`
    3d [ "a/b" 00 09 [ 01 01 02 00 00 00 05 23 00 03 26 "k" "v" ] ]
    30 [ "c" [ 03 "t" ] 'x' ]`);
  const to = decoder();
  let first: ControlPacket | undefined;
  const serials = new Set<number>();
  const packets: unknown[] = [];
  feed(to, bytes, (packet) => {
    first ??= packet;
    assertStrictEquals(packet, first);
    serials.add((packet as PublishPacket).message.serial);
    packets.push(plain(packet));
  });
  assertEquals(packets[1], plainPublish({ topicName: "c", properties: { contentType: "t" }, payload: utf8("x") }));
  assertEquals(serials.size, 2);
});

Deno.test("a PUBLISH that needs no change but its identifier carries the frame it came in", () => {
  const cases: [text: string, version: 4 | 5, whole: boolean][] = [
    [`30 [ "a" 00 'x' ]`, 5, true],
    [`30 [ "a" [ 01 01 26 "k" "v" ] 'x' ]`, 5, true],
    [`30 [ "a" 'x' ]`, 4, true],
    [`31 [ "a" 00 'x' ]`, 5, false],
    [`32 [ "a" 00 01 00 'x' ]`, 5, true],
    [`3d [ "a" 00 01 'x' ]`, 4, true],
    [`32 [ "a" 00 01 [ 02 00 00 00 01 ] 'x' ]`, 5, false],
    [`30 [ "a" [ 02 00 00 00 01 ] 'x' ]`, 5, false],
    [`30 [ "a" [ 23 00 01 ] 'x' ]`, 5, false],
    [`30 [ "" [ 23 00 01 ] 'x' ]`, 5, false],
  ];
  for (const [text, version, whole] of cases) {
    const frame = wire(text);
    // Not at the front of the buffer, so that offsets show.
    const bytes = Uint8Array.from([0xc0, 0, ...frame]);
    feed(decoder({ version }), bytes, (packet) => {
      if (packet.type !== 3) return;
      const { buffer, frameStart, frameEnd, frameVersion, borrowed } = packet.message;
      assertEquals(borrowed, true);
      assertEquals(frameVersion, version);
      assertEquals(buffer.slice(frameStart, frameEnd), whole ? frame : new Uint8Array(0), text);
    });
  }
  feed(decoder({ sender: "server" }), wire(`30 [ "a" [ 0b 01 ] 'x' ]`), (packet) => {
    assertEquals((packet as PublishPacket).message.frameEnd, 0);
  });
});

Deno.test("properties that are passed on stay a range of the buffer unless a cut one stands between them", () => {
  const cases: [properties: string, kept: string, inBuffer: boolean][] = [
    [``, ``, true],
    [`01 01`, `01 01`, true],
    [`23 00 01 01 01`, `01 01`, true],
    [`01 01 23 00 01`, `01 01`, true],
    [`02 00 00 00 09 26 "k" "v" 03 "t" 23 00 01`, `26 "k" "v" 03 "t"`, true],
    [`23 00 01`, ``, true],
    [`23 00 01 02 00 00 00 09`, ``, true],
    [`01 01 23 00 01 26 "k" "v"`, `01 01 26 "k" "v"`, false],
    [`26 "a" "1" 0b ff 7f 26 "b" "2" 02 00 00 00 09 26 "c" "3"`, `26 "a" "1" 26 "b" "2" 26 "c" "3"`, false],
    [
      `08 "r" 02 00 00 00 09 03 "t" 23 00 01 09 00 01 0b 0b 05 01 00`,
      `08 "r" 03 "t" 09 00 01 0b 01 00`,
      false,
    ],
  ];
  for (const [properties, kept, inBuffer] of cases) {
    feed(decoder({ sender: "server" }), wire(`30 [ "a" [ ${properties} ] 'x' ]`), (packet) => {
      const { message } = packet as PublishPacket;
      assertEquals(message.forwardedProperties === undefined, inBuffer, properties);
      const bytes = message.forwardedProperties ?? message.buffer.slice(message.propertiesStart, message.propertiesEnd);
      assertEquals(bytes, wire(kept), properties);
      assertEquals(message.messageExpiryInterval, properties.includes("02 00 00 00 09") ? 9 : NEVER_EXPIRES);
      assertEquals(message.payload, utf8("x"));
    });
  }
});

Deno.test("a Topic Name is the same string from whatever connection and at whatever length it comes", () => {
  // Lengths around the bound of the cache, and ASCII or not; each twice, in turn with another.
  for (const length of [1, 2, 63, 64, 65, 127, 128, 129, 1000, 65535]) {
    for (const letter of ["t", "é"]) {
      const topicName = letter.repeat(Math.max(1, Math.floor(length / utf8(letter).length)));
      const other = "x" + topicName.slice(1);
      const packets = [topicName, topicName, other, topicName].map((name) =>
        plainPublish({ topicName: name, payload: utf8("p") })
      );
      const stream = packets.map((packet) => [...encode(packet)]).flat();
      assertEquals(decodeAll(Uint8Array.from(stream)), packets);
      assertEquals(decodeAll(Uint8Array.from(stream)), packets);
    }
  }
});

Deno.test("a Topic Name that begins like the one before is another one", () => {
  const names = ["a", "a/b", "a/b/c", "a/b", "a", "a/", "a//", "a"];
  const stream = names.map((name) => [...wire(`30 [ "${name}" ]`)]).flat();
  const packets = decodeAll(Uint8Array.from(stream), { version: 4 }) as { topicName: string }[];
  assertEquals(packets.map(({ topicName }) => topicName), names);
});

Deno.test("Topic Names that share a slot of the cache do not get mixed up", () => {
  // Ten times as many as there are slots: each slot is taken several times, and each name is met twice.
  const names = Array.from({ length: 80_000 }, (_, i) => `slot/${i}`);
  const stream: number[] = [];
  for (const name of names) for (let i = 0; i < 2; i++) stream.push(...wire(`30 [ "${name}" ]`));
  let count = 0;
  feed(decoder({ version: 4 }), Uint8Array.from(stream), (packet) => {
    assertEquals((packet as PublishPacket).message.topicName, names[count++ >> 1]);
  });
  assertEquals(count, 160_000);
});

Deno.test("a wildcard in a Topic Name is refused also where another name has its slot", () => {
  const good = wire(`30 [ "a/b" 00 ]`);
  for (let i = 0; i < 3; i++) {
    assertDecodeError(Uint8Array.from([...good, ...wire(`30 [ "a/+" 00 ]`)]), {}, ["Protocol", 0x82, "MQTT-3.3.2-2"]);
  }
});

Deno.test("userPropertiesMax bounds the User Properties of every packet", () => {
  const pairs = (count: number) => ` 26 "k" "v"`.repeat(count);
  for (
    const text of [
      `30 [ "a" [ PAIRS ] ]`,
      `40 [ 00 01 00 [ PAIRS ] ]`,
      `82 [ 00 01 [ PAIRS ] "a" 00 ]`,
      `a2 [ 00 01 [ PAIRS ] "a" ]`,
      `e0 [ 00 [ PAIRS ] ]`,
      `10 [ "MQTT" 05 02 00 00 [ PAIRS ] "" ]`,
      `10 [ "MQTT" 05 06 00 00 00 "" [ PAIRS ] "w" "" ]`,
    ]
  ) {
    const settings = { userPropertiesMax: 3 };
    assertEquals(decodeAll(wire(text.replace("PAIRS", pairs(3))), settings).length, 1);
    assertDecodeError(wire(text.replace("PAIRS", pairs(4))), settings, ["Protocol", 0x97, "§4.13.1"]);
  }
});

Deno.test("encodePacket() throws RangeError for a PUBLISH that cannot be sent", () => {
  for (
    const wrong of [
      { ...publish, topicName: "" },
      { ...publish, topicName: "x".repeat(65536) },
      { ...publish, topicName: "a\0" },
      { ...publish, dup: true },
      { ...publish, qos: 1 },
      { ...publish, qos: 1, packetIdentifier: 65536 },
      { ...publish, topicAlias: 65536 },
      { ...publish, subscriptionIdentifiers: [0] },
      { ...publish, subscriptionIdentifiers: [1, 268_435_456] },
      { ...publish, properties: { messageExpiryInterval: 0x1_0000_0000 } },
      { ...publish, properties: { messageExpiryInterval: -5 } },
      { ...publish, properties: { reasonString: "no" } },
      { ...publish, properties: { payloadFormatIndicator: 2 } },
    ]
  ) assertThrows(() => encode(wrong), RangeError);
  const packet = fromPlain(publish) as PublishPacket;
  packet.message.payloadEnd = packet.message.payloadStart + 268_435_455;
  assertThrows(() => encodePacket(new ByteWriter(), packet, 5, Infinity), RangeError);
});

Deno.test("encodePacket() leaves the properties and the alias of a PUBLISH out of 3.1.1", () => {
  const packet = { ...publish, topicAlias: 4, subscriptionIdentifiers: [1], properties: everything };
  assertEquals(encode(packet, 4), wire(`30 [ "a/b" 'hi' ]`));
});

Deno.test("[MQTT-3.1.2-24] encodePacket() writes no PUBLISH beyond the Maximum Packet Size", () => {
  const size = encode(publish).length;
  assertEquals(encode(publish, 5, size).length, size);
  assertEquals(encode(publish, 5, size - 1).length, 0);
});

Deno.test("PUBLISH packets with one Subscription Identifier share its list, and no other packet changes it", () => {
  const of = (...identifiers: string[]) => wire(`30 [ "a" [ ${identifiers.map((each) => `0b ${each}`).join(" ")} ] ]`);
  const stream = [of("05"), of("05"), of("05", "06", "07"), of(), of("05"), of("06"), of("06", "06")];
  const bytes = new Uint8Array(stream.flatMap((frame) => [...frame]));
  const lists = decodeAll(bytes, { sender: "server" }).map((packet) =>
    (packet as PlainPublish).subscriptionIdentifiers
  );
  assertEquals(lists, [[5], [5], [5, 6, 7], undefined, [5], [6], [6, 6]]);
  assertStrictEquals(lists[0], lists[1]);
});

Deno.test("properties that were met before are taken as they were, and any other byte is looked at", () => {
  const kinds = [
    `02 00 00 00 09 23 00 05 01 01 09 00 03 01 02 03 26 "key" "value"`,
    `01 01 26 "key" "value" 23 00 05 02 00 00 00 09`,
    `01 01 02 00 00 00 09 23 00 05 26 "key" "value" 09 00 03 01 02 03`,
  ];
  const seenOf = (bytes: Uint8Array, before: Uint8Array[]) => {
    const seen: unknown[] = [];
    const fresh = decoder();
    const note = (packet: ControlPacket) => {
      const { message, topicAlias } = packet as PublishPacket;
      const { topicName, messageExpiryInterval, payload } = message;
      seen.push([topicName, topicAlias, messageExpiryInterval, message.properties, payload.slice()]);
    };
    for (const frame of before) feed(fresh, frame, () => {});
    try {
      feed(fresh, bytes, note);
    } catch (error) {
      seen.push(String(error));
    }
    return seen;
  };
  for (const known of kinds) {
    const frame = wire(`32 [ "a" 00 07 [ ${known} ] 'x' ]`);
    assertEquals(seenOf(frame, [frame, frame]), seenOf(frame, []));
    const first = 2 + 3 + 2 + 1;
    for (let at = first; at < frame.length - 1; at++) {
      for (const bit of [1, 2, 0x80]) {
        const other = frame.slice();
        other[at] ^= bit;
        assertEquals(seenOf(other, [frame]), seenOf(other, []), `byte ${at}, bit ${bit}`);
      }
    }
    const longer = wire(`30 [ "topic" [ ${known} 03 "t" ] 'payload' ]`);
    assertEquals(seenOf(longer, [frame]), seenOf(longer, []));
    // Every so often another block takes the place of the one that is known.
    assertEquals(seenOf(longer, Array(9).fill(longer)), seenOf(longer, []));
    assertEquals(seenOf(frame, [...Array(20).fill(longer), frame]), seenOf(frame, []));
  }
});

/** Too long for the cache of Topic Names: nobody has made a string of it when it is handed out. */
const LONG = "level/".repeat(40);

function longPublish(topic: Uint8Array): Uint8Array {
  const body = [topic.length >>> 8, topic.length & 0xff, ...topic];
  return Uint8Array.of(0x30, (body.length & 0x7f) | 0x80, body.length >>> 7, ...body);
}

Deno.test("A Topic Name that is left in the buffer is read when it is asked for, and a copy of the message keeps it", () => {
  for (const name of [LONG, `${LONG}\u00e9\u{1f600}`]) {
    const bytes = longPublish(new TextEncoder().encode(name));
    const { message } = new PublishReader("client", 0).decode(bytes, 0, 3, bytes.length, 4);
    const owned = message.owned();
    assertEquals(message.topicName, name);
    bytes.fill(0);
    assertEquals([message.topicName, owned.topicName], [name, name]);
  }
});

Deno.test("[MQTT-3.3.2-1] [MQTT-3.3.2-2] [MQTT-4.7.3-2] a Topic Name that is left in the buffer is checked all the same", () => {
  const wrong = [[0x00], [0x2b], [0x23], [0xc3], [0xed, 0xa0, 0x80], [0xc3, 0xa9, 0x2b], [0xff]];
  for (const end of wrong) {
    const bytes = longPublish(Uint8Array.of(...new TextEncoder().encode(LONG), ...end));
    assertThrows(() => new PublishReader("client", 0).decode(bytes, 0, 3, bytes.length, 4), PeerError);
  }
});
