/** A message for its receivers: layouts, what is encoded once, what is kept how long. Spec §3.3. @module */

import { assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  addressFrame,
  ApplicationMessage,
  type ControlPacket,
  type FrameReferrers,
  NEVER_EXPIRES,
  type PublishFrame,
  PublishFrameEncoder,
  type PublishPacket,
  type QoS,
} from "../../src/packet/mod.ts";
import { isOf } from "../../src/packet/layout_frames.ts";
import { readdressFrames } from "../../src/packet/publish_layout.ts";
import { decoder, feed, wire } from "./support.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const encoder = new PublishFrameEncoder();

/** Calls `use` with the borrowed message of one PUBLISH, and then with its owned copy. */
function withMessage(
  text: string,
  version: 4 | 5,
  use: (message: ApplicationMessage) => void,
  sender: "client" | "server" = "client",
): void {
  const both = (packet: ControlPacket) => {
    const { message } = packet as PublishPacket;
    use(message);
    use(message.owned());
  };
  feed(decoder({ version, sender }), wire(text), both);
}

interface Terms {
  version?: 4 | 5;
  qos?: QoS;
  retain?: boolean;
  identifiers?: number[];
  expiry?: number;
  alias?: number;
  withTopic?: boolean;
}

function encode(message: ApplicationMessage, terms: Terms = {}, by = encoder): PublishFrame {
  const { version = 5, qos = 0, retain = false, identifiers, expiry = NEVER_EXPIRES, alias = 0, withTopic = true } =
    terms;
  return by.encode(message, version, qos, retain, identifiers, expiry, alias, withTopic);
}
const bytesOf = ({ buffer, start, end }: PublishFrame) => buffer.slice(start, end);

/** As a receiver gets it, with a Packet Identifier that is easy to see. */
function sent(frame: PublishFrame, { version = 5, qos = 0, retain = false, ...terms }: Terms): Uint8Array {
  const bytes = bytesOf(frame);
  const [alias, identifiers] = version === 5 ? [terms.alias ?? 0, terms.identifiers] : [0, undefined];
  if (qos !== 0) addressFrame(bytes, 0, frame, qos, retain, false, 0x4567, alias, identifiers);
  else if (!isOf(frame, alias, identifiers)) readdressFrames(bytes, 0, bytes.length, alias, identifiers);
  return bytes;
}

