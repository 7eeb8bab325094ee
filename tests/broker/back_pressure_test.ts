/** Mirrors src/broker/back_pressure.ts. @module */

import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { makeDispatcher } from "./support.ts";

async function make() {
  const broker = await makeDispatcher({ backpressureMsMax: 100, backpressureForgiveMs: 10_000 });
  const [publisher, slow] = [broker.connect("publisher"), broker.connect("slow")];
  broker.subscribe(slow.connection, "a");
  return { broker, publisher, slow, publish: () => broker.publish(publisher.connection, "a", "x") };
}

Deno.test("back pressure: the publisher of a congested subscriber is not read from until it has caught up", async () => {
  const { publisher, slow, publish } = await make();
  publish();
  assertEquals(publisher.sink.isPaused, false);
  slow.sink.congested = true;
  publish();
  assertEquals(publisher.sink.isPaused, true);
  slow.sink.congested = false;
  slow.sink.onRelief!();
  assertEquals(publisher.sink.isPaused, false);
});

Deno.test("back pressure: one that never reads holds its publishers once, for backpressureMsMax", async () => {
  const { broker, publisher, slow, publish } = await make();
  slow.sink.congested = true;
  publish();
  broker.pass(50);
  assertEquals(publisher.sink.isPaused, true);
  broker.pass(100);
  assertEquals(publisher.sink.isPaused, false);
  for (let i = 0; i < 5; i++) {
    broker.pass(60_000);
    publish();
    assertEquals(publisher.sink.isPaused, false);
  }
});

Deno.test("back pressure: one that was too slow is trusted again some time after it has caught up", async () => {
  const { broker, publisher, slow, publish } = await make();
  slow.sink.congested = true;
  publish();
  broker.pass(200);
  slow.sink.congested = false;
  slow.sink.onRelief!();
  slow.sink.congested = true;
  publish();
  assertEquals(publisher.sink.isPaused, false);
  broker.pass(10_000);
  publish();
  assertEquals(publisher.sink.isPaused, true);
});

Deno.test("back pressure: the end of the slow subscriber lets its publishers go, and leaves no timer", async () => {
  const { broker, publisher, slow, publish } = await make();
  slow.sink.congested = true;
  publish();
  assertEquals(publisher.sink.isPaused, true);
  broker.dispatcher.ended(slow.connection, "gone");
  assertEquals([publisher.sink.isPaused, broker.dispatcher.snapshot().timers], [false, 0]);
});

Deno.test("back pressure: clients that come, do not read and come again take a tenth of a publisher's time at most", async () => {
  const { broker, publisher, publish } = await make();
  let pausedMs = 0;
  for (let i = 0; i < 100; i++) {
    const stranger = broker.connect(`stranger-${i}`);
    broker.subscribe(stranger.connection, "a");
    stranger.sink.congested = true;
    for (let step = 0; step < 10; step++) {
      publish();
      broker.pass(50);
      if (publisher.sink.isPaused) pausedMs += 50;
    }
    broker.dispatcher.ended(stranger.connection, "gone");
  }
  // 50 seconds: three whole waits, then a tenth of the time.
  assertGreater(pausedMs, 0);
  assertLessOrEqual(pausedMs, 300 + 50_000 * 0.1 + 200);
});

Deno.test("back pressure: one that has read well is waited for, whatever strangers have wasted", async () => {
  const { broker, publisher, slow, publish } = await make();
  // 100 ms in which it takes a whole mark's worth show that it reads.
  slow.sink.congested = true;
  publish();
  broker.pass(60);
  slow.sink.bytesWritten += 10 * 256 * 1024;
  slow.sink.congested = false;
  slow.sink.onRelief!();
  for (let i = 0; i < 10; i++) {
    const stranger = broker.connect(`stranger-${i}`);
    broker.subscribe(stranger.connection, "a");
    stranger.sink.congested = true;
    publish();
    broker.pass(200);
    broker.dispatcher.ended(stranger.connection, "gone");
  }
  assertEquals(publisher.sink.isPaused, false);
  slow.sink.congested = true;
  publish();
  assertEquals(publisher.sink.isPaused, true);
});

Deno.test("back pressure: strangers that leave before the time is over are booked, too", async () => {
  const { broker, publisher, publish } = await make();
  let pausedMs = 0;
  for (let i = 0; i < 100; i++) {
    const stranger = broker.connect(`stranger-${i}`);
    broker.subscribe(stranger.connection, "a");
    stranger.sink.congested = true;
    publish();
    broker.pass(90);
    if (publisher.sink.isPaused) pausedMs += 90;
    broker.dispatcher.ended(stranger.connection, "gone");
  }
  assertLessOrEqual(pausedMs, 300 + 9_000 * 0.1 + 200);
});

Deno.test("back pressure: one that was given up is not waited for while it has a long backlog, however well it reads", async () => {
  const { broker, publisher, slow, publish } = await make();
  slow.sink.congested = true;
  publish();
  broker.pass(200);
  slow.sink.outboundBytes = 30 * 1024 * 1024;
  for (let i = 0; i < 50; i++) {
    slow.sink.bytesWritten += 1024 * 1024;
    publish();
    broker.pass(50);
    assertEquals(publisher.sink.isPaused, false);
  }
  slow.sink.outboundBytes = 1024 * 1024;
  slow.sink.bytesWritten += 100 * 1024 * 1024;
  publish();
  assertEquals(publisher.sink.isPaused, true);
});
