/** Mirrors src/connection/outbound.ts and write_turn.ts. @module */

import { assertEquals } from "@std/assert";
import { BufferPool, SharedBuffer } from "../../src/base/buffer_pool.ts";
import { Outbound } from "../../src/connection/outbound.ts";
import { Traffic } from "../../src/connection/traffic.ts";
import { WriteTurn } from "../../src/connection/write_turn.ts";
import { HeldStream, settled, text } from "./support.ts";

function make(markBytes = 1000) {
  const stream = new HeldStream();
  const writeTurn = new WriteTurn(1 << 20);
  const traffic = new Traffic();
  const calls: string[] = [];
  const outbound = new Outbound(
    stream,
    writeTurn,
    traffic,
    markBytes,
    {
      relieved: () => calls.push("relief"),
      wroteAll: () => calls.push("written"),
      brokeWriting: () => calls.push("broken"),
    },
  );
  return { stream, writeTurn, traffic, calls, outbound };
}

/** Appends this text as a copy. */
function copy(outbound: Outbound, value: string): void {
  const bytes = text(value);
  outbound.appendCopy(bytes, 0, bytes.length);
}

Deno.test("Outbound gathers the packets of a turn, and one write takes them all", async () => {
  const { stream, outbound, calls, traffic } = make();
  for (const value of ["a", "bc", "d"]) copy(outbound, value);
  assertEquals([stream.isWriting, outbound.bytes, outbound.isEmpty], [false, 4, false]);
  await settled();
  await stream.take();
  assertEquals([stream.writes, calls, outbound.isEmpty], [["abcd"], ["written"], true]);
  assertEquals([traffic.bytesSent, outbound.bytesWritten, outbound.bytes], [4, 4, 0]);
});

Deno.test("Outbound.appendRun() makes one copy of runs that touch, as late as the settle", async () => {
  const { stream, outbound, writeTurn } = make();
  const source = text("abcdef");
  outbound.appendRun(source, 0, 2);
  source[0] = "X".charCodeAt(0); // not copied yet: the change is seen
  outbound.appendRun(source, 2, 5);
  writeTurn.settle();
  source.fill("-".charCodeAt(0)); // the reader fills its buffer again: not seen any more
  await settled();
  await stream.take();
  assertEquals(stream.writes, ["Xbcde"]);
});

Deno.test("Outbound.appendRun() keeps the order of runs that do not touch, of other sources, and of copies", async () => {
  const { stream, outbound } = make();
  const [one, two] = [text("abcdef"), text("uvwxyz")];
  outbound.appendRun(one, 0, 1);
  outbound.appendRun(one, 2, 3);
  outbound.appendRun(two, 3, 4);
  copy(outbound, "!");
  outbound.appendRun(two, 4, 5);
  outbound.appendRun(two, 3, 4);
  await settled();
  await stream.take();
  assertEquals(stream.writes, ["acx!yx"]);
});

Deno.test("Outbound: what comes while a write is under way goes with the next, in the other buffer", async () => {
  const { stream, outbound, calls } = make();
  copy(outbound, "first");
  await settled();
  copy(outbound, "second ");
  copy(outbound, "third");
  await settled();
  assertEquals([stream.writes, outbound.bytes], [[], 17]);
  await stream.take();
  copy(outbound, "fourth"); // must not land in the buffer that is under way
  await settled();
  await stream.take();
  await stream.take();
  assertEquals([stream.writes, calls], [["first", "second third", "fourth"], ["written"]]);
});

Deno.test("Outbound goes on where a partial write stopped", async () => {
  const { stream, outbound, writeTurn } = make();
  copy(outbound, "abcdef");
  await settled();
  await stream.take(1);
  assertEquals([outbound.bytes, writeTurn.bytes, outbound.isEmpty], [5, 5, false]);
  await stream.take(2);
  await stream.take();
  assertEquals([stream.writes, outbound.bytes, writeTurn.bytes], [["a", "bc", "def"], 0, 0]);
});

Deno.test("Outbound is congested above the mark, and relieved once at half of it", async () => {
  const { stream, outbound, calls } = make(10);
  copy(outbound, "0123456789");
  assertEquals(outbound.congested, false);
  copy(outbound, "x");
  assertEquals(outbound.congested, true);
  await settled();
  copy(outbound, "0123456");
  await stream.take();
  await settled();
  assertEquals([outbound.congested, calls], [true, []]);
  await stream.take();
  assertEquals([outbound.congested, calls], [false, ["relief", "written"]]);
});

