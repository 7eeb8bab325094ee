/** Mirrors src/packet/topic_name_bytes.ts. @module */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PeerError } from "../../src/packet/errors.ts";
import { checkTopicNameField, decodeTopicName } from "../../src/packet/topic_name_bytes.ts";

function refusal(check: () => unknown): string {
  try {
    check();
    return "";
  } catch (error) {
    return `${error}`;
  }
}

Deno.test("checkTopicNameField() refuses what decodeTopicName() refuses, and for the same reason", () => {
  const byte = fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(0x22, 0x24, 0x2a, 0x2c, 0x2f, 0x61, 0x7f, 0x01) },
    { weight: 1, arbitrary: fc.constantFrom(0x00, 0x23, 0x2b, 0x80, 0xab, 0xc3, 0xff) },
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 3 }),
      fc.array(byte, { minLength: 1, maxLength: 14 }),
      (before, name) => {
        const buffer = Uint8Array.of(...before, ...name, 0x2b);
        const [start, end] = [before.length, before.length + name.length];
        assertEquals(
          refusal(() => checkTopicNameField(buffer, start, end)),
          refusal(() => decodeTopicName(buffer, start, end)),
        );
      },
    ),
    { numRuns: 3_000 },
  );
});

Deno.test("[MQTT-3.3.2-2] checkTopicNameField() finds a wildcard, U+0000 and half a character wherever they stand", () => {
  for (const wrong of [0x23, 0x2b, 0x00, 0xc3]) {
    for (let at = 0; at < 9; at++) {
      const buffer = new Uint8Array(9).fill(0x61);
      buffer[at] = wrong;
      assertThrows(() => checkTopicNameField(buffer, 0, 9), PeerError);
    }
  }
  checkTopicNameField(new TextEncoder().encode("räume/1"), 0, 8);
});
