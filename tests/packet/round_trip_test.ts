/** Arbitrary packets there and back; arbitrary bytes never worse than a PeerError. @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { PeerError, type ProtocolVersion } from "../../src/packet/mod.ts";
import { connect, packets, topicFilter } from "./arbitraries.ts";
import { decodeAll, decoder, encode, feed, plain, wire } from "./support.ts";

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];
const SENDERS = ["client", "server"] as const;

for (const version of VERSIONS) {
  Deno.test(`every CONNECT of version ${version} survives encoding and decoding`, () => {
    fc.assert(fc.property(connect(version), (packet) => {
      assertEquals(decodeAll(encode(packet, version)), [packet]);
    }));
  });
  for (const sender of SENDERS) {
    for (const [name, arbitrary] of Object.entries(packets(version, sender))) {
      Deno.test(`every ${name} of a ${sender} in version ${version} survives encoding and decoding`, () => {
        fc.assert(fc.property(arbitrary, (packet) => {
          const bytes = encode(packet, version);
          assertEquals(decodeAll(bytes, { version, sender }), [packet]);
          assertEquals(decodeAll(bytes, { version, sender }, 1), [packet]);
        }));
      });
    }
  }
}

Deno.test("[MQTT-3.8.3-4] No Local is refused exactly on $share filters", () => {
  fc.assert(fc.property(topicFilter, fc.boolean(), (filter, shared) => {
    const topic = shared ? `$share/g/${filter}` : filter;
    const options = { topicFilter: topic, qos: 1, noLocal: true, retainAsPublished: false, retainHandling: 0 };
    const bytes = encode({ type: 8, packetIdentifier: 1, subscriptions: [options], properties: {} });
    let statement: string | undefined;
    try {
      decodeAll(bytes);
    } catch (error) {
      statement = (error as PeerError).statement;
    }
    assertEquals(statement, topic.startsWith("$share/") ? "MQTT-3.8.3-4" : undefined);
  }));
});

/** Feeds bytes until the end or the first error, which must be the peer's. @returns the packets before it. */
function survive(
  bytes: Uint8Array,
  version: ProtocolVersion,
  sender: "client" | "server",
  readMax?: number,
): unknown[] {
  const to = decoder({ version, sender, maximumPacketSize: 100_000, userPropertiesMax: 20 });
  const seen: unknown[] = [];
  try {
    feed(to, bytes, (packet) => seen.push(plain(packet)), readMax);
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    seen.push(`${error.name} ${error.reasonCode} ${error.statement}`);
  }
  return seen;
}

for (const sender of SENDERS) {
  Deno.test(`random bytes of a ${sender} end in packets or a PeerError, however they are cut`, () => {
    // A first byte that exists and a plausible length, so that the bodies are reached too.
    const first = fc.constantFrom(
      0x10,
      0x20,
      0x30,
      0x31,
      0x32,
      0x3d,
      0x40,
      0x50,
      0x62,
      0x70,
      0x82,
      0x90,
      0xa2,
      0xb0,
      0xe0,
      0xf0,
    );
    const frame = fc.tuple(first, fc.uint8Array({ maxLength: 40 })).map(([byte, body]) => [byte, body.length, ...body]);
    const raw = fc.uint8Array({ maxLength: 40 }).map((bytes) => [...bytes]);
    const bytes = fc.array(fc.oneof(frame, raw), { maxLength: 4 }).map((parts) => Uint8Array.from(parts.flat()));
    fc.assert(
      fc.property(bytes, fc.constantFrom(...VERSIONS), fc.integer({ min: 1, max: 50 }), (all, version, readMax) => {
        assertEquals(survive(all, version, sender, readMax), survive(all, version, sender));
      }),
      { numRuns: 5000 },
    );
  });

  for (const version of VERSIONS) {
    Deno.test(`mutated packets of a ${sender} in version ${version} end in packets or a PeerError`, () => {
      const all = Object.values(packets(version, sender));
      if (sender === "client") all.push(connect(version));
      const mutation = fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.constantFrom("set", "insert", "delete"));
      fc.assert(
        fc.property(fc.oneof(...all), fc.array(mutation, { minLength: 1, maxLength: 4 }), (packet, mutations) => {
          const bytes = [...encode(packet, version)];
          for (const [where, value, how] of mutations) {
            const at = where % bytes.length;
            if (how === "set") bytes[at] = value;
            else if (how === "insert") bytes.splice(at, 0, value);
            else if (bytes.length > 1) bytes.splice(at, 1);
          }
          const mutated = Uint8Array.from(bytes);
          const seen = survive(mutated, version, sender);
          assertEquals(survive(mutated, version, sender, 1), seen);
          // Whatever was taken for a packet can be sent again and means the same.
          for (const taken of seen) {
            if (typeof taken === "string" || (taken as { type: number }).type === 1) continue;
            const again = encode(taken, version);
            if (again.length > 0) assertEquals(decodeAll(again, { version, sender }), [taken]);
          }
        }),
        { numRuns: 3000 },
      );
    });
  }
}

Deno.test("a Topic Name or Filter of 65,535 slashes is decoded without recursion", () => {
  const slashes = "ff ff 65535*2f";
  const [publish] = decodeAll(wire(`30 [ ${slashes} 00 ]`)) as { topicName: string }[];
  assertEquals(publish.topicName.length, 65_535);
  const [subscribe] = decodeAll(wire(`82 [ 00 01 00 ${slashes} 00 ]`)) as {
    subscriptions: { topicFilter: string }[];
  }[];
  assertEquals(subscribe.subscriptions[0].topicFilter.length, 65_535);
});
