/** Mirrors src/broker/sys_topics.ts: the load averages and what is published when. The topics as clients see them are
 * tested with the whole broker. @module */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { makeDispatcher } from "./support.ts";

Deno.test("$SYS load averages are smoothed over 1, 5 and 15 minutes", async () => {
  const { connect, subscribe, pass, traffic } = await makeDispatcher({}, 60);
  const watcher = connect("watcher");
  subscribe(watcher.connection, "$SYS/broker/load/bytes/received/+");
  const loads = () =>
    [1, 5, 15].map((n) => {
      const prefix = `$SYS/broker/load/bytes/received/${n}min `;
      return Number(watcher.sink.delivered.findLast((line) => line.startsWith(prefix))!.slice(prefix.length));
    });
  assertEquals(loads(), [0, 0, 0]);
  traffic.bytesReceived += 6_000; // in one minute
  pass(60_000);
  loads().forEach((load, i) => assertAlmostEquals(load, 6_000 * (1 - Math.exp(-1 / [1, 5, 15][i])), 0.01));
  for (let minute = 0; minute < 90; minute++) {
    traffic.bytesReceived += 6_000;
    pass(60_000);
  }
  assertAlmostEquals(loads()[0], 6_000, 0.01);
  assertAlmostEquals(loads()[2], 6_000, 20);
  for (let minute = 0; minute < 10; minute++) pass(60_000);
  assertAlmostEquals(loads()[0], 6_000 * Math.exp(-10), 0.01);
});

Deno.test("$SYS publishes at its interval, and only what has changed", async () => {
  const { connect, subscribe, pass } = await makeDispatcher({}, 10);
  const watcher = connect("watcher");
  subscribe(watcher.connection, "$SYS/broker/clients/connected");
  subscribe(watcher.connection, "$SYS/broker/version");
  const before = watcher.sink.delivered.length;
  pass(9_000);
  assertEquals(watcher.sink.delivered.length, before);
  pass(1_000);
  assertEquals(watcher.sink.delivered.slice(before), ["$SYS/broker/clients/connected 1"]);
  pass(10_000);
  assertEquals(watcher.sink.delivered.length, before + 1);
});
