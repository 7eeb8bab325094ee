/** Mirrors src/session/pending_queue.ts. @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ByteBudget } from "../../src/base/byte_budget.ts";
import type { OutgoingMessage } from "../../src/session/outgoing_message.ts";
import { PendingQueue } from "../../src/session/pending_queue.ts";
import { outgoing, textOf } from "./support.ts";

const bytes = outgoing("a").bytes;

/** Pushes these messages. @returns what was dropped, in its order, as text. */
function pushAll(queue: PendingQueue, texts: readonly string[]): string {
  const dropped: OutgoingMessage[] = [];
  for (const text of texts) queue.push(outgoing(text), 0, (message) => dropped.push(message));
  return dropped.map(textOf).join("");
}
const contents = (queue: PendingQueue) => [...queue].map(textOf).join("");

Deno.test("PendingQueue with drop-newest keeps what it promised first, by count", () => {
  const queue = new PendingQueue(2, 1e6, "drop-newest");
  assertEquals([pushAll(queue, ["a", "b", "c", "d"]), contents(queue), queue.bytes], ["cd", "ab", 2 * bytes]);
});

Deno.test("PendingQueue with drop-oldest makes room, by count", () => {
  const queue = new PendingQueue(2, 1e6, "drop-oldest");
  assertEquals([pushAll(queue, ["a", "b", "c", "d"]), contents(queue), queue.bytes], ["ab", "cd", 2 * bytes]);
});

Deno.test("PendingQueue with drop-newest refuses by bytes, and takes a smaller one after a larger", () => {
  const queue = new PendingQueue(10, 2 * bytes + 5, "drop-newest");
  assertEquals([pushAll(queue, ["a", "b-too-long", "c"]), contents(queue)], ["b-too-long", "ac"]);
});

Deno.test("PendingQueue with drop-oldest drops as many as the bytes ask for", () => {
  const queue = new PendingQueue(10, 3 * bytes, "drop-oldest");
  const long = "x".repeat(bytes + 1);
  assertEquals(pushAll(queue, ["a", "b", "c", long]), "ab");
  assertEquals([contents(queue), queue.bytes], ["c" + long, 3 * bytes]);
});

Deno.test("PendingQueue with drop-oldest loses nothing for a message that could never fit", () => {
  const queue = new PendingQueue(10, 3 * bytes, "drop-oldest");
  const long = "x".repeat(3 * bytes);
  assertEquals([pushAll(queue, ["a", "b", long]), contents(queue)], [long, "ab"]);
});

Deno.test("PendingQueue with drop-oldest makes room within its share of a total that others have used up", () => {
  const total = new ByteBudget(1_000);
  total.take(1_000);
  const queue = new PendingQueue(2, 1e6, "drop-oldest", total);
  assertEquals([pushAll(queue, ["a", "b", "c"]), contents(queue)], ["a", "bc"]);
  const long = "x".repeat(70_000);
  assertEquals([pushAll(queue, [long]), contents(queue)], [long, "bc"], "beyond the share nothing would help");
});

Deno.test("PendingQueue of no messages drops each, under both policies", () => {
  for (const policy of ["drop-newest", "drop-oldest"] as const) {
    const queue = new PendingQueue(0, 1e6, policy);
    assertEquals([pushAll(queue, ["a", "b"]), queue.length, queue.isFilling], ["ab", 0, false]);
  }
});

Deno.test("PendingQueue.isFilling is true from half of either bound on", () => {
  const byCount = new PendingQueue(4, 1e6, "drop-newest");
  pushAll(byCount, ["a"]);
  assertEquals(byCount.isFilling, false);
  pushAll(byCount, ["b"]);
  assertEquals(byCount.isFilling, true);
  const byBytes = new PendingQueue(1000, 4 * bytes, "drop-newest");
  pushAll(byBytes, ["a", "b"]);
  assertEquals(byBytes.isFilling, true);
});

Deno.test("PendingQueue.restore() keeps what was acknowledged, also beyond a limit that was lowered", () => {
  const queue = new PendingQueue(1, bytes, "drop-oldest");
  for (const text of ["a", "b", "c"]) queue.restore(outgoing(text));
  assertEquals([contents(queue), queue.bytes], ["abc", 3 * bytes]);
});

Deno.test("PendingQueue.filter() takes out in one pass, and the order of the rest stays", () => {
  const queue = new PendingQueue(10, 1e6, "drop-newest");
  pushAll(queue, ["a", "b", "c", "d"]);
  queue.filter((message) => textOf(message) !== "b" && textOf(message) !== "c");
  assertEquals([contents(queue), queue.length, queue.bytes], ["ad", 2, 2 * bytes]);
});

Deno.test("PendingQueue never exceeds its bounds, and its bytes are those of its messages", () => {
  const policy = fc.constantFrom("drop-newest" as const, "drop-oldest" as const);
  const steps = fc.array(fc.option(fc.integer({ min: 0, max: 800 })), { maxLength: 80 });
  fc.assert(fc.property(policy, fc.integer({ min: 0, max: 6 }), steps, (policy, messagesMax, steps) => {
    const queue = new PendingQueue(messagesMax, 1_500, policy);
    let inside = 0;
    for (const length of steps) {
      if (length === null) inside -= queue.shift() === undefined ? 0 : 1;
      else {
        inside++;
        queue.push(outgoing("x".repeat(length)), 0, () => inside--);
      }
      assertEquals(queue.length, inside);
      assertEquals(queue.length <= messagesMax && queue.bytes <= 1_500, true);
      assertEquals(queue.bytes, [...queue].reduce((sum, message) => sum + message.bytes, 0));
    }
  }));
});
