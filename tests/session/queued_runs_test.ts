/** PendingQueue with a store that can be read: what stays in memory, what is known as a run, and how it comes back.
 * @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ByteBudget } from "../../src/base/byte_budget.ts";
import { OutgoingMessage } from "../../src/session/outgoing_message.ts";
import { PendingQueue, type QueuePolicy } from "../../src/session/pending_queue.ts";
import { Session } from "../../src/session/session.ts";
import { StoredRun } from "../../src/session/stored_run.ts";
import { Subscription } from "../../src/session/subscription.ts";
import { message, outgoing, textOf } from "./support.ts";

const bytes = outgoing("a").bytes;
const limits = { queuedMessagesMax: 10, queuedBytesMax: 1e6, queuePolicy: "drop-newest" } as const;
const shared = new Subscription(new Session("c", undefined, limits), "$share/g/a", "g", "a", 1, false, false, 0);

/** A queue, and a store that has what was pushed with a position. */
class StoredQueue {
  readonly queue: PendingQueue;
  readonly rows: OutgoingMessage[] = [];
  readonly total = new ByteBudget(1e9);
  #position = 0;
  dropped = "";

  constructor(memoryMessages: number, messagesMax = 1_000, policy: QueuePolicy = "drop-newest", bytesMax = 1e9) {
    this.queue = new PendingQueue(messagesMax, bytesMax, policy, this.total, memoryMessages * bytes);
  }

  push(text: string, options: { isShared?: boolean; isStored?: boolean; expiresAtMs?: number } = {}, wallMs = 0): void {
    const { isShared = false, isStored = true, expiresAtMs = Infinity } = options;
    const sharedBy = isShared ? shared : undefined;
    const pushed = new OutgoingMessage(message(text), 1, false, undefined, expiresAtMs, sharedBy);
    if (isStored) pushed.position = this.#position + 1;
    let isKept = true;
    this.queue.push(pushed, wallMs, (dropped) => {
      if (dropped === pushed) isKept = false;
      this.drop(dropped);
    });
    if (!isKept || !isStored) return;
    this.#position++;
    this.rows.push(pushed);
  }

  pushAll(texts: string): void {
    for (const text of texts) this.push(text);
  }

  drop(dropped: OutgoingMessage): void {
    this.dropped += textOf(dropped);
    const index = this.rows.indexOf(dropped);
    if (index !== -1) this.rows.splice(index, 1);
  }

  /** One read as the broker does it. @returns what the run had counted too much. */
  readBack(count = Infinity): number {
    const run = this.queue.firstRun!;
    const rows = this.rows.filter(({ position }) => position >= run.firstPosition && position <= run.lastPosition);
    const read = rows.slice(0, count);
    const missing = this.queue.readBack(read, read.length < rows.length ? read.at(-1)!.position : run.lastPosition);
    this.queue.trim((dropped) => this.drop(dropped));
    return missing;
  }

  /** Takes everything out as a Client does. */
  drain(): string {
    let text = "";
    while (this.queue.length > 0) {
      const next = this.queue.shift();
      if (next === undefined) this.readBack(2);
      else text += textOf(next);
    }
    return text;
  }

  get inMemory(): string {
    return [...this.queue].map(textOf).join("");
  }
}

Deno.test("PendingQueue keeps the head in memory, and counts the rest as if it were there", () => {
  const it = new StoredQueue(2);
  it.pushAll("abcde");
  assertEquals([it.inMemory, it.queue.length, it.queue.bytes], ["ab", 5, 5 * bytes]);
  assertEquals([it.queue.memoryBytes, it.total.used], [2 * bytes, 2 * bytes]);
  const { firstPosition, lastPosition, messages, messageBytes } = it.queue.firstRun!;
  assertEquals([firstPosition, lastPosition, messages], [3, 5, 3]);
  assertEquals(messageBytes, 3 * message("a").buffer.byteLength);
  assertEquals(it.drain(), "abcde");
  assertEquals([it.queue.hasRuns, it.queue.bytes, it.total.used], [false, 0, 0]);
});

Deno.test("PendingQueue with a store that cannot be read has no runs", () => {
  const it = new StoredQueue(Infinity);
  it.pushAll("abcde");
  assertEquals([it.queue.hasRuns, it.inMemory], [false, "abcde"]);
});

Deno.test("PendingQueue.peek() and shift() stop at a run: what is behind it in memory must not overtake it", () => {
  const it = new StoredQueue(1);
  it.pushAll("abc");
  it.push("d", { isShared: true });
  it.push("e", { isStored: false });
  assertEquals(textOf(it.queue.shift()), "a");
  assertEquals([it.queue.peek(), it.queue.shift()], [undefined, undefined]);
  assertEquals([it.inMemory, it.queue.length, it.queue.isShort], ["de", 4, true]);
  it.readBack(1);
  assertEquals([it.inMemory, it.queue.firstRun!.firstPosition], ["bde", 3]);
  assertEquals(textOf(it.queue.shift()), "b");
  assertEquals(it.queue.peek(), undefined);
  it.readBack();
  assertEquals([it.inMemory, it.queue.hasRuns], ["cde", false]);
  assertEquals(it.drain(), "cde");
});

