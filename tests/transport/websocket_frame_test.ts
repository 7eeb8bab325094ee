/** src/transport/websocket_frame.ts: bytes ⇄ frames. @module */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FrameDecoder, frameOf, Opcode, unmask, writeFrameHeader } from "../../src/transport/websocket_frame.ts";
import { clientFrame, frame, frames, hex, text } from "./websocket_wire.ts";

/** What `bytes` carry, when they come in pieces of so many at most. */
function decodeAll(decoder: FrameDecoder, bytes: Uint8Array, pieceBytes: number): Uint8Array {
  const parts = [];
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    const piece = bytes.slice(from, from + pieceBytes);
    parts.push(piece.slice(0, decoder.decode(piece, piece.length)));
  }
  return frames(...parts);
}

// RFC 6455 §5.7, as binary frames.
const EXAMPLES: [what: string, sender: "client" | "server", bytes: Uint8Array, payload: Uint8Array][] = [
  ["a single-frame unmasked message", "server", hex("82 05 48 65 6c 6c 6f"), text("Hello")],
  ["a single-frame masked message", "client", hex("82 85 37 fa 21 3d 7f 9f 4d 51 58"), text("Hello")],
  ["a fragmented unmasked message", "server", hex("02 03 48 65 6c 80 02 6c 6f"), text("Hello")],
  [
    "256 bytes unmasked",
    "server",
    frames(hex("82 7e 01 00"), new Uint8Array(256).fill(7)),
    new Uint8Array(256).fill(7),
  ],
  [
    "64 KiB unmasked",
    "server",
    frames(hex("82 7f 00 00 00 00 00 01 00 00"), new Uint8Array(65_536).fill(7)),
    new Uint8Array(65_536).fill(7),
  ],
];
for (const [what, sender, bytes, payload] of EXAMPLES) {
  Deno.test(`FrameDecoder.decode() reads the example of RFC 6455: ${what}`, () => {
    for (const pieceBytes of [1, 3, 7, Infinity]) {
      const decoder = new FrameDecoder(sender);
      assertEquals(decodeAll(decoder, bytes, pieceBytes), payload);
      assertEquals([decoder.failure, decoder.isEnded], [undefined, false]);
    }
  });
}

