/** Frames that begin like the ones before them: the same bytes as if each were laid out by itself. Spec §3.3.
 * @module */

import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { isOf } from "../../src/packet/layout_frames.ts";
import {
  addressFrame,
  type ApplicationMessage,
  type FrameReferrers,
  NEVER_EXPIRES,
  PacketType,
  type PublishFrame,
  PublishFrameEncoder,
  type QoS,
} from "../../src/packet/mod.ts";
import { readdressFrames } from "../../src/packet/publish_layout.ts";
import { decoder, feed, wire } from "./support.ts";

/** What publishers repeat: none, in one piece, on both sides of an alias or an expiry, and two that differ in a letter. */
const PROPERTIES = [
  "[ ]",
  '[ 03 "text/plain" 08 "answers" ]',
  '[ 03 "text/plein" 08 "answers" ]',
  '[ 03 "text/plain" 23 00 01 ]',
  '[ 03 "text/plain" 23 00 01 08 "answers" ]',
  '[ 03 "text/plain" 23 00 01 08 "answerz" ]',
  '[ 02 00 00 00 09 03 "text/plain" ]',
  '[ 02 00 00 00 0a 03 "text/plain" ]',
];
/** The last is what an alias stands for. */
const TOPICS = ["a/b", "a/c", "räume/1", ""];
const IDENTIFIERS = [undefined, [5], [6], [300], [1, 2]];

interface Published {
  readonly topic: string;
  readonly properties: string;
  readonly qos: QoS;
  readonly payload: string;
}

interface Terms {
  readonly version: 4 | 5;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly identifiers: readonly number[] | undefined;
  readonly alias: number;
  readonly withTopic: boolean;
  /** Less is left of it than at first. */
  readonly expires: boolean;
}

function packetOf({ topic, properties, qos, payload }: Published): string {
  const block = topic === "" && !properties.includes("23 00 01") ? "[ 23 00 01 ]" : properties;
  return qos === 0
    ? `30 [ "${topic}" ${block} '${payload}' ]`
    : `3${qos * 2} [ "${topic}" 00 07 ${block} '${payload}' ]`;
}

const published: fc.Arbitrary<Published> = fc.record({
  topic: fc.constantFrom(...TOPICS),
  properties: fc.constantFrom(...PROPERTIES),
  qos: fc.constantFrom<QoS>(0, 0, 0, 1),
  payload: fc.constantFrom("", "x", "y", "payload 1", "payload 2", "z".repeat(500)),
});
const terms: fc.Arbitrary<Terms> = fc.record({
  version: fc.constantFrom<4 | 5>(5, 5, 5, 4),
  qos: fc.constantFrom<QoS>(0, 0, 0, 1),
  retain: fc.boolean(),
  identifiers: fc.constantFrom(...IDENTIFIERS),
  alias: fc.constantFrom(0, 1, 2),
  withTopic: fc.boolean(),
  expires: fc.boolean(),
});
/** What one read brings of one publisher, most of it alike, and the one receiver or the few that get all of it. */
const read = fc.record({
  publisher: fc.constantFrom(0, 1),
  packets: fc.array(fc.record({ published, times: fc.integer({ min: 1, max: 12 }) }), { minLength: 1, maxLength: 5 }),
  receivers: fc.array(terms, { minLength: 1, maxLength: 3 }),
});

class Referrer implements FrameReferrers {
  readonly #referred: { readonly frame: PublishFrame; readonly terms: Terms }[] = [];
  readonly received: Uint8Array[] = [];

  get isSettled(): boolean {
    return this.#referred.length === 0;
  }

  take(frame: PublishFrame, messageBuffer: Uint8Array, terms: Terms): void {
    this.#referred.push({ frame: { ...frame }, terms });
    // The decoder moves its read buffer whenever it likes here.
    if (!frame.mayBeReferredTo || frame.buffer === messageBuffer) this.settle();
  }

