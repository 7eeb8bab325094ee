/** Random and mutated bytes against a running broker: it never fails by itself, no connection hangs, an unrelated
 * client is served, and when all have left nothing is left of them. @module */

import fc from "fast-check";
import { assert } from "@std/assert";
import {
  ApplicationMessage,
  ByteWriter,
  type ControlPacket,
  encodePacket,
  PacketType,
  type ProtocolVersion,
  type QoS,
} from "../../src/packet/mod.ts";
import { deadline } from "@std/async/deadline";
import { TestBroker } from "../support/test_broker.ts";
import { assertEmpty, assertNoInternalError, assertServes } from "./support.ts";

/** FUZZ_RUNS=10000 deno task test tests/attacks/fuzz_test.ts */
const RUNS = Number(Deno.env.get("FUZZ_RUNS") ?? 150);
const HANG_MS = 10_000;

function encode(packet: ControlPacket, version: ProtocolVersion): Uint8Array {
  const writer = new ByteWriter();
  encodePacket(writer, packet, version, Infinity);
  return writer.written.slice();
}

function connectOf(version: ProtocolVersion, clientId: string, expiry: number, hasWill: boolean): Uint8Array {
  return encode({
    type: PacketType.Connect,
    protocolVersion: version,
    cleanStart: true,
    keepAlive: 0,
    clientId,
    will: hasWill
      ? { topicName: "f/will", payload: new Uint8Array(3), qos: 1, retain: false, properties: {} }
      : undefined,
    userName: undefined,
    password: undefined,
    properties: version === 5 ? { sessionExpiryInterval: expiry } : {},
  }, version);
}

const topic = fc.constantFrom("f/a", "f/b", "f/a/b", "/", "f//", "$SYS/x", "f/+");
const filter = fc.constantFrom("f/#", "#", "+/+", "f/a", "$share/g/f/#", "$share/g", "f/#/x", "$SYS/#", "+");
const identifier = fc.constantFrom(0, 1, 2, 3, 65_535);
const qos = fc.constantFrom<QoS>(0, 1, 2);

/** What a client may send, as often valid as not. */
const packetOf = (version: ProtocolVersion): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.record({ topic, qos, retain: fc.boolean(), dup: fc.boolean(), identifier, payload: fc.uint8Array() }).map((p) =>
      encode({
        type: PacketType.Publish,
        dup: p.dup && p.qos > 0,
        packetIdentifier: p.qos === 0 ? 0 : p.identifier || 1,
        topicAlias: 0,
        subscriptionIdentifiers: undefined,
        message: ApplicationMessage.create({
          topicName: p.topic,
          payload: p.payload,
          qos: p.qos,
          retain: p.retain,
          properties: version === 5 ? { messageExpiryInterval: 5, userProperties: [["a", "b"]] } : undefined,
        }),
      }, version)
    ),
    fc.record({ filters: fc.array(filter, { minLength: 1, maxLength: 4 }), qos, identifier }).map((p) =>
      encode({
        type: PacketType.Subscribe,
        packetIdentifier: p.identifier || 1,
        properties: {},
        subscriptions: p.filters.map((topicFilter) => ({
          topicFilter,
          qos: p.qos,
          noLocal: false,
          retainAsPublished: true,
          retainHandling: 0 as const,
        })),
      }, version)
    ),
    fc.record({ filters: fc.array(filter, { minLength: 1, maxLength: 4 }), identifier }).map((p) =>
      encode({
        type: PacketType.Unsubscribe,
        packetIdentifier: p.identifier || 1,
        topicFilters: p.filters,
        properties: {},
      }, version)
    ),
    fc.record({ type: fc.constantFrom(4, 5, 6, 7), identifier }).map(({ type, identifier }) =>
      encode({ type: type as 4 | 5 | 6 | 7, packetIdentifier: identifier || 1, reasonCode: 0, properties: {} }, version)
    ),
    fc.constant(new Uint8Array([0xc0, 0x00])),
    fc.constantFrom(new Uint8Array([0xe0, 0x00]), new Uint8Array([0xc0, 0x00])),
  );

type Change =
  | { readonly kind: "flip"; readonly at: number; readonly bits: number }
  | { readonly kind: "delete"; readonly at: number; readonly count: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "duplicate"; readonly at: number; readonly count: number };

const at = fc.nat(400);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("flip" as const), at, bits: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant("delete" as const), at, count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant("insert" as const), at, bytes: fc.uint8Array({ minLength: 1, maxLength: 5 }) }),
  fc.record({ kind: fc.constant("duplicate" as const), at, count: fc.integer({ min: 1, max: 20 }) }),
);

function mutate(bytes: Uint8Array, changes: readonly Change[]): Uint8Array {
  let list = [...bytes];
  for (const one of changes) {
    if (list.length === 0) break;
    const index = one.at % list.length;
    if (one.kind === "flip") list[index] ^= one.bits;
    else if (one.kind === "delete") list.splice(index, one.count);
    else if (one.kind === "insert") list.splice(index, 0, ...one.bytes);
    else list = [...list.slice(0, index + one.count), ...list.slice(index)];
  }
  return Uint8Array.from(list);
}