const layouts: [name: string, wire: string, version: 4 | 5, terms: Terms, expected: string][] = [
  ["QoS 0 as received", `30 [ "a" 00 'x' ]`, 5, {}, `30 [ "a" 00 'x' ]`],
  ["QoS 0 of 3.1.1 as received", `30 [ "a" 'x' ]`, 4, { version: 4 }, `30 [ "a" 'x' ]`],
  ["3.1.1 → 5.0", `30 [ "a" 'x' ]`, 4, { version: 5 }, `30 [ "a" 00 'x' ]`],
  ["5.0 → 3.1.1, properties left out", `30 [ "a" [ 01 01 ] 'x' ]`, 5, { version: 4 }, `30 [ "a" 'x' ]`],
  [
    "[MQTT-3.3.1-3] DUP is not that of the PUBLISH that came in",
    `3a [ "a" 00 09 00 'x' ]`,
    5,
    { qos: 1 },
    `32 [ "a" 45 67 00 'x' ]`,
  ],
  ["QoS 2 → QoS 1", `34 [ "a" 00 09 00 'x' ]`, 5, { qos: 1 }, `32 [ "a" 45 67 00 'x' ]`],
  ["QoS 2 → QoS 2", `34 [ "a" 00 09 00 'x' ]`, 5, { qos: 2 }, `34 [ "a" 45 67 00 'x' ]`],
  ["[MQTT-2.2.1-2] QoS 1 → QoS 0 has no Packet Identifier", `32 [ "a" 00 09 00 'x' ]`, 5, {}, `30 [ "a" 00 'x' ]`],
  ["[MQTT-3.3.1-12] RETAIN is cleared", `31 [ "a" 00 'x' ]`, 5, {}, `30 [ "a" 00 'x' ]`],
  ["[MQTT-3.3.1-13] RETAIN is set", `31 [ "a" 00 'x' ]`, 5, { retain: true }, `31 [ "a" 00 'x' ]`],
  ["RETAIN is set on what came without", `30 [ "a" 00 'x' ]`, 5, { retain: true }, `31 [ "a" 00 'x' ]`],
  [
    "[MQTT-3.3.2-6] what is left of the Message Expiry Interval is written",
    `30 [ "a" [ 01 01 02 00 00 00 63 26 "k" "v" ] 'x' ]`,
    5,
    { expiry: 0xfffffffe },
    `30 [ "a" [ 02 ff ff ff fe 01 01 26 "k" "v" ] 'x' ]`,
  ],
  [
    "an expiry is left out of 3.1.1",
    `30 [ "a" [ 02 00 00 00 63 ] 'x' ]`,
    5,
    { version: 4, expiry: 9 },
    `30 [ "a" 'x' ]`,
  ],
  [
    "[MQTT-3.3.4-3] [MQTT-3.3.4-4] Subscription Identifiers are written",
    `30 [ "a" 00 'x' ]`,
    5,
    { identifiers: [1, 268_435_455], qos: 0 },
    `30 [ "a" [ 0b 01 0b ff ff ff 7f ] 'x' ]`,
  ],
  [
    "the publisher's alias is not passed on",
    `30 [ "a" [ 01 00 23 00 05 03 "t" ] 'x' ]`,
    5,
    {},
    `30 [ "a" [ 01 00 03 "t" ] 'x' ]`,
  ],
  [
    "the publisher's alias and expiry behind the other properties are not passed on",
    `30 [ "a" [ 03 "t" 23 00 05 02 00 00 00 05 ] 'x' ]`,
    5,
    {},
    `30 [ "a" [ 03 "t" ] 'x' ]`,
  ],
  ["a Topic Alias with the Topic Name", `30 [ "a" 00 'x' ]`, 5, { alias: 65535 }, `30 [ "a" [ 23 ff ff ] 'x' ]`],
  [
    "a Topic Alias without the Topic Name",
    `30 [ "a" [ 01 01 ] 'x' ]`,
    5,
    { alias: 1, withTopic: false, qos: 2, identifiers: [7], expiry: 1 },
    `34 [ "" 45 67 [ 23 00 01 0b 07 02 00 00 00 01 01 01 ] 'x' ]`,
  ],
  [
    "an alias is left out of 3.1.1",
    `30 [ "a" 00 'x' ]`,
    5,
    { version: 4, alias: 1, withTopic: true },
    `30 [ "a" 'x' ]`,
  ],
  ["a long payload", `30 [ "a" 00 200*61 ]`, 5, { qos: 1 }, `32 [ "a" 45 67 00 200*61 ]`],
  ["long properties", `30 [ "a" [ 09 00 c8 200*62 ] 'x' ]`, 5, { qos: 1 }, `32 [ "a" 45 67 [ 09 00 c8 200*62 ] 'x' ]`],
];
for (const [name, text, version, terms, expected] of layouts) {
  Deno.test(`PublishFrameEncoder.encode() lays out: ${name}`, () => {
    withMessage(text, version, (message) => {
      const frame = encode(message, terms);
      assertEquals(sent(frame, terms), wire(expected));
      if ((terms.qos ?? 0) === 0) assertEquals(frame.packetIdentifierAt, -1);
      else {
        const topicBytes = terms.withTopic === false ? 0 : 1;
        const lengthBytes = frame.end - frame.start > 129 ? 2 : 1;
        assertEquals(frame.packetIdentifierAt - frame.start, 1 + lengthBytes + 2 + topicBytes);
      }
    });
  });
}

Deno.test("PublishFrameEncoder.encode() passes on the read buffer where nothing changes, and only there", () => {
  feed(decoder(), wire(`c0 00 30 [ "a" [ 26 "k" "v" ] 'x' ]`), (packet) => {
    if (packet.type !== 3) return;
    const { message } = packet;
    const frame = encode(message);
    assertEquals(frame.mayBeReferredTo, true);
    assertStrictEquals(frame.buffer, message.buffer);
    assertEquals([frame.start, frame.end], [2, message.payloadEnd]);
    for (
      const terms of [
        { qos: 1 },
        { retain: true },
        { version: 4 },
        { identifiers: [1] },
        { expiry: 5 },
        { alias: 1 },
      ] as Terms[]
    ) {
      assertNotStrictEquals(encode(message, terms).buffer, message.buffer);
    }
    // The owned copy has the whole frame, too.
    const owned = message.owned();
    const kept = encode(owned);
    assertEquals(kept.mayBeReferredTo, true);
    assertStrictEquals(kept.buffer, owned.buffer);
    assertNotStrictEquals(kept.buffer, message.buffer);
    assertEquals(bytesOf(kept), wire(`30 [ "a" [ 26 "k" "v" ] 'x' ]`));
  });
});