Deno.test("PendingQueue leaves no message of a Shared Subscription to the store, and the order stays", () => {
  const it = new StoredQueue(1);
  it.pushAll("ab");
  for (const text of "xy") it.push(text, { isShared: true });
  it.pushAll("cd");
  it.push("z", { isShared: true });
  it.pushAll("e");
  assertEquals(it.inMemory, "axyz");
  assertEquals(it.drain(), "abxycdze");
});

Deno.test("PendingQueue.filter() passes over runs, and what it takes out between them leaves its place", () => {
  const it = new StoredQueue(1);
  it.pushAll("ab");
  it.push("x", { isShared: true });
  it.push("y", { isShared: true });
  it.pushAll("c");
  const seen: string[] = [];
  it.queue.filter((outgoing) => {
    seen.push(textOf(outgoing)!);
    return textOf(outgoing) !== "x";
  });
  assertEquals(seen.join(""), "axy");
  assertEquals([it.inMemory, it.queue.length, it.queue.bytes], ["ay", 4, 4 * bytes]);
  it.pushAll("d"); // goes on with the run that the queue ends in
  assertEquals([it.inMemory, it.drain()], ["ay", "abycd"]);
  assertEquals(it.total.used, 0);
});

Deno.test("PendingQueue.filter() makes one of runs with nothing left between them", () => {
  const it = new StoredQueue(1);
  it.pushAll("ab");
  it.push("x", { isShared: true });
  it.push("c", { expiresAtMs: 100 });
  it.push("y", { isShared: true });
  it.pushAll("d");
  it.queue.filter((outgoing) => {
    if (outgoing.sharedBy === undefined) return true;
    it.drop(outgoing); // the store forgets it
    return false;
  });
  const { firstPosition, lastPosition, messages, messageBytes, earliestExpiryMs } = it.queue.firstRun!;
  assertEquals([firstPosition, lastPosition, messages, earliestExpiryMs], [2, 6, 3, 100]);
  assertEquals(messageBytes, 3 * message("a").buffer.byteLength);
  assertEquals([it.inMemory, it.queue.length, it.queue.bytes], ["a", 4, 4 * bytes]);
  it.pushAll("e");
  assertEquals(it.queue.firstRun!.messages, 4);
  assertEquals(it.readBack(), 0);
  assertEquals([it.queue.hasRuns, it.drain()], [false, "abcde"]);
});

Deno.test("PendingQueue.filter() leaves a run that is being read as it is", () => {
  const queue = new PendingQueue(1_000, 1e9, "drop-newest", new ByteBudget(1e9), 0);
  const runs: StoredRun[] = [];
  for (let from = 1; from <= 5; from += 2) runs.push(new StoredRun(from, from));
  for (const run of runs) {
    run.messages = 1;
    run.messageBytes = 10;
    queue.restoreRun(run);
    queue.restore(outgoing("x"));
  }
  runs[1].isBeingRead = true;
  queue.filter(() => false);
  // The third one has joined the second, which is not joined to the first.
  assertEquals(runs.map(({ lastPosition, messages }) => [lastPosition, messages]), [[1, 1], [5, 2], [5, 1]]);
  assertEquals([queue.length, queue.memoryBytes], [3, 0]);
  queue.readBack([outgoing("a")], 1);
  assertEquals(queue.firstRun, runs[1]);
});

Deno.test("PendingQueue.isFilling, hasRoomFor() and the limits count runs", () => {
  const it = new StoredQueue(1, 4);
  it.pushAll("ab");
  assertEquals([it.queue.isFilling, it.queue.hasRoomFor(1)], [true, true]);
  it.pushAll("cde");
  assertEquals([it.queue.hasRoomFor(1), it.dropped, it.queue.length], [false, "e", 4]);
  const byBytes = new StoredQueue(1, 1_000, "drop-newest", 3 * bytes);
  byBytes.pushAll("abcd");
  assertEquals([byBytes.dropped, byBytes.drain()], ["d", "abc"]);
});

Deno.test("PendingQueue leaves messages to the store when others have used up the total, beyond 64 KiB", () => {
  const it = new StoredQueue(1_000_000, 1e6);
  it.total.take(1e9);
  const long = "x".repeat(30_000);
  for (let i = 0; i < 5; i++) it.push(long);
  assertEquals([[...it.queue].length, it.queue.length], [2, 5]);
  it.push(long, { isStored: false });
  assertEquals(it.dropped, long, "what the store does not have would need memory");
  it.dropped = "";
  it.queue.shift();
  it.queue.shift();
  assertEquals(it.queue.readBytesMax < 64 * 1024, true, "no more than its share is read at a time");
});

