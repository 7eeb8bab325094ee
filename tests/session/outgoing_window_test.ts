/** Mirrors src/session/outgoing_window.ts. @module */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type OutgoingMessage, OutgoingState } from "../../src/session/outgoing_message.ts";
import { OutgoingWindow } from "../../src/session/outgoing_window.ts";
import { IdentifierUse } from "../../src/session/packet_identifiers.ts";
import { outgoing, textOf } from "./support.ts";

/** A window with these messages open: "1" at QoS 1, "2" at QoS 2, "c" waits for PUBCOMP. */
function windowOf(kinds: string): { window: OutgoingWindow; messages: OutgoingMessage[] } {
  const window = new OutgoingWindow();
  window.resume(65_535);
  const messages = [...kinds].map((kind, i) => {
    const message = outgoing(`${i}`, kind === "1" ? 1 : 2);
    window.open(message);
    if (kind === "c") window.pubrec(message.packetIdentifier, 0);
    return message;
  });
  return { window, messages };
}

function resends(window: OutgoingWindow): (string | undefined)[] {
  const texts = [];
  for (let next = window.nextResend(); next !== undefined; next = window.nextResend()) texts.push(textOf(next));
  return texts;
}

Deno.test("[MQTT-3.3.4-9] open() refuses when the quota is used up, until an acknowledgement", () => {
  const window = new OutgoingWindow();
  window.resume(2);
  const [first, second, third] = [outgoing("a"), outgoing("b", 2), outgoing("c")];
  assertEquals([window.open(first), window.open(second), window.open(third)], [true, true, false]);
  assertEquals(third.packetIdentifier, 0);
  assertEquals(window.puback(first.packetIdentifier), first);
  assertEquals([window.sendQuota, window.open(third), window.sendQuota], [1, true, 0]);
});

Deno.test("OutgoingWindow.open() remembers no more than its bytes, but one message always", () => {
  const large = outgoing("x".repeat(10_000));
  const window = new OutgoingWindow(1_000);
  assertEquals([window.open(large), window.bytes], [true, large.bytes]);
  assertEquals(window.open(outgoing("a")), false);
  window.puback(large.packetIdentifier);
  assertEquals([window.bytes, window.open(outgoing("a")), window.open(outgoing("b"))], [0, true, true]);
});

Deno.test("OutgoingWindow takes only the acknowledgement that its message waits for", () => {
  const { window, messages: [one, two, three] } = windowOf("12c");
  assertEquals(window.pubrec(one.packetIdentifier, 0), undefined);
  assertEquals(window.pubcomp(one.packetIdentifier), undefined);
  assertEquals(window.puback(two.packetIdentifier), undefined);
  assertEquals(window.pubcomp(two.packetIdentifier), undefined);
  assertEquals(window.puback(three.packetIdentifier), undefined);
  assertEquals(window.puback(999), undefined);
  assertEquals(window.size, 3);
  assertEquals([window.puback(one.packetIdentifier), window.pubcomp(three.packetIdentifier)], [one, three]);
});

Deno.test("[MQTT-4.4.0-2] PUBREC of 0x80 or more finishes the message; after a success it does not", () => {
  const { window, messages: [one, two] } = windowOf("2c");
  assertEquals([window.pubrec(one.packetIdentifier, 0x80), window.size], [one, 1]);
  assertEquals([window.pubrec(two.packetIdentifier, 0x80), window.size], [two, 1]);
  assertEquals(two.state, OutgoingState.AwaitingPubcomp);
});

Deno.test("[MQTT-4.4.0-1] resume() repeats what is unfinished with its identifier and in its order", () => {
  const { window, messages } = windowOf("12c1");
  const identifiers = messages.map((message) => message.packetIdentifier);
  window.puback(identifiers[0]);
  window.resume(65_535);
  assertEquals(resends(window), ["1", "2", "3"]);
  assertEquals(messages.map((message) => message.packetIdentifier), identifiers);
  assertEquals([window.hasResends, window.sendQuota], [false, 65_535 - 3]);
});

Deno.test("[MQTT-3.3.4-9] resume() with a smaller Receive Maximum repeats as acknowledgements come", () => {
  const { window, messages } = windowOf("1121");
  window.resume(2);
  assertEquals(resends(window), ["0", "1"]);
  assertEquals([window.hasResends, window.open(outgoing("new"))], [true, false]);
  window.puback(messages[0].packetIdentifier);
  assertEquals(resends(window), ["2"]);
  window.pubrec(messages[2].packetIdentifier, 0x80);
  assertEquals(resends(window), ["3"]);
  assertEquals([window.hasResends, window.sendQuota], [false, 0]);
});

Deno.test("[MQTT-3.3.4-9] a PUBREL is repeated without quota, and then gives none back", () => {
  const { window, messages } = windowOf("ccc11");
  window.resume(2);
  assertEquals(resends(window), ["0", "1", "2"]);
  window.pubcomp(messages[2].packetIdentifier);
  assertEquals([window.sendQuota, resends(window)], [0, []]);
  window.pubcomp(messages[0].packetIdentifier);
  assertEquals([resends(window), window.sendQuota], [["3"], 0]);
});

Deno.test("OutgoingWindow.nextResend() leaves out what was finished or removed meanwhile", () => {
  const { window, messages } = windowOf("1111");
  window.resume(65_535);
  window.puback(messages[0].packetIdentifier);
  window.remove(messages[2]);
  window.remove(messages[2]);
  assertEquals([resends(window), window.sendQuota], [["1", "3"], 65_533]);
});