Deno.test("PublishFrameEncoder.encode() takes a QoS 1 or 2 frame as it came, for a receiver of the same kind", () => {
  withMessage(`35 [ "a" 00 09 [ 26 "k" "v" ] 'x' ]`, 5, (message) => {
    const frame = encode(message, { qos: 2 });
    assertStrictEquals(frame.buffer, message.buffer);
    // Its Packet Identifier is the sender's: it is not to be sent on as it is.
    assertEquals(frame.mayBeReferredTo, false);
    for (const terms of [{ qos: 1 }, { qos: 2, version: 4 }, { qos: 2, expiry: 5 }, { qos: 2, alias: 1 }] as Terms[]) {
      assertNotStrictEquals(encode(message, terms).buffer, message.buffer);
    }
  });
});

Deno.test("PublishFrameEncoder.encode() takes the name that a Topic Alias stands for", () => {
  withMessage(`32 [ "" 00 01 [ 23 00 01 03 "t" ] 'x' ]`, 5, (message) => {
    message.topicName = "räume/1";
    assertEquals(bytesOf(encode(message, { qos: 1 })), wire(`32 [ "räume/1" 00 00 [ 03 "t" ] 'x' ]`));
    assertEquals(bytesOf(encode(message, { version: 4 })), wire(`30 [ "räume/1" 'x' ]`));
    const { buffer, topicStart, topicEnd } = message.owned();
    assertEquals(buffer.slice(topicStart - 2, topicEnd), wire('"räume/1"'));
  });
});

Deno.test("PublishFrameEncoder.encode() encodes each layout of a message once", () => {
  const message = ApplicationMessage.create({ topicName: "a", payload: utf8("x") });
  const by = new PublishFrameEncoder();
  const identifiers = [[1], [128], [1, 2]];
  const seen: PublishFrame[] = [];
  const all: Terms[] = [];
  for (const version of [4, 5] as const) {
    for (const qos of [0, 1, 2] as const) for (const retain of [false, true]) all.push({ version, qos, retain });
  }
  for (const list of identifiers) all.push({ identifiers: list, qos: 1 });
  const starts = all.map((terms) => {
    const frame = encode(message, terms, by);
    seen.push(frame);
    return [frame.start, frame.end];
  });
  assertEquals(new Set(seen).size, all.length);
  // Asked again in another order, each is where it was.
  for (let i = all.length - 1; i >= 0; i--) {
    const frame = encode(message, all[i], by);
    assertStrictEquals(frame, seen[i]);
    assertEquals([frame.start, frame.end], starts[i]);
  }
  assertEquals(new Set(seen.map(({ buffer }) => buffer)).size, all.length);
});

Deno.test("PublishFrameEncoder.encode() does not confuse messages, terms or what is left of an expiry", () => {
  const by = new PublishFrameEncoder();
  const messages = ["a", "b"].map((topicName) => ApplicationMessage.create({ topicName, payload: utf8(topicName) }));
  const lists = Array.from({ length: 20 }, (_, i) => [i + 1]);
  for (let round = 0; round < 3; round++) {
    for (const message of messages) {
      const topic = message.topicName;
      for (const expiry of [NEVER_EXPIRES, 5, 6, 5]) {
        for (const qos of [0, 1, 0] as const) {
          for (const list of [undefined, ...lists, ...lists.toReversed()]) {
            const properties = (list === undefined ? "" : `0b ${list[0].toString(16).padStart(2, "0")} `) +
              (expiry < 0 ? "" : `02 00 00 00 0${expiry}`);
            const expected = wire(`3${qos * 2} [ "${topic}" ${qos ? "45 67" : ""} [ ${properties} ] '${topic}' ]`);
            const terms = { qos, expiry, identifiers: list };
            assertEquals(sent(encode(message, terms, by), terms), expected);
            if (list !== undefined && list[0] % 5 === 0) {
              const aliased = wire(`30 [ "" [ 23 00 09 ] '${topic}' ]`);
              assertEquals(bytesOf(encode(message, { alias: 9, withTopic: false }, by)), aliased);
            }
          }
        }
      }
    }
  }
});