Deno.test("Outbound.discard() forgets what waits, gives its bytes back to the sum, and takes nothing more", async () => {
  const { stream, outbound, writeTurn, calls } = make();
  copy(outbound, "under way");
  await settled();
  copy(outbound, "waits");
  outbound.appendRun(text("run"), 0, 3);
  outbound.discard();
  copy(outbound, "late");
  outbound.appendRun(text("late"), 0, 4);
  assertEquals([outbound.bytes, writeTurn.bytes], [0, 0]);
  await stream.take();
  assertEquals([stream.isWriting, stream.writes, calls, writeTurn.bytes], [false, ["under way"], [], 0]);
});

Deno.test("Outbound tells once that a write failed, and not after a discard", async () => {
  const one = make();
  copy(one.outbound, "a");
  await settled();
  await one.stream.fail();
  assertEquals(one.calls, ["broken"]);
  const two = make();
  copy(two.outbound, "a");
  await settled();
  two.outbound.discard();
  await two.stream.fail();
  assertEquals(two.calls, []);
});

Deno.test("Outbound.appendCopy() gives the place of the copy, which can be patched", async () => {
  const { stream, outbound } = make();
  const long = text("-".repeat(200)); // beyond what is copied byte by byte
  copy(outbound, "ab");
  const at = outbound.appendCopy(long, 0, long.length);
  outbound.open(0).buffer[at + 1] = "!".charCodeAt(0);
  await settled();
  await stream.take();
  assertEquals(stream.writes, ["ab-!" + "-".repeat(198)]);
});

/** A Payload in a buffer with `front` free bytes before it. */
function insert(outbound: Outbound, shared: SharedBuffer | undefined, front: number, payload: string): void {
  const source = shared?.bytes ?? new Uint8Array(100);
  const bytes = text(payload);
  source.set(bytes, 20);
  const place = { payloadStart: 20, payloadEnd: 20 + bytes.length, payloadFront: front };
  outbound.appendPayload({ shared, buffer: source, ...place });
}

const newShared = () => new SharedBuffer(new Uint8Array(64 * 1024), new BufferPool(0));

Deno.test("Outbound.appendPayload() keeps the order among copies and runs, and copies nothing", async () => {
  const { stream, outbound, traffic } = make();
  const [one, two] = [new Uint8Array(100), new Uint8Array(100)];
  copy(outbound, "a");
  outbound.appendRun(text("run"), 0, 3);
  one.set(text("ONE"), 20);
  const place = { shared: undefined, payloadStart: 20, payloadEnd: 23, payloadFront: 0 };
  outbound.appendPayload({ buffer: one, ...place });
  two.set(text("TWO"), 20);
  outbound.appendPayload({ buffer: two, ...place });
  copy(outbound, "b");
  one[20] = "o".charCodeAt(0); // seen: it was not copied
  assertEquals(outbound.bytes, 11);
  await settled();
  while (stream.isWriting) await stream.take();
  assertEquals([stream.writes, traffic.bytesSent, outbound.isEmpty], [["arun", "oNE", "TWO", "b"], 11, true]);
});

Deno.test("Outbound.appendPayload() writes what goes before in the free front, in one write", async () => {
  const { stream, outbound } = make();
  const [first, second] = [newShared(), newShared()];
  copy(outbound, "head1:");
  insert(outbound, first, 6, "ONE");
  copy(outbound, "head2:");
  insert(outbound, second, 5, "TWO"); // one byte too few
  insert(outbound, second, 5, "TWO");
  await settled();
  while (stream.isWriting) await stream.take();
  assertEquals(stream.writes, ["head1:ONE", "head2:", "TWO", "TWO"]);
  assertEquals([first.holders, second.holders, first.isFrontTaken], [1, 1, false]);
});