  settle(): void {
    this.received.push(...this.#referred.map(({ frame, terms }) => receivedBy(frame, terms)));
    this.#referred.length = 0;
  }
}

/** As the writer makes a frame the receiver's. */
function receivedBy(frame: PublishFrame, { version, qos, retain, ...own }: Terms): Uint8Array {
  const bytes = frame.buffer.slice(frame.start, frame.end);
  const [alias, identifiers] = version === 5 ? [own.alias, own.identifiers] : [0, undefined];
  if (qos !== 0) addressFrame(bytes, 0, frame, qos, retain, false, 0x4567, alias, identifiers);
  else if (!isOf(frame, alias, identifiers)) readdressFrames(bytes, 0, bytes.length, alias, identifiers);
  return bytes;
}

function encode(by: PublishFrameEncoder, message: ApplicationMessage, terms: Terms): PublishFrame {
  const { version, qos, retain, identifiers, alias, withTopic, expires } = terms;
  const whole = message.messageExpiryInterval;
  const expiry = whole !== NEVER_EXPIRES && expires ? whole - 1 : whole;
  return by.encode(message, version, qos, retain, identifiers, expiry, alias, withTopic);
}

Deno.test("LayoutFrames.repeatHead() gives the bytes that a frame has which is laid out by itself", () => {
  fc.assert(
    fc.property(fc.array(read, { minLength: 1, maxLength: 6 }), (reads) => {
      const referrer = new Referrer();
      const by = new PublishFrameEncoder(referrer);
      const publishers = [decoder(), decoder()];
      const expected: Uint8Array[] = [];
      for (const { publisher, packets, receivers } of reads) {
        const alike = packets.flatMap(({ published, times }) => Array<string>(times).fill(packetOf(published)));
        feed(publishers[publisher], wire(alike.join(" ")), (packet) => {
          if (packet.type !== PacketType.Publish) return;
          if (packet.message.topicName === "") packet.message.topicName = "what/it/stands/for";
          for (const receiver of receivers) {
            referrer.take(encode(by, packet.message, receiver), packet.message.buffer, receiver);
            expected.push(receivedBy(encode(new PublishFrameEncoder(), packet.message, receiver), receiver));
          }
        });
        referrer.settle();
      }
      assertEquals(referrer.received, expected);
    }),
    { numRuns: 300 },
  );
});

const PLAIN: Terms = {
  ...{ version: 5, qos: 0, retain: false, identifiers: [5], alias: 3, withTopic: false, expires: false },
};
const ALIKE = `30 [ "" ${PROPERTIES[3]} 'payload' ]`;

Deno.test("LayoutFrames.repeatHead() goes on in memory that grows, and in front when it is full", () => {
  const referrer = new Referrer();
  const by = new PublishFrameEncoder(referrer);
  const count = 4000; // more than twice what a layout's memory holds
  feed(decoder(), wire(Array<string>(count).fill(ALIKE).join(" ")), (packet) => {
    if (packet.type !== PacketType.Publish) return;
    packet.message.topicName = "what/it/stands/for";
    referrer.take(encode(by, packet.message, PLAIN), packet.message.buffer, PLAIN);
  });
  referrer.settle();
  const one = wire(`30 [ "" [ 23 00 03 0b 05 03 "text/plain" ] 'payload' ]`);
  assertEquals(referrer.received.length, count);
  for (const bytes of referrer.received) assertEquals(bytes, one);
});

Deno.test("LayoutFrames.repeatHead() makes frames the next receiver's, when it gets other messages", () => {
  const by = new PublishFrameEncoder();
  const receivers = [PLAIN, PLAIN, { ...PLAIN, alias: 4 }, { ...PLAIN, alias: 4, identifiers: [9] }];
  let index = 0;
  feed(decoder(), wire(Array<string>(12).fill(ALIKE).join(" ")), (packet) => {
    if (packet.type !== PacketType.Publish) return;
    const receiver = receivers[index++ % receivers.length];
    const frame = encode(by, packet.message, receiver);
    assertEquals(isOf(frame, receiver.alias, receiver.identifiers), true);
    const own = `23 00 0${receiver.alias} 0b 0${receiver.identifiers![0]}`;
    assertEquals(frame.buffer.slice(frame.start, frame.end), wire(`30 [ "" [ ${own} 03 "text/plain" ] 'payload' ]`));
  });
  assertEquals(index, 12);
});

Deno.test("PublishReader gives the properties around an alias in one array, as long as they stay the same", () => {
  const arrays: (Uint8Array | undefined)[] = [];
  const keys: number[] = [];
  const packets = [4, 4, 4, 5, 4].map((index) => `30 [ "a" ${PROPERTIES[index]} 'x' ]`);
  feed(decoder(), wire(packets.join(" ")), (packet) => {
    if (packet.type !== PacketType.Publish) return;
    arrays.push(packet.message.forwardedProperties);
    keys.push(packet.message.propertiesKey);
  });
  assertEquals(arrays, [0, 0, 0, 1, 0].map((z) => wire(`03 "text/plain" 08 "answer${"sz"[z]}"`)));
  assertStrictEquals(arrays[1], arrays[2]);
  assertStrictEquals(arrays[1], arrays[4]);
  assertEquals(keys.map((key) => key !== 0), [false, true, true, false, true]);
});

Deno.test("LayoutFrames.repeatHead() brings a head to the front, also over a part of itself", () => {
  const referrer = new Referrer();
  const by = new PublishFrameEncoder(referrer);
  const terms: Terms = { ...PLAIN, version: 4, alias: 0, identifiers: undefined };
  const [short, long] = ['31 [ "a" ]', '31 [ "abcdefghijklm" ]'];
  for (const packets of [`${short} ${long}`, long]) {
    feed(decoder({ version: 4 }), wire(packets), (packet) => {
      if (packet.type !== PacketType.Publish) return;
      referrer.take(encode(by, packet.message, terms), packet.message.buffer, terms);
    });
    referrer.settle();
  }
  assertEquals(referrer.received, [short, long, long].map((text) => wire(text.replace("31", "30"))));
});