Deno.test("OutgoingWindow.restore() takes back identifiers, and refuses one that is taken", () => {
  const window = new OutgoingWindow();
  const restored = outgoing("old");
  restored.packetIdentifier = 3;
  restored.state = OutgoingState.AwaitingPuback;
  assertEquals([window.restore(restored), window.restore(restored)], [true, false]);
  window.resume(10);
  assertEquals(resends(window), ["old"]);
  const next = outgoing("new");
  window.open(next);
  assertEquals(next.packetIdentifier, 4);
});

Deno.test("OutgoingWindow.resume() knows no Receive Maximum of 0", () => {
  assertThrows(() => new OutgoingWindow().resume(0));
});

Deno.test("[MQTT-4.9.0-2] never more is open on a connection than its Receive Maximum, whatever comes in which order", () => {
  const step = fc.record({ kind: fc.constantFrom("1", "2", "ack", "resume"), n: fc.integer({ min: 1, max: 5 }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const window = new OutgoingWindow();
    let maximum = 5;
    window.resume(maximum);
    const sent = new Set<OutgoingMessage>();
    const send = () => {
      for (let next = window.nextResend(); next !== undefined; next = window.nextResend()) {
        if (next.state !== OutgoingState.AwaitingPubcomp) sent.add(next);
      }
    };
    for (const { kind, n } of steps) {
      if (kind === "resume") {
        window.resume(maximum = n);
        sent.clear();
      } else if (kind === "ack") {
        const open = [...window.values()][n - 1];
        if (open === undefined) continue;
        if (open.state === OutgoingState.AwaitingPubrec) window.pubrec(open.packetIdentifier, 0);
        else if ((window.puback(open.packetIdentifier) ?? window.pubcomp(open.packetIdentifier)) === open) {
          sent.delete(open);
        }
      } else if (!window.hasResends) {
        const next = outgoing("new", kind === "1" ? 1 : 2);
        if (window.open(next)) sent.add(next);
      }
      send();
      assertEquals(sent.size <= maximum, true);
      assertEquals(window.sendQuota >= 0 && window.sendQuota <= maximum, true);
    }
  }));
});

Deno.test("OutgoingWindow.openUnkept() takes an identifier and quota, and gives both back at its acknowledgement", () => {
  const window = new OutgoingWindow();
  window.resume(2);
  const one = window.openUnkept(1);
  const two = window.openUnkept(2);
  assertEquals([one, two, window.openUnkept(1), window.size, window.bytes, window.sendQuota], [1, 2, 0, 2, 0, 0]);
  // Each takes only the acknowledgement that it waits for.
  assertEquals(window.finishUnkept(one, IdentifierUse.AwaitingPubrec), false);
  assertEquals([window.pubrecUnkept(one), window.puback(one), window.pubcomp(two)], [false, undefined, undefined]);
  assertEquals(window.finishUnkept(one, IdentifierUse.AwaitingPuback), true);
  assertEquals(window.finishUnkept(one, IdentifierUse.AwaitingPuback), false);
  assertEquals([window.size, window.sendQuota], [1, 1]);
  // QoS 2: PUBREC, again and again [MQTT-4.3.3-4], after which only PUBCOMP ends it.
  assertEquals(window.finishUnkept(two, IdentifierUse.AwaitingPubcomp), false);
  assertEquals([window.pubrecUnkept(two), window.pubrecUnkept(two)], [true, true]);
  assertEquals(window.finishUnkept(two, IdentifierUse.AwaitingPubrec), false);
  assertEquals(window.finishUnkept(two, IdentifierUse.AwaitingPubcomp), true);
  assertEquals([window.size, window.sendQuota], [0, 2]);
});

Deno.test("[MQTT-2.2.1-4] kept and unkept messages never share an identifier", () => {
  const window = new OutgoingWindow();
  window.resume(65_535);
  const identifiers = new Set<number>();
  for (let i = 0; i < 1_000; i++) {
    const message = outgoing("a");
    if (i % 3 === 0) window.open(message);
    identifiers.add(i % 3 === 0 ? message.packetIdentifier : window.openUnkept(i % 2 === 0 ? 1 : 2));
    // One in two is finished at once: kept ones stay among them, and their places are passed over.
    if (i % 6 === 1) assertEquals(window.finishUnkept(i + 1, IdentifierUse.AwaitingPubrec), true);
  }
  assertEquals(identifiers.size, 1_000);
});

Deno.test("OutgoingWindow.open() finds an identifier when those that are free would all have the same place", () => {
  const window = new OutgoingWindow();
  window.resume(65_535);
  for (let i = 0; i < 65_535; i++) window.openUnkept(1);
  // A multiple of all sizes that the table has before it knows all identifiers.
  for (const packetIdentifier of [1, 1 + 2 ** 15, 1 + 2 ** 14, 1 + 2 ** 13]) {
    assertEquals(window.finishUnkept(packetIdentifier, IdentifierUse.AwaitingPuback), true);
    const message = outgoing("a");
    assertEquals([window.open(message), message.packetIdentifier], [true, packetIdentifier]);
  }
  assertEquals([window.sendQuota, window.values().length, window.size], [0, 4, 65_535]);
});

Deno.test("a session with unkept messages cannot be resumed", () => {
  const window = new OutgoingWindow();
  window.resume(10);
  window.openUnkept(1);
  assertThrows(() => window.resume(10), Error, "ends with its connection");
});