interface Attack {
  readonly bytes: Uint8Array;
  readonly chunk: number;
  readonly ends: "closes" | "resets";
}

/** An attacker on a connection of its own. @returns when the connection has ended, or when it is quiet: then it waits
 * for the rest of a packet, and that is no hang. */
async function attack(broker: TestBroker, { bytes, chunk, ends }: Attack): Promise<void> {
  const stream = broker.open();
  const reading = (async () => {
    const into = new Uint8Array(4096);
    try {
      while (await stream.read(into) !== null);
    } catch {
      // reset, by whichever side
    }
  })();
  try {
    for (let from = 0; from < bytes.length;) {
      from += await deadline(stream.write(bytes.subarray(from, from + chunk)), HANG_MS);
    }
  } catch (error) {
    if (error instanceof DOMException) throw new Error("the broker neither reads nor closes");
  }
  if (ends === "resets") stream.reset();
  else stream.endWriting();
  await deadline(reading, HANG_MS); // the broker answers the end of the stream with the end of its own
}

/** fast-check reports the seed of a failure; FUZZ_SEED repeats it. */
function parameters(): { numRuns: number; seed?: number } {
  const seed = Deno.env.get("FUZZ_SEED");
  return { numRuns: RUNS, ...(seed === undefined ? {} : { seed: Number(seed) }) };
}

async function withstands(attacks: fc.Arbitrary<Attack[]>): Promise<void> {
  const limits = {
    closeTimeoutMs: 50,
    maximumPacketSize: 16_384,
    connectPacketSizeMax: 4096,
    // A mutated CONNECT may ask for any number of years.
    sessionExpiryIntervalMaxS: 1000,
  };
  await using broker = await TestBroker.start({ config: { limits } });
  const other = await broker.connect({ clientId: "unrelated" });
  await fc.assert(
    fc.asyncProperty(attacks, async (list) => {
      await Promise.all(list.map((one) => attack(broker, one)));
      assertNoInternalError(broker);
      await assertServes(other);
    }),
    parameters(),
  );
  await other.disconnect();
  // Sessions that were to outlive their connections do so for as long as the limit allows; messages for none.
  for (let i = 0; i < 3; i++) await broker.advance(limits.sessionExpiryIntervalMaxS * 1000 + 100);
  await assertEmpty(broker.server);
  assertNoInternalError(broker);
}

const chunk = fc.constantFrom(1, 3, 1000);
const ends = fc.constantFrom("closes" as const, "resets" as const);

Deno.test("Fuzz: random bytes instead of CONNECT", async () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  await withstands(fc.array(fc.record({ bytes, chunk, ends }), { minLength: 1, maxLength: 4 }));
});

for (const version of [3, 4, 5] as const) {
  const name = `MQTT ${version === 5 ? "5.0" : version === 4 ? "3.1.1" : "3.1"}`;
  const start = fc.record({
    id: fc.constantFrom("f1", "f2", "f3"),
    expiry: fc.constantFrom(0, 100),
    will: fc.boolean(),
  })
    .map(({ id, expiry, will }) => connectOf(version, id, expiry, will));

  Deno.test(`Fuzz: random bytes after CONNECT of ${name}`, async () => {
    const bytes = fc.tuple(start, fc.uint8Array({ maxLength: 300 })).map(concat);
    await withstands(fc.array(fc.record({ bytes, chunk, ends }), { minLength: 1, maxLength: 4 }));
  });

  Deno.test(`Fuzz: packets of ${name} in any order, some twice, some mutated`, async () => {
    const packets = fc.tuple(start, fc.array(packetOf(version), { maxLength: 30 }));
    const bytes = fc.tuple(packets, fc.array(change, { maxLength: 3 })).map(([[first, rest], changes]) =>
      mutate(concat([first, ...rest]), changes)
    );
    await withstands(fc.array(fc.record({ bytes, chunk, ends }), { minLength: 1, maxLength: 4 }));
  });

  Deno.test(`Fuzz: a whole stream of ${name} packets is answered to its last request, or the connection ends`, async () => {
    await using broker = await TestBroker.start({ config: { limits: { closeTimeoutMs: 50 } } });
    await fc.assert(
      fc.asyncProperty(fc.array(packetOf(version), { maxLength: 40 }), async (packets) => {
        const client = broker.client();
        await client.connect({ protocolVersion: version, clientId: "f1", cleanStart: true });
        const taking = (async () => {
          for (;;) {
            const packet = await client.receive();
            if (packet === undefined) return "ended";
            if (packet.type === PacketType.Unsuback && packet.packetIdentifier === 54_321) return "answered";
          }
        })().catch((error) => {
          if (error instanceof DOMException) throw error;
          return "ended";
        });
        try {
          await client.sendBytes(concat(packets));
          const fence = { packetIdentifier: 54_321, topicFilters: ["fence"], properties: {} };
          await client.send({ type: PacketType.Unsubscribe, ...fence });
        } catch {
          // ended meanwhile
        }
        assert(["ended", "answered"].includes(await taking));
        client.drop();
        assertNoInternalError(broker);
      }),
      parameters(),
    );
  });
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