Deno.test("Outbound.appendPayload(): one of several connections takes the front, until its write is whole", async () => {
  const [one, two, three] = [make(), make(), make()];
  const shared = newShared();
  for (const [i, { outbound }] of [one, two, three].entries()) {
    copy(outbound, `head${i}:`);
    insert(outbound, shared, 10, "PAYLOAD");
  }
  assertEquals(shared.holders, 4);
  await settled();
  await one.stream.take(8);
  await two.stream.take();
  assertEquals([one.stream.writes, two.stream.writes, shared.isFrontTaken], [["head0:PA"], ["head1:"], true]);
  await one.stream.take();
  assertEquals([one.stream.writes, shared.isFrontTaken, shared.holders], [["head0:PA", "YLOAD"], false, 3]);
  copy(one.outbound, "again:");
  insert(one.outbound, shared, 10, "PAYLOAD");
  await settled();
  await one.stream.take();
  await two.stream.take(3);
  await two.stream.take();
  assertEquals([one.stream.writes.at(-1), two.stream.writes], ["again:PAYLOAD", ["head1:", "PAY", "LOAD"]]);
  while (three.stream.isWriting) await three.stream.take();
  assertEquals([three.stream.writes.join(""), shared.holders], ["head2:PAYLOAD", 1]);
});

Deno.test("Outbound: a partial write of an insert counts what is left", async () => {
  const { stream, outbound, writeTurn } = make();
  insert(outbound, newShared(), 0, "PAYLOAD");
  copy(outbound, "tail");
  await settled();
  await stream.take(2);
  assertEquals([outbound.bytes, writeTurn.bytes, outbound.bytesWritten], [9, 9, 2]);
  await stream.take();
  await stream.take();
  assertEquals([stream.writes, outbound.bytes, writeTurn.bytes], [["PA", "YLOAD", "tail"], 0, 0]);
});

Deno.test("Outbound.discard() lets go of inserts that wait, and of none that the transport may still look at", async () => {
  const { stream, outbound, writeTurn } = make();
  const [underWay, next, waits] = [newShared(), newShared(), newShared()];
  copy(outbound, "head");
  insert(outbound, underWay, 10, "UNDER WAY");
  insert(outbound, next, 0, "NEXT");
  await settled();
  insert(outbound, waits, 0, "WAITS");
  outbound.discard();
  insert(outbound, waits, 0, "LATE");
  assertEquals([underWay.holders, next.holders, waits.holders, writeTurn.bytes], [2, 2, 1, 0]);
  assertEquals(underWay.isFrontTaken, true);
  await stream.take(5);
  assertEquals([stream.isWriting, stream.writes, underWay.holders], [false, ["headU"], 2]);
});

Deno.test("Outbound never lets go of an insert whose write failed", async () => {
  const { stream, outbound, calls } = make();
  const shared = newShared();
  copy(outbound, "head");
  insert(outbound, shared, 10, "PAYLOAD");
  await settled();
  await stream.take(6);
  await stream.fail();
  assertEquals([calls, shared.holders, shared.isFrontTaken], [["broken"], 2, true]);
});

Deno.test("Outbound is congested by inserts as by copies", async () => {
  const { stream, outbound, calls } = make(10);
  insert(outbound, newShared(), 0, "0123456789x");
  assertEquals(outbound.congested, true);
  await settled();
  await stream.take();
  assertEquals([outbound.congested, calls], [false, ["relief", "written"]]);
});

Deno.test("WriteTurn starts as many writes in a pass as the runtime does at once, then the rest", async () => {
  const writeTurn = new WriteTurn(1 << 20);
  const started: number[] = [];
  for (let i = 0; i < 300; i++) {
    const stream = new HeldStream();
    stream.write = (bytes) => {
      started.push(i);
      return Promise.resolve(bytes.length);
    };
    const owner = { relieved: () => {}, wroteAll: () => {}, brokeWriting: () => {} };
    copy(new Outbound(stream, writeTurn, new Traffic(), 1000, owner), "x");
  }
  await Promise.resolve();
  assertEquals(started.length, 120);
  while (started.length < 300) await new Promise<void>((resolve) => setImmediate(resolve));
  assertEquals(started, Array.from({ length: 300 }, (_, i) => i));
  // As if nothing had been: the next one is written in its own turn.
  const last = new HeldStream();
  copy(new Outbound(last, writeTurn, new Traffic(), 1000, { relieved() {}, wroteAll() {}, brokeWriting() {} }), "last");
  await Promise.resolve();
  assertEquals(last.isWriting, true);
});
