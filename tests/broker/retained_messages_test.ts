/** Mirrors src/broker/retained_messages.ts. @module */

import { assertEquals } from "@std/assert";
import { TimerWheel } from "../../src/base/timer_wheel.ts";
import { RetainedMessages } from "../../src/broker/retained_messages.ts";
import { ApplicationMessage } from "../../src/packet/mod.ts";

function message(topicName: string, bytes = 1): ApplicationMessage {
  return ApplicationMessage.create({ topicName, payload: new Uint8Array(bytes), retain: true });
}

function make(messagesMax = 100, bytesMax = 10_000) {
  const wheel = new TimerWheel(0);
  const expired: string[] = [];
  const retained = new RetainedMessages(messagesMax, bytesMax, wheel, (topicName) => expired.push(topicName));
  return { wheel, expired, retained };
}

Deno.test("[MQTT-3.3.1-5] RetainedMessages keeps the last of each topic, and counts its bytes alone", () => {
  const { retained } = make();
  const last = message("a", 7);
  retained.set(message("a", 100), Infinity, 0, 0);
  retained.set(last, Infinity, 0, 0);
  assertEquals([retained.size, retained.get("a")!.message, retained.bytes], [1, last, last.buffer.byteLength]);
  assertEquals([retained.delete("a"), retained.delete("a"), retained.size, retained.bytes], [true, false, 0, 0]);
});

Deno.test("RetainedMessages.hasRoomFor() is bounded by count, and a known topic has room", () => {
  const { retained } = make(2);
  retained.set(message("a"), Infinity, 0, 0);
  assertEquals(retained.hasRoomFor(message("b")), true);
  retained.set(message("b"), Infinity, 0, 0);
  assertEquals([retained.hasRoomFor(message("c")), retained.hasRoomFor(message("a", 50))], [false, true]);
});

Deno.test("RetainedMessages.hasRoomFor() is bounded by bytes, less those of the one it replaces", () => {
  const { retained } = make(100, 200);
  retained.set(message("a", 150), Infinity, 0, 0);
  assertEquals([retained.hasRoomFor(message("b", 100)), retained.hasRoomFor(message("a", 180))], [false, true]);
  assertEquals([retained.hasRoomFor(message("a", 250)), retained.hasRoomFor(message("b", 10))], [false, true]);
});

Deno.test("[MQTT-3.3.2-5] a retained message goes when its Message Expiry Interval has passed, and tells", () => {
  const { retained, wheel, expired } = make();
  retained.set(message("a"), 1_000_500, 1_000_000, 0);
  wheel.advance(499);
  assertEquals([retained.size, expired], [1, []]);
  wheel.advance(1_000);
  assertEquals([retained.size, retained.bytes, expired, wheel.size], [0, 0, ["a"], 0]);
});

Deno.test("RetainedMessages forgets the deadline of one that was replaced or deleted", () => {
  const { retained, wheel, expired } = make();
  retained.set(message("a"), 500, 0, 0);
  retained.set(message("a"), Infinity, 0, 0);
  retained.set(message("b"), 500, 0, 0);
  retained.delete("b");
  assertEquals(wheel.size, 0);
  wheel.advance(10_000);
  assertEquals([retained.size, expired], [1, []]);
});