Deno.test("PublishFrameEncoder.encode() encodes a message anew when another came in between, as on a resend", () => {
  const one = ApplicationMessage.create({ topicName: "a", payload: utf8("one") });
  const two = ApplicationMessage.create({ topicName: "a", payload: utf8("two") });
  for (let round = 0; round < 2; round++) {
    assertEquals(bytesOf(encode(one, { qos: 1 })), wire(`32 [ "a" 00 00 00 'one' ]`));
    assertEquals(bytesOf(encode(two, { qos: 2 })), wire(`34 [ "a" 00 00 00 'two' ]`));
    assertEquals(bytesOf(encode(one, { qos: 1, identifiers: [7] })), wire(`32 [ "a" 00 00 [ 0b 07 ] 'one' ]`));
    assertEquals(bytesOf(encode(two, { qos: 2, expiry: 1 })), wire(`34 [ "a" 00 00 [ 02 00 00 00 01 ] 'two' ]`));
  }
});

Deno.test("PublishFrameEncoder.encode() encodes anew what was not kept and then overwritten", () => {
  const message = ApplicationMessage.create({ topicName: "a", payload: utf8("x") });
  encode(message, { qos: 1, expiry: 5 });
  for (const qos of [0, 2] as const) {
    assertEquals(bytesOf(encode(message, { qos: 1, expiry: 6 })), wire(`32 [ "a" 00 00 [ 02 00 00 00 06 ] 'x' ]`));
    encode(message, { qos, expiry: 5 });
  }
  assertEquals(bytesOf(encode(message, { qos: 1, expiry: 6 })), wire(`32 [ "a" 00 00 [ 02 00 00 00 06 ] 'x' ]`));
});

Deno.test("PublishFrameEncoder.encode() keeps earlier frames of a message when its scratch buffer grows", () => {
  const by = new PublishFrameEncoder();
  const message = ApplicationMessage.create({ topicName: "a", payload: new Uint8Array(10_000).fill(7) });
  const first = encode(message, { qos: 1 }, by);
  const copy = bytesOf(first);
  for (const qos of [0, 1, 2] as const) for (const retain of [false, true]) encode(message, { qos, retain }, by);
  assertStrictEquals(encode(message, { qos: 1 }, by), first);
  assertEquals(bytesOf(first), copy);
});

Deno.test("PublishFrameEncoder.encode() sends a message of 100 MiB, and gives the buffer back with the next", () => {
  const by = new PublishFrameEncoder();
  const payload = new Uint8Array(100 * 1024 * 1024);
  payload[payload.length - 1] = 42;
  const message = ApplicationMessage.create({ topicName: "a", payload });
  message.borrowed = true; // else it is not copied
  const frame = encode(message, { qos: 1 }, by);
  assertEquals(frame.end - frame.start, 1 + 4 + 3 + 2 + 1 + payload.length);
  assertEquals(frame.buffer[frame.end - 1], 42);
  const again = encode(message, { qos: 1 }, by);
  assertStrictEquals(again.buffer, frame.buffer);
  const big = frame.buffer;
  const small = encode(ApplicationMessage.create({ topicName: "a", payload: utf8("x") }), { qos: 1 }, by);
  assertEquals(bytesOf(small), wire(`32 [ "a" 00 00 00 'x' ]`));
  assertNotStrictEquals(small.buffer, big);
  assertEquals(frame.buffer.length < 1024 * 1024, true);
});

