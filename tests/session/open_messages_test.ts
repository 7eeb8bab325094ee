/** Mirrors src/session/open_messages.ts. @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { OpenMessages } from "../../src/session/open_messages.ts";
import type { OutgoingMessage } from "../../src/session/outgoing_message.ts";
import { outgoing } from "./support.ts";

function withIdentifier(packetIdentifier: number): OutgoingMessage {
  const message = outgoing(`${packetIdentifier}`);
  message.packetIdentifier = packetIdentifier;
  return message;
}

Deno.test("OpenMessages finds what was added under its identifier, and nothing else in the same place", () => {
  const open = new OpenMessages();
  const five = withIdentifier(5);
  assertEquals(open.get(5), undefined);
  open.add(five);
  assertEquals([open.get(5), open.get(5 + 8), open.get(5 + 65_528), open.size], [five, undefined, undefined, 1]);
  open.delete(five);
  assertEquals([open.get(5), open.size, open.inOrder()], [undefined, 0, []]);
});

Deno.test("OpenMessages.hasPlaceFor(): a straggler does not make the table as large as all identifiers", () => {
  const open = new OpenMessages();
  open.add(withIdentifier(1));
  let passedOver = 0;
  for (let packetIdentifier = 2; packetIdentifier <= 65_535; packetIdentifier++) {
    if (!open.hasPlaceFor(packetIdentifier)) {
      passedOver++;
      continue;
    }
    const message = withIdentifier(packetIdentifier);
    open.add(message);
    open.delete(message);
  }
  // One in eight has the straggler's place; with a larger table it would be fewer.
  assertEquals(passedOver, 65_536 / 8 - 1);
});

Deno.test("OpenMessages takes any identifiers, all 65,535 of them, and gives its memory back", () => {
  const open = new OpenMessages();
  const messages = Array.from({ length: 65_535 }, (_, i) => withIdentifier((i * 4_099) % 65_536 || 32_768));
  const distinct = new Map(messages.map((message) => [message.packetIdentifier, message]));
  for (const message of distinct.values()) open.add(message);
  assertEquals(open.size, distinct.size);
  for (const [packetIdentifier, message] of distinct) assertEquals(open.get(packetIdentifier), message);
  for (const message of distinct.values()) open.delete(message);
  assertEquals([open.size, open.inOrder()], [0, []]);
});

Deno.test("OpenMessages is a map that keeps the order of adding, whatever is added and deleted", () => {
  const step = fc.tuple(fc.boolean(), fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 300 })));
  fc.assert(fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
    const open = new OpenMessages();
    const model = new Map<number, OutgoingMessage>();
    for (const [adds, packetIdentifier] of steps) {
      const known = model.get(packetIdentifier);
      assertEquals(open.get(packetIdentifier), known);
      if (known !== undefined) {
        open.delete(known);
        model.delete(packetIdentifier);
      } else if (adds) {
        const message = withIdentifier(packetIdentifier);
        open.add(message);
        model.set(packetIdentifier, message);
      }
      assertEquals(open.size, model.size);
    }
    assertEquals(open.inOrder(), [...model.values()]);
  }));
});