Deno.test("PendingQueue with drop-oldest and the oldest on the disk takes the new one, and drops when they are read", () => {
  const it = new StoredQueue(2, 4, "drop-oldest");
  it.pushAll("abcdef");
  assertEquals([it.dropped, it.queue.length, it.queue.isOverdrawn], ["ab", 4, false]);
  it.pushAll("gh");
  assertEquals([it.dropped, it.inMemory, it.queue.length, it.queue.isOverdrawn], ["ab", "", 6, true]);
  it.readBack(1);
  assertEquals([it.dropped, it.queue.length, it.queue.isOverdrawn], ["abc", 5, true]);
  it.readBack(2);
  assertEquals([it.dropped, it.queue.length, it.queue.isOverdrawn], ["abcd", 4, false]);
  assertEquals(it.drain(), "efgh");
});

Deno.test("PendingQueue with drop-oldest is overdrawn twice its limits at most, when the disk cannot be read", () => {
  const it = new StoredQueue(0, 3, "drop-oldest");
  it.pushAll("abcdefgh");
  assertEquals([it.queue.length, it.dropped], [6, "gh"]);
  it.readBack();
  assertEquals([it.queue.length, it.dropped], [3, "ghabc"]);
});

Deno.test("PendingQueue.readBack() ends a run whose messages are fewer than counted", () => {
  const it = new StoredQueue(0);
  it.pushAll("abcd");
  it.push("x", { isShared: true });
  it.rows.splice(1, 2);
  assertEquals(it.readBack(), 2);
  assertEquals([it.inMemory, it.queue.hasRuns, it.queue.length, it.queue.bytes], ["adx", false, 3, 3 * bytes]);
  const more = new StoredQueue(0);
  const run = new StoredRun(1, 2);
  run.messages = 1;
  run.messageBytes = 1;
  more.queue.restoreRun(run);
  more.queue.readBack([outgoing("a"), outgoing("b")], 2);
  assertEquals([more.inMemory, more.queue.length, more.queue.bytes], ["ab", 2, 2 * bytes]);
});

Deno.test("PendingQueue.runToSweep() is a run that may hold expired messages, when the queue is full, now and then", () => {
  const it = new StoredQueue(1, 4);
  it.pushAll("ab");
  it.push("c", { expiresAtMs: 100 });
  it.pushAll("d");
  assertEquals(it.queue.runToSweep(200), undefined, "nobody needs the room");
  it.push("e", {}, 50);
  assertEquals(it.queue.runToSweep(50), undefined, "nothing has expired");
  it.push("f", {}, 20_000);
  assertEquals(it.queue.runToSweep(20_000), it.queue.firstRun);
  it.queue.firstRun!.earliestExpiryMs = Infinity; // swept
  assertEquals(it.queue.runToSweep(20_000), undefined);
  it.queue.firstRun!.earliestExpiryMs = 0;
  it.push("g", {}, 25_000);
  assertEquals(it.queue.runToSweep(25_000), undefined, "not so soon again");
  it.push("h", {}, 31_000);
  assertEquals(it.queue.runToSweep(31_000), it.queue.firstRun);
});

Deno.test("PendingQueue.clear() gives back what is in memory, and forgets the runs", () => {
  const it = new StoredQueue(2);
  it.pushAll("abcd");
  it.push("x", { isShared: true });
  it.queue.clear();
  assertEquals([it.queue.length, it.queue.bytes, it.queue.hasRuns, it.total.used], [0, 0, false, 0]);
});

Deno.test("PendingQueue hands out what it kept, in its order, whatever is in memory and whenever it is read", () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ isShared: fc.boolean(), isStored: fc.boolean() }) },
    { weight: 3, arbitrary: fc.constant("shift" as const) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }) },
  );
  const steps = fc.array(step, { maxLength: 120 });
  fc.assert(fc.property(fc.integer({ min: 0, max: 4 }), steps, (memoryMessages, steps) => {
    const it = new StoredQueue(memoryMessages);
    let pushed = "";
    let taken = "";
    let character = 0x4e00;
    for (const step of steps) {
      if (step === "shift") taken += textOf(it.queue.shift()) ?? "";
      else if (typeof step === "number") { if (it.queue.hasRuns) it.readBack(step); }
      else {
        const text = String.fromCharCode(character++);
        it.push(text, step);
        pushed += text;
      }
      assertEquals(it.queue.memoryBytes, [...it.queue].reduce((sum, { bytes }) => sum + bytes, 0));
      assertEquals(it.total.used, it.queue.memoryBytes);
      assertEquals(it.queue.length, pushed.length - taken.length);
    }
    assertEquals(taken + it.drain(), pushed);
    assertEquals([it.queue.bytes, it.queue.memoryBytes, it.queue.hasRuns], [0, 0, false]);
  }));
});