Deno.test("PublishFrameEncoder.encode() keeps one frame of a message that is too large to stand beside others", () => {
  const by = new PublishFrameEncoder();
  const message = ApplicationMessage.create({ topicName: "a", payload: new Uint8Array(3 * 1024 * 1024) });
  message.borrowed = true;
  const terms = (identifier: number): Terms => ({ identifiers: [identifier], qos: 1 });
  for (const identifier of [1, 300, 2]) {
    const frame = encode(message, terms(identifier), by);
    const { buffer } = frame;
    assertEquals([buffer.length, frame.mayBeReferredTo], [frame.size, false]);
    // The next of the same layout finds it, and writes its own properties over.
    assertStrictEquals(encode(message, terms(identifier + 1), by).buffer, buffer);
    const head = identifier < 128 ? `0b 0${identifier}` : "0b ac 02";
    assertEquals(buffer.slice(5, 5 + 6 + (identifier < 128 ? 2 : 3)), wire(`"a" 00 00 [ ${head} ]`));
  }
});

/** Refers to frames, as a writer does, and copies them when it is told to. */
class Referrer implements FrameReferrers {
  readonly #referred: PublishFrame[] = [];
  readonly copies: Uint8Array[] = [];

  get isSettled(): boolean {
    return this.#referred.length === 0;
  }

  /** The frame is an object that is used again: its place is noted. */
  refer({ ...frame }: PublishFrame): PublishFrame {
    this.#referred.push(frame);
    return frame;
  }