Deno.test("FrameDecoder.decode() reads the examples of RFC 6455: ping and pong", () => {
  const decoder = new FrameDecoder("server");
  assertEquals(decodeAll(decoder, hex("89 05 48 65 6c 6c 6f"), 2).length, 0);
  assertEquals(decoder.ping, text("Hello"));
  const pongs = new FrameDecoder("client");
  assertEquals(decodeAll(pongs, hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"), 2).length, 0);
  assertEquals([pongs.ping, pongs.failure], [undefined, undefined]);
});

Deno.test("FrameDecoder.decode() streams a frame of 2^53 - 1 bytes", () => {
  const decoder = new FrameDecoder("client");
  const bytes = frames(hex("82 ff 00 1f ff ff ff ff ff ff 01 02 03 04"), new Uint8Array(100));
  assertEquals(decoder.decode(bytes, bytes.length), 100);
  assertEquals(bytes.subarray(0, 4), hex("01 02 03 04"));
  const more = new Uint8Array(1000);
  assertEquals([decoder.decode(more, 1000), decoder.failure], [1000, undefined]);
});

Deno.test("FrameDecoder.decode() looks only at the bytes before `end`", () => {
  const decoder = new FrameDecoder("client");
  const bytes = frames(clientFrame(0x82, text("ab")), clientFrame(0x81, text("not looked at")));
  assertEquals([decoder.decode(bytes, 8), decoder.failure], [2, undefined]);
  assertEquals(bytes.subarray(0, 2), text("ab"));
});

const CODES: [code: number, isValid: boolean][] = [
  ...[1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999].map((code): [number, boolean] => [code, true]),
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map((code): [number, boolean] => [code, false]),
];
for (const [code, isValid] of CODES) {
  Deno.test(`FrameDecoder.decode() takes a Close with ${code}: ${isValid}`, () => {
    const decoder = new FrameDecoder("client");
    const bytes = clientFrame(0x88, frames(Uint8Array.of(code >>> 8, code), text("reason")));
    decoder.decode(bytes, bytes.length);
    assertEquals([decoder.isEnded, decoder.closeCode], [true, isValid ? code : undefined]);
    assertEquals(decoder.failure?.closeCode, isValid ? undefined : 1002);
  });
}

Deno.test("unmask() is XOR with the key, at every offset, length, distance and position", () => {
  const key = 0x81f2_03c4;
  const keyBytes = [0x81, 0xf2, 0x03, 0xc4];
  const lengths = [0, 1, 2, 3, 4, 5, 63, 64, 65, 66, 67, 68, 127, 200];
  for (const offset of [0, 1, 2, 3]) {
    const buffer = new Uint8Array(300).map((_, index) => index * 7);
    for (const length of lengths) {
      for (const distance of [0, 1, 2, 6, 13]) {
        for (const position of [0, 1, 2, 3, 4, 2 ** 32 + 1]) {
          const bytes = new Uint8Array(buffer.slice().buffer, offset);
          const expected = bytes.slice(20, 20 + length).map((byte, index) => byte ^ keyBytes[(position + index) % 4]);
          const untouched = bytes.slice(20 + length);
          unmask(bytes, 20, 20 + length, 20 - distance, key | 0, position);
          assertEquals(bytes.slice(20 - distance, 20 - distance + length), expected);
          assertEquals(bytes.slice(20 + length), untouched);
        }
      }
    }
  }
});

Deno.test("writeFrameHeader() uses as few bytes as the length needs", () => {
  const headerOf = (length: number, key?: number) => {
    const into = new Uint8Array(14);
    return into.subarray(0, writeFrameHeader(into, Opcode.Binary, length, key)).toHex();
  };
  assertEquals([headerOf(0), headerOf(125)], ["8200", "827d"]);
  assertEquals([headerOf(126), headerOf(65_535)], ["827e007e", "827effff"]);
  assertEquals([headerOf(65_536), headerOf(2 ** 32 + 1)], ["827f0000000000010000", "827f0000000100000001"]);
  assertEquals(headerOf(5, 0xfffefdfc), "8285fffefdfc");
});

Deno.test("frameOf() makes what the wire helpers make", () => {
  assertEquals(frameOf(Opcode.Ping, text("Hello"), undefined), frame(0x89, text("Hello")));
  assertEquals(frameOf(Opcode.Binary, text("Hello"), 0x37fa213d), clientFrame(0x82, text("Hello")));
});

/** A fragment of a message, or a control frame in between. */
type Part = { readonly kind: "data" | "ping" | "pong"; readonly payload: Uint8Array; readonly key: Uint8Array };

Deno.test("FrameDecoder: however the bytes are fragmented, interleaved and cut, the same bytes come out", () => {
  const key = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const part: fc.Arbitrary<Part> = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("data" as const), payload: fc.uint8Array({ maxLength: 400 }), key }),
    },
    fc.record({
      kind: fc.constantFrom("ping" as const, "pong" as const),
      payload: fc.uint8Array({ maxLength: 125 }),
      key,
    }),
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), cuts, (
      parts,
      finals,
      pieces,
    ) => {
      const wire: Uint8Array[] = [];
      let isInMessage = false;
      parts.forEach(({ kind, payload, key }, index) => {
        if (kind !== "data") return wire.push(clientFrame(kind === "ping" ? 0x89 : 0x8a, payload, key));
        wire.push(clientFrame((finals[index] ? 0x80 : 0) | (isInMessage ? 0 : 2), payload, key));
        isInMessage = !finals[index];
      });
      const bytes = frames(...wire);
      const decoder = new FrameDecoder("client");
      const got: Uint8Array[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const piece = bytes.slice(at, at + pieces[n % pieces.length]);
        at += piece.length;
        got.push(piece.slice(0, decoder.decode(piece, piece.length)));
      }
      assertEquals(
        frames(...got),
        frames(...parts.filter(({ kind }) => kind === "data").map(({ payload }) => payload)),
      );
      assertEquals(decoder.ping, parts.findLast(({ kind }) => kind === "ping")?.payload);
      assertEquals(decoder.failure, undefined);
    }),
    { numRuns: 300 },
  );
});

Deno.test("FrameDecoder: whatever bytes come, it ends or goes on, and never brings more than it got", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 }), (pieces) => {
      const decoder = new FrameDecoder("client");
      for (const piece of pieces) {
        const wasEnded = decoder.isEnded;
        const count = decoder.decode(piece, piece.length);
        assert(count >= 0 && count <= piece.length);
        if (wasEnded) assertEquals(count, 0);
      }
      assertEquals(decoder.isEnded, decoder.failure !== undefined || decoder.closeCode !== undefined);
    }),
    { numRuns: 1000 },
  );
});
