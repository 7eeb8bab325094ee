/** Mirrors src/connection/outbound.ts and write_turn.ts. @module */

import { assertEquals } from "@std/assert";
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
    () => calls.push("relief"),
    () => calls.push("written"),
    () => calls.push("broken"),
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