  settle(): void {
    this.copies.push(...this.#referred.map(bytesOf));
    this.#referred.length = 0;
  }
}

Deno.test("PublishFrameEncoder.encode() puts frames of one layout side by side while somebody refers to them", () => {
  const referrer = new Referrer();
  const by = new PublishFrameEncoder(referrer);
  const expected: Uint8Array[] = [];
  const both: Terms[] = [{ alias: 1, withTopic: false, identifiers: [5] }, { version: 4 }];
  for (let number = 0; number < 5000; number++) {
    const text = `${number}`.padStart(80, ".");
    const message = ApplicationMessage.create({ topicName: "a/b", payload: utf8(text) });
    for (const terms of both) {
      referrer.refer(encode(message, terms, by));
      const front = terms.version === 4 ? '"a/b"' : '"" [ 23 00 01 0b 05 ]';
      expected.push(wire(`30 [ ${front} '${text}' ]`));
    }
  }
  referrer.settle();
  assertEquals(referrer.copies.length, expected.length);
  for (let i = 0; i < expected.length; i++) assertEquals(referrer.copies[i], expected[i]);
});

Deno.test("PublishFrameEncoder.encode() gives frames that touch, and begins anew when all were copied", () => {
  const referrer = new Referrer();
  const by = new PublishFrameEncoder(referrer);
  const next = (terms: Terms) => {
    const message = ApplicationMessage.create({ topicName: "a/b", payload: utf8("x") });
    return referrer.refer(encode(message, terms, by));
  };
  const [first, other, second] = [next({ retain: true }), next({ version: 4 }), next({ retain: true })];
  assertEquals([first, other, second].map(({ mayBeReferredTo }) => mayBeReferredTo), [true, true, true]);
  assertStrictEquals(second.buffer, first.buffer);
  assertEquals([first.start, second.start], [0, first.end]);
  assertNotStrictEquals(other.buffer, first.buffer);
  referrer.settle();
  const third = next({ retain: true });
  assertStrictEquals(third.buffer, first.buffer);
  assertEquals(third.start, 0);
});

Deno.test("PublishFrameEncoder.encode() knows as many layouts as come, and a few of them at a time", () => {
  const referrer = new Referrer();
  const by = new PublishFrameEncoder(referrer);
  const expected: Uint8Array[] = [];
  const lists = Array.from({ length: 40 }, (_, i) => Array.from({ length: i + 1 }, (_, j) => j + 1));
  for (let round = 0; round < 3; round++) {
    const message = ApplicationMessage.create({ topicName: "a", payload: utf8(`${round}`) });
    for (const identifiers of [...lists, ...lists.slice(-3)]) {
      referrer.refer(encode(message, { identifiers }, by));
      const properties = identifiers.map((n) => `0b ${n.toString(16).padStart(2, "0")}`).join(" ");
      expected.push(wire(`30 [ "a" [ ${properties} ] '${round}' ]`));
    }
  }
  referrer.settle();
  assertEquals(referrer.copies, expected);
});

Deno.test("readdressFrames() writes over what only concerns a receiver, in each frame of a run", () => {
  const frames = (alias: string, identifiers: string) =>
    wire(
      `30 [ "" [ 23 ${alias} ${identifiers} 01 01 ] 'x' ] 31 [ "räume" [ 23 ${alias} ${identifiers} 09 00 c8 200*62 ] 300*61 ]
       30 [ "a" [ 23 ${alias} ${identifiers} ] ]`,
    );
  const run = frames("00 01", "0b 01 0b 80 01");
  readdressFrames(run, 0, run.length, 0xabcd, [128, 2]);
  assertEquals(run, frames("ab cd", "0b 80 01 0b 02"));
});

Deno.test("PublishFrameEncoder.encode() answers with an impossible size when no Control Packet is that long", () => {
  const message = ApplicationMessage.create({ topicName: "a", payload: utf8("x") });
  // Only measured, so the bytes need not be there.
  message.payloadEnd = message.payloadStart + 268_435_455 - 5;
  const frame = encode(message, { qos: 1 }, new PublishFrameEncoder());
  assertEquals(frame.size > 0xffffffff, true);
});

Deno.test("ApplicationMessage.create() lays a message out, and gives its properties back", () => {
  const properties = {
    payloadFormatIndicator: 1,
    contentType: "text/plain",
    responseTopic: "r",
    correlationData: Uint8Array.of(1),
    userProperties: [["a", "1"], ["b", "2"]] as [string, string][],
  } as const;
  const message = ApplicationMessage.create({
    topicName: "räume/1",
    payload: utf8("x"),
    qos: 2,
    retain: true,
    receivedAtMs: 5,
    properties: {
      ...properties,
      userProperties: [...properties.userProperties],
      messageExpiryInterval: 0xffffffff,
      topicAlias: 4,
      subscriptionIdentifiers: [1],
      willDelayInterval: 10,
    },
  });
  assertEquals(message.borrowed, false);
  assertStrictEquals(message.owned(), message);
  assertEquals(
    [message.topicName, message.qos, message.retain, message.messageExpiryInterval, message.receivedAtMs],
    ["räume/1", 2, true, 0xffffffff, 5],
  );
  assertEquals(message.payload, utf8("x"));
  assertEquals(message.payloadBytes, 1);
  assertEquals(message.properties as unknown, { ...properties, messageExpiryInterval: 0xffffffff });
  assertEquals(utf8("räume/1"), message.buffer.slice(message.topicStart, message.topicEnd));
  assertEquals(message.payloadEnd, message.buffer.length);
});

Deno.test("ApplicationMessage.create() throws RangeError for what cannot be sent", () => {
  const payload = new Uint8Array(0);
  for (
    const wrong of [
      { topicName: "x".repeat(65536), payload },
      { topicName: "\ud800", payload },
      { topicName: "a", payload, properties: { contentType: "x".repeat(65536) } },
      { topicName: "a", payload, properties: { correlationData: new Uint8Array(65536) } },
      { topicName: "a", payload, properties: { receiveMaximum: 1 } },
    ]
  ) assertThrows(() => ApplicationMessage.create(wrong), RangeError);
});

Deno.test("ApplicationMessage.owned() copies once, and the copy outlives the read buffer", () => {
  const text = `33 [ "a/b" 00 09 [ 01 01 02 00 00 00 09 26 "k" "v" ] 'xyz' ]`;
  const to = decoder();
  let owned: ApplicationMessage | undefined;
  let serial = 0;
  feed(to, wire(text), (packet) => {
    const { message } = packet as PublishPacket;
    message.receivedAtMs = 77;
    owned = message.owned();
    serial = message.serial;
    assertStrictEquals(message.owned(), owned);
  });
  // The next read overwrites the buffer and the borrowed message.
  feed(to, wire(`30 [ "other/topic" 00 20*00 ]`), (packet) => {
    const { message } = packet as PublishPacket;
    assertNotStrictEquals(message.owned(), owned);
  });
  assertEquals(owned!.borrowed, false);
  assertEquals(owned!.serial, serial);
  assertEquals([owned!.topicName, owned!.qos, owned!.retain, owned!.receivedAtMs], ["a/b", 1, true, 77]);
  assertEquals(owned!.payload, utf8("xyz"));
  assertEquals(owned!.properties, {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 9,
    userProperties: [["k", "v"]],
  });
  assertEquals(owned!.bytes, 2 + 3 + 2 + 7 + 3);
  assertEquals(owned!.frameEnd, 0);
});
